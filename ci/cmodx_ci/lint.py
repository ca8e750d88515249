# SPDX-License-Identifier: Apache-2.0
"""ci/lint [FILE…]: clang-tidy (.clang-tidy) and cppcheck (.cppcheck) on all C++ that is compiled, natively or else for another
architecture, or on some files of it. Nothing is built."""

import concurrent.futures
import functools
import json
import os
import re
import subprocess
from pathlib import Path

from . import fault, tree
from .entry import Parser, guarded
from .fault import HarnessFault, UsageFault

# What GCC knows and clang does not is no finding; nor is what the libraries' headers do. clang concludes the target from
# the compiler's name; options that it does not have are left out, and one by which it knows no `long double`.
_tidy = ["clang-tidy", "--quiet", "--extra-arg=-Wno-unknown-warning-option"]
_unknown = re.compile(r" -(fno-tree-loop-distribute-patterns|mgeneral-regs-only)(?= )")
_cppcheck = [
    "cppcheck", "--quiet", "--enable=warning,performance,portability", "--inline-suppr", "--error-exitcode=1",
    f"--suppressions-list={tree.root}/.cppcheck", "--library=googletest",
]  # fmt: skip


def _commands(preset: str) -> list[dict[str, str]]:
    configured = subprocess.run(["cmake", "--preset", preset], cwd=tree.root, capture_output=True, text=True, check=False)
    if configured.returncode != 0:
        raise HarnessFault(f"cmake --preset {preset}: {configured.stderr[-600:]}")
    commands = json.loads((tree.build / preset / "compile_commands.json").read_text(encoding="utf-8"))
    return [e | {"command": _unknown.sub("", e["command"])} for e in commands if not e["file"].endswith(".S")]


@functools.cache
def commands() -> dict[Path, tuple[str, dict[str, str]]]:
    """How a file is compiled, and by the first preset that does."""
    known: dict[Path, tuple[str, dict[str, str]]] = {}
    for preset in ("native", *tree.architectures):
        for entry in _commands(preset):
            if known.get(Path(entry["file"]), (preset,))[0] == preset:
                known[Path(entry["file"])] = preset, entry
    return known


def _run(argv: list[str]) -> tuple[bool, str]:
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tree.root)
    said = [line for line in (ended.stdout + ended.stderr).splitlines() if " warnings generated" not in line]
    said = [line for line in said if not line.startswith(("Suppressed ", "Use -header-filter", "Use -system-headers"))]
    return ended.returncode == 0, "\n".join(said)


def chosen(words: list[str]) -> list[Path]:
    known = commands()
    files = [Path(word).absolute() for word in words]
    if unknown := [str(file) for file in files if file not in known]:
        raise UsageFault(f"not part of any build: {', '.join(unknown)}")
    return files or sorted(known)


def _checked(preset: str, entries: list[dict[str, str]], jobs: int) -> tuple[bool, str]:
    """By cppcheck; leaves what clang-tidy reads."""
    folder = tree.build / preset / "lint"
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(entries), encoding="utf-8")
    width = "unix32" if preset == "arm32" else "unix64"
    more = [f"--cppcheck-build-dir={folder}", f"--platform={width}", "-j", str(jobs), f"--project={folder}/compile_commands.json"]
    return _run([*_cppcheck, *more])


def _tidied(file: Path) -> tuple[bool, str]:
    return _run([*_tidy, "-p", str(tree.build / commands()[file][0] / "lint"), str(file)])


def lint(files: list[Path]) -> bool:
    jobs = len(os.sched_getaffinity(0))
    by_preset: dict[str, list[dict[str, str]]] = {}
    for file in files:
        preset, entry = commands()[file]
        by_preset.setdefault(preset, []).append(entry)
    good = True
    for preset, entries in by_preset.items():
        clean, said = _checked(preset, entries, jobs)
        good &= clean
        if not clean:
            print(said, flush=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for file, (clean, found) in zip(files, pool.map(_tidied, files), strict=True):
            good &= clean
            if not clean:
                print(f"{file.relative_to(tree.root)}:\n{found}", flush=True)
    print(f"{len(files)} files, {'clean' if good else 'NOT clean'}")
    return good


def run(arguments: list[str]) -> int:
    parser = Parser("ci/lint", __doc__)
    parser.add_argument("files", nargs="*", metavar="FILE")
    return fault.conformant if lint(chosen(parser.parse_args(arguments).files)) else fault.violations


def main() -> int:
    return guarded("ci/lint", run)
