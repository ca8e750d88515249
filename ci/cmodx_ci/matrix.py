# SPDX-License-Identifier: Apache-2.0
"""ci/matrix: runs the suite on every machine that this host offers, prints one table, keeps the documents."""

import argparse
import contextlib
import datetime
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from . import (
    campaign, expected, far, fault, labgrid_source, output, plugin, report, report_command, results, resume, scratch, subjects,
    table, tree,
)  # fmt: skip
from .entry import Parser, guarded
from .fault import HarnessFault, UsageFault
from .judge import Judgement, judge
from .machines import Machine, select
from .shards import Part, Shard, dealt_back, merged, shards

_description = """Runs the suite on every machine that this host offers. A run is a pytest run with one item a machine:
-k, -x, -n, --lf, --junit-xml and whatever follows -- go to pytest.
Exit codes: 0 conformant, known failures included; 1 a violation, an unexpected pass, a missing result;
2 usage; 3 the harness failed; 77 nothing to run."""


# What a run that is picked up takes over, with the defaults; and the seed, whose default is drawn.
kept_options = {"machines": [], "budget": "quick", "test": [], "shards": 1, "subject": [], "labgrid": None}


def _parser() -> argparse.ArgumentParser:
    parser = Parser("ci/matrix", _description)
    parser.add_argument("machines", nargs="*", metavar="MACHINE-GLOB", help="names of files in ci/machines/")
    parser.add_argument("--budget", help="quick (default), default, soak, or a duration such as 500ms")
    parser.add_argument("--seed", type=int, help="of all choices at random; printed, and drawn if not given")
    parser.add_argument("--test", action="append", metavar="GLOB", help="only these tests of the suite")
    parser.add_argument(
        "--subject", action="append", metavar="GLOB", help="not the suite, but these of subjects/ on every machine"
    )
    parser.add_argument("--shards", type=int, metavar="N", help="N items a machine, each with its part of the tests")
    parser.add_argument(
        "--resume", metavar="RUN", help="picks up a run that was killed: its folder, its name in build/results, or latest"
    )
    parser.add_argument("--labgrid", metavar="FILE", help="an environment of labgrid: its targets are machines as well")
    parser.add_argument("--no-build", action="store_true", help="take the binaries in build/ as they are")
    to_pytest = parser.add_argument_group("passed on to pytest")
    to_pytest.add_argument("-k", metavar="EXPRESSION")
    to_pytest.add_argument("-n", metavar="WORKERS", help="side by side, as far as the CPUs suffice (pytest-xdist)")
    to_pytest.add_argument(
        "--tx", action="append", default=[], metavar="SPEC",
        help="a worker, such as popen or ssh=HOST, given once for each (pytest-xdist); binaries are copied to HOST",
    )
    to_pytest.add_argument("-x", action="store_true")
    to_pytest.add_argument("--lf", "--last-failed", action="store_true")
    to_pytest.add_argument("--junit-xml", metavar="FILE")
    return parser


def _pytest_arguments(options: argparse.Namespace, rest: list[str], folder: Path, root: Path) -> list[str]:
    """`root`: the checkout, or what is copied of it. xdist translates arguments that are paths for other hosts; those
    after a "=" stay what they are here."""
    arguments = ["-c", str(root / "ci" / "pytest.ini"), "-p", "cmodx_ci.plugin", "--verbose", "--no-header"]
    arguments += ["-o", f"cache_dir={tree.build / 'matrix-cache'}", "-rN", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    arguments += [f"--cmodx-results={folder}", "--cmodx-expected", str(root / "results")]
    arguments += ["--cmodx-budget", options.budget, "--cmodx-seed", str(options.seed)]
    arguments += ["--cmodx-shards", str(options.shards)]
    if options.labgrid:
        arguments += ["--cmodx-labgrid", options.labgrid]
    for glob in options.test:
        arguments += ["--cmodx-test", glob]
    for subject in options.subject:
        arguments += ["--cmodx-subject", subject]
    if sys.stderr.isatty() and not options.n and not options.tx:
        arguments.append("-s")  # the binary shows its progress
    for flag in ("k", "n"):
        if getattr(options, flag):
            arguments += [f"-{flag}", getattr(options, flag)]
    if options.junit_xml:
        arguments.append(f"--junit-xml={Path(options.junit_xml).absolute()}")
    for specification in options.tx:
        arguments += ["-d", f"--tx={far.completed(specification)}"]
    if root != tree.root:
        arguments.append(f"--rsyncdir={root}")
    arguments += ["-x"] * options.x + ["--lf"] * options.lf
    return arguments + rest


def _call(argv: list[str], what: str) -> None:
    """Output to standard error: standard output is for results."""
    try:
        code = subprocess.run(argv, stdout=sys.stderr, cwd=tree.root, check=False).returncode
    except OSError as error:
        raise HarnessFault(f"{what}: cannot start {argv[0]}: {error.strerror}") from None
    if code != 0:
        raise HarnessFault(f"{what} failed: {' '.join(argv)}")


def _fetch(machines: list[Machine]) -> None:
    """Emulators and kernels that are not there yet; a machine whose parts cannot be had is shown as absent."""
    if any(machine.guest and machine.absent() for machine in machines):
        with contextlib.suppress(HarnessFault):
            _call([str(tree.root / "ci" / "setup"), "system"], "getting emulators and kernels")


def _here(machines: list[Machine]) -> list[Machine]:
    # Whether another host is there is asked once, when it is its turn.
    return [machine for machine in machines if machine.elsewhere or machine.absent() is None]


def _configure(presets: Iterable[str]) -> None:
    for preset in dict.fromkeys(presets):
        if not (tree.build / preset / "build.ninja").exists():
            _call(["cmake", "--preset", preset], f"configuring {preset}")


def build(machines: list[Machine], parts: Sequence[Part] = (Shard(),)) -> None:
    here = _here(machines)
    wanted = []
    for part in parts:
        these = [machine for machine in here if part.absent(machine) is None]
        wanted += [(machine.preset, part.target(machine)) for machine in these]
        # What a guest's binary lists is asked from this host's.
        native = "cmodx" if isinstance(part, Shard) else part.target(these[0]) if these else ""
        wanted += [("native", native)] * any(machine.guest for machine in these)
    _configure(preset for preset, _ in wanted)
    for preset, target in dict.fromkeys(wanted):
        _call(["cmake", "--build", "--preset", preset, "--target", target], f"building {preset}")


def _subjects(globs: list[str], machines: list[Machine], build: bool) -> list[Part]:
    """Those that globs name: what CMake has found says which there are, and for whom."""
    presets = sorted({"native", *(machine.preset for machine in _here(machines))})
    if build:
        _configure(presets)
    return list(subjects.parts(globs, presets))


def _new_folder() -> Path:
    """build/results/RUN-ID, and `latest` beside it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    parent = tree.build / "results"
    for attempt in range(1000):
        folder = parent / (now.strftime("%Y%m%dT%H%M%SZ") + (f".{attempt}" if attempt else ""))
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        link = parent / f".latest.{os.getpid()}"
        link.symlink_to(folder.name)
        os.replace(link, parent / "latest")
        return folder
    raise HarnessFault(f"{parent}: no name is left for this run")


def _documents(
    machines: list[Machine], folder: Path, of: Sequence[Part], came_to: dict[str, tuple[str, str]]
) -> tuple[list[results.Document], dict[str, str], dict[str, Part]]:
    """The machines' documents, put together out of their parts' if there are any, and complete if those are all that
    there are, by what the items came to; of which that failed, and why; and which subject a test is of."""
    documents, failed, belongs = [], {}, {}
    for machine in machines:
        there = [(p, results.read(path)) for p in of if (path := p.path(folder, machine.name)).exists()]
        parts = [document for _, document in there]
        belongs |= {r["name"]: p for p, document in there if not isinstance(p, Shard) for r in document["tests"]}
        try:
            if of[0].count > 1 and parts:
                whole = merged(parts)
                if isinstance(of[0], Shard):
                    whole = dealt_back(whole, parts)
                without = [p.item(machine.name) for p in of if not p.path(folder, machine.name).exists()]
                whole["complete"] &= all(came_to.get(item, ("",))[0] in ("nothing", "absent") for item in without)
                results.write(folder / f"{machine.name}.json", whole)
                documents.append(whole)
            else:
                documents += parts
        except HarnessFault as problem:
            failed[machine.name] = str(problem)
    return documents, failed, belongs


def _order(options: argparse.Namespace) -> Path | None:
    """Fills in what was not given: from the run that is picked up, whose folder this gives, or the defaults."""
    defaults = {**kept_options, "seed": None}
    folder = None
    if options.resume:
        given = [name for name in defaults if getattr(options, name)]
        if given:
            raise UsageFault(f"--resume with {', '.join(given)}: these are the run's that is picked up; accepted is neither")
        folder = resume.find_run(options.resume)
        defaults |= resume.read_order(folder)
        options.no_build = True
    for name, value in defaults.items():
        if getattr(options, name) in (None, []):
            setattr(options, name, value)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 2**32)
    elif options.seed < 0:
        raise UsageFault(f"--seed {options.seed}; accepted: 0 or more")
    if options.shards < 1:
        raise UsageFault(f"--shards {options.shards}; accepted: 1 or more")
    if options.subject and (options.shards > 1 or options.tx):
        raise UsageFault("--subject with --shards or --tx; accepted is one of them")
    if options.tx and (options.n or options.labgrid):
        raise UsageFault("--tx with -n or --labgrid; accepted is one of them")
    if options.labgrid:
        options.labgrid = str(Path(options.labgrid).absolute())
    return folder


def exit_code(pytest_code: int, judgements: list[Judgement], came_to: dict[str, tuple[str, str]]) -> int:
    """A violation counts before a fault elsewhere: it is sure, whatever else happened."""
    how = {how for how, _ in came_to.values()}
    if "usage" in how or pytest_code == pytest.ExitCode.USAGE_ERROR:
        return fault.usage
    if any(j.violations or j.passes or j.idle for j in judgements):
        return fault.violations
    stopped = pytest_code in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
    if "harness" in how or stopped or any(j.errors for j in judgements):
        return fault.harness_failed
    if not judgements:
        return fault.nothing_to_run
    return fault.conformant if pytest_code == pytest.ExitCode.OK else fault.harness_failed


def _judged(document: results.Document, whole: bool) -> Judgement:
    machine = document["machine"]["name"]
    lines = expected.lines_of(machine)
    return judge(document, lines, whole, expected.races_before(machine, lines))


def run(arguments: list[str]) -> int:
    rest: list[str] = []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, rest = arguments[:cut], arguments[cut + 1 :]
    options = _parser().parse_args(arguments)
    folder = _order(options)
    more = labgrid_source.machines(Path(options.labgrid)) if options.labgrid else []
    machines = select(options.machines, more=more)
    for machine in machines:
        expected.lines_of(machine.name)  # a fault in a file is said before the build, not after the run
    if not options.no_build:
        _fetch(machines)
    parts: Sequence[Part] = shards(options.shards)
    if options.subject:
        parts = _subjects(options.subject, machines, not options.no_build)
        options.subject = [part.name for part in parts]
    if not options.no_build:
        build(machines, parts)
    if folder is None:
        folder = _new_folder()
        order = {name: getattr(options, name) for name in (*kept_options, "seed")}
        binaries = {campaign.binary_of(m, part) for m in _here(machines) for part in parts if part.absent(m) is None}
        resume.keep_order(folder, order, binaries)
    print(f"seed {options.seed}, documents in {os.path.relpath(folder)}", file=sys.stderr)

    outcomes = plugin.Outcomes(folder)
    with contextlib.ExitStack() as stack:
        root = tree.root
        if any(far.is_far(specification) for specification in options.tx):
            root = far.staged(stack.enter_context(scratch.folder("staged")), _here(machines))
        targets = [f"{m.path}::{m.name}" if m.kind == "labgrid" else str(root / "ci/machines" / m.path.name) for m in machines]
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))  # standard output is for results
        code = int(pytest.main([*_pytest_arguments(options, rest, folder, root), *targets], plugins=[outcomes]))

    documents, failed, belongs = _documents(machines, folder, parts, outcomes.of)
    judgements = [_judged(d, not options.test and (parts[0].count == 1 or d["complete"])) for d in documents]
    outcomes.of |= {name: ("harness", why) for name, why in failed.items()}
    others = {name: outcome for name, outcome in outcomes.of.items() if outcome[0] != "judged"}
    shown: list[object] = []
    if judgements:
        shown += [table.build(documents, judgements), table.legend()]
    shown += report.lines({machine.name: machine for machine in machines}, documents, judgements, others, belongs)
    table.show(sys.stdout, *shown)
    with output.whole(folder / "table.txt") as file:
        table.show(file, *shown)
    if documents:
        report_command.beside(folder)
        print(f"page in {os.path.relpath(folder / 'report.html')}", file=sys.stderr)
    return exit_code(code, judgements, outcomes.of)


def main() -> int:
    return guarded("ci/matrix", run)
