# SPDX-License-Identifier: Apache-2.0
"""ci/mutants [GLOB…]: the tests on trial. Puts known bugs back into a copy of the tree, one at a time (ci/mutants.toml),
and the tests that should notice have to fail; on the tree as it is they have to pass."""

import contextlib
import os
import signal
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from . import fault, process, scratch, tree
from .entry import Parser, guarded
from .fault import HarnessFault, UsageFault

_limit_s = 1800


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str
    unit: str = ""
    suite: tuple[str, ...] = ()
    pytest: str = ""

    def command(self, root: Path) -> list[str]:
        native = root / "build" / "native"
        if self.unit:
            return [str(native / "tests" / "cmodx_unit"), f"--gtest_filter={self.unit}", "--gtest_brief=1"]
        if self.suite:
            return [str(native / "cmodx"), "run", *self.suite, "--budget", "quick", "--seed", "1"]
        tests = str(root / "ci" / "tests" / self.pytest)
        return ["/usr/bin/python3", "-m", "pytest", "-c", str(root / "ci" / "pytest.ini"), tests, "-q", "-x"]

    def target(self) -> str:
        if self.unit:
            return "cmodx_unit"
        if self.file.startswith("subjects/drive/"):
            return "cmodx_subject"
        return "cmodx" if self.suite or self.pytest and not self.file.startswith("ci/") else ""


def read_mutants(path: Path = tree.root / "ci" / "mutants.toml") -> list[Mutant]:
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(**{**entry, "suite": tuple(entry.get("suite", ()))}) for entry in entries]


def mutated(mutant: Mutant, root: Path) -> str:
    """The file with the bug in it."""
    text = (root / mutant.file).read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise HarnessFault(f"'{mutant.name}': {mutant.file} has {text.count(mutant.old)} places for it, not 1")
    return text.replace(mutant.old, mutant.new)


def _copy(root: Path) -> None:
    tree.copy(root, ".git")


def _run(argv: list[str], root: Path) -> subprocess.CompletedProcess:
    """Nothing is left of it: some bugs let go on what a test has started, and it may hold the output open, too."""
    mark = f"CMODX_MUTANTS={root}"
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        try:
            code = subprocess.run(
                ["env", mark, *process.bound(argv)],
                cwd=root, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, timeout=_limit_s, check=False,
            ).returncode  # fmt: skip
        finally:
            while left := list(process.marked(mark)):
                for one in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(one, signal.SIGKILL)
        said.seek(0)
        return subprocess.CompletedProcess(argv, code, said.read())


class _Refused(HarnessFault):
    """A static assertion has noticed."""


def _build(target: str, root: Path) -> None:
    if not target:
        return
    for argv in (["cmake", "--preset", "native"], ["cmake", "--build", "build/native", "--target", target]):
        ended = _run(argv, root)
        if ended.returncode != 0:
            refused = "error: static assertion failed" in ended.stdout
            raise (_Refused if refused else HarnessFault)(f"{' '.join(argv)}: {ended.stdout[-900:]}")


def _noticed(mutant: Mutant, root: Path) -> bool:
    """Whether the tests fail, or hang."""
    try:
        return _run(mutant.command(root), root).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def _killed(mutant: Mutant, root: Path) -> bool:
    text = mutated(mutant, root)
    _build(mutant.target(), root)
    sound = _run(mutant.command(root), root)
    if sound.returncode != 0:
        raise HarnessFault(f"the tests fail without it: {sound.stdout[-600:]}")
    path = root / mutant.file
    original = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    try:
        _build(mutant.target(), root)
        return _noticed(mutant, root)
    except _Refused:
        return True
    finally:
        path.write_text(original, encoding="utf-8")
        _build(mutant.target(), root)  # what others test is sound


def try_mutants(mutants: list[Mutant], root: Path) -> int:
    """The exit code. A mutant that cannot be tried hides none of the others."""
    _copy(root)
    survivors = untried = 0
    for mutant in mutants:
        try:
            killed = _killed(mutant, root)
        except (HarnessFault, subprocess.SubprocessError) as problem:
            untried += 1
            print(f"NOT TRIED {mutant.name}: {problem}", flush=True)
            continue
        survivors += not killed
        print(f"{'killed' if killed else 'SURVIVES':<10}{mutant.name}", flush=True)
    print(f"{len(mutants)} mutants, {survivors} survive" + f", {untried} not tried" * (untried > 0))
    return fault.violations if survivors else fault.harness_failed if untried else fault.conformant


def run(arguments: list[str]) -> int:
    parser = Parser("ci/mutants", __doc__)
    parser.add_argument("globs", nargs="*", metavar="GLOB", help="of mutants' names")
    globs = parser.parse_args(arguments).globs
    mutants = [m for m in read_mutants() if not globs or any(fnmatchcase(m.name, glob) for glob in globs)]
    if not mutants:
        raise UsageFault(f"no mutant is called so; there are: {', '.join(m.name for m in read_mutants())}")
    with scratch.folder("mutants") as folder:
        return try_mutants(mutants, folder)


def main() -> int:
    return guarded("ci/mutants", run)
