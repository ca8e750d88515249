# SPDX-License-Identifier: Apache-2.0
"""What a person names when results are compared: a document, a folder, a machine's baseline, a git revision's.

    build/results/latest                 a folder: every document in it
    build/results/latest/native.json     one document, or a baseline
    native                               results/native/baseline.json
    HEAD~3:                              the baselines of a revision
    HEAD~3:native                        one of them
"""

import gc
import multiprocessing
import os
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from . import digest, errata, keep, layout, packed, reader, tree
from .digest import Run
from .fault import UsageFault
from .wording import plain

Runs = dict[tuple[str, str], Run]

# From so many documents on, several processes read them.
_few = 6


def of(name: str, void: "errata.Errata | None" = None) -> Runs:
    """The runs by machine and architecture, those of one machine merged, without what our errata void."""
    return collect([name], void)


def collect(names: Iterable[str], void: "errata.Errata | None" = None) -> Runs:
    gc.disable()  # millions of small objects, no circles, and the end of the process soon
    void = errata.read() if void is None else void
    found: Runs = {}
    paths: list[Path] = []
    given: list[Run] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            paths += documents(path)
        elif path.exists():
            paths.append(path)
        elif ":" in name:
            given += _of_revision(name)
        else:
            paths.append(_baseline(name))
    unique = list({path.resolve(): path for path in paths}.values())
    for run in [*given, *_read(unique)]:
        errata.apply(run, void)
        found[run.key] = digest.merged(found[run.key], run) if run.key in found else run
    return found


def documents(folder: Path) -> list[Path]:
    """The documents of a folder, sorted; what ci/matrix keeps beside them is none."""
    try:
        every = sorted(folder.glob("*.json"))
    except OSError as error:
        raise UsageFault(f"{plain(str(folder))}: {error.strerror}") from None
    found = [p for p in every if not p.name.startswith(".") and not p.name.endswith(".invalid.json")]
    if not found:
        raise UsageFault(f"{plain(str(folder))}: no document in this folder; accepted are *.json")
    return found


def _baseline(name: str) -> Path:
    path = tree.results / name / "baseline.json"
    if name and "/" not in name and name not in (".", "..") and path.is_file():
        return path
    have = sorted(p.parent.name for p in tree.results.glob("*/baseline.json"))
    raise UsageFault(
        f"{plain(name)}: no such file or folder, and no machine with a baseline; there are: {', '.join(have) or 'none'}"
    )


def of_parsed(kind: str, document: dict) -> Run:
    if kind == "measurement":
        raise UsageFault("a measurement holds no tests; ci/report shows it")
    return digest.of_document(document) if kind == "result" else digest.of_baseline(document)


def _packed(path: Path) -> bytes | UsageFault:
    """A fault is returned: an exception of a worker comes with its traceback, and one of several is chosen by order."""
    try:
        raw = reader.contents(path)
        made = layout.packed(raw) or packed.pack(of_parsed(*reader.parse(raw, reader.name_of(path))))
    except UsageFault as fault:
        return fault
    keep.put(path, made)
    return made


def _read(paths: list[Path]) -> Iterable[Run]:
    """In the order of the paths."""
    kept = {path: keep.get(path) for path in paths}
    fresh = [path for path in paths if kept[path] is None]
    if len(fresh) < _few or len(tree.host_cpus()) < 2:
        read: Callable[[Path], bytes | UsageFault] = _packed
        answers = dict(zip(fresh, map(read, fresh), strict=True))
    else:
        layout.prepare()  # once for all of them
        with ProcessPoolExecutor(min(8, len(tree.host_cpus())), multiprocessing.get_context("fork")) as pool:
            answers = dict(zip(fresh, pool.map(_packed, fresh, chunksize=2), strict=True))
    if fresh:
        keep.tidy()
    for path in paths:
        run = kept.pop(path)
        if run is None:
            answer = answers.pop(path)
            if isinstance(answer, UsageFault):
                raise answer
            run = packed.unpack(answer)
        yield run


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(tree.root), *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except OSError as error:
        raise UsageFault(f"git: cannot start: {error.strerror}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise UsageFault(f"git {plain(' '.join(arguments), 100)}: {plain(lines[-1], 160)}")
    return done.stdout


def _of_revision(name: str) -> list[Run]:
    revision, _, machine = name.partition(":")
    if not revision:
        raise UsageFault(f"{plain(name)}: no revision before the colon; accepted: REVISION: or REVISION:MACHINE")
    at = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    listed = _git("ls-tree", "-r", "-z", "--name-only", at, "--", "results/").decode("utf-8", "replace").split("\0")
    files = [p for p in listed if p.endswith("/baseline.json") and p.count("/") == 2]
    if machine:
        files = [p for p in files if p.split("/")[1] == machine]
    if not files:
        what = f"of machine {plain(machine)} " if machine else ""
        raise UsageFault(f"{plain(name)}: no baseline {what}at that revision")
    return [of_parsed(*reader.parse(_git("show", f"{at}:{path}"), f"{plain(name)}{path}")) for path in files]
