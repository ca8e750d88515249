# SPDX-License-Identifier: Apache-2.0
"""Subjects: implementations of code modification that the suite drives, built as cmodx_subject_NAME, the suite with
them linked in. Their tests are named subject.NAME.SCENARIO; one file in subjects/ may hold several."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from . import tree
from .fault import HarnessFault, UsageFault
from .machines import Machine
from .shards import Element

prefix = "subject."
target_prefix = "cmodx_subject_"


def subject_of(test: str) -> str | None:
    """The subject that a test's name, or a glob over such, is about; None for the suite's own tests."""
    return test.removeprefix(prefix).partition(".")[0] if test.startswith(prefix) else None


@dataclass(frozen=True)
class Subject:
    """A file in subjects/: a part of a run, as a shard is."""

    name: str
    count: int = 2  # its document is one of several

    def of(self, tests: Sequence[Element]) -> list[Element]:
        return list(tests)

    def item(self, machine: str) -> str:
        return f"{machine}[{self.name}]"

    def path(self, folder: Path, machine: str) -> Path:
        return folder / "subjects" / f"{machine}.{self.name}.json"

    def target(self, machine: Machine) -> str:
        return target_prefix + self.name

    def absent(self, machine: Machine) -> str | None:
        if machine.bare:
            return "subjects want an operating system"
        return there(machine.preset).get(self.name, f"no subject {self.name}")


def there(preset: str) -> dict[str, str | None]:
    """What CMake found, by subject: None, or why it is absent."""
    path = tree.build / preset / "subjects.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise HarnessFault(f"{path}: {error.strerror}") from None
    return {name: why or None for name, _, why in (line.partition(": ") for line in lines)}


def parts(globs: Sequence[str], presets: Sequence[str]) -> list[Subject]:
    """Those that a glob names, of all that any of these builds knows."""
    names = sorted({name for preset in presets for name in there(preset)})
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            raise UsageFault(f"no subject matches '{glob}'; there are: {', '.join(names)}")
    return [Subject(name) for name in names if any(fnmatchcase(name, glob) for glob in globs)]
