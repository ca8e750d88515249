# SPDX-License-Identifier: Apache-2.0
"""Machines: places to run, one file each in ci/machines/."""

import math
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from . import tree
from .fault import UsageFault
from .fields import Key, check_table, is_number, is_text, is_texts, read_toml, text

kinds = ("native", "user", "system")
placeholders = ("binary", "cache", "ci")
_placeholder = re.compile(r"\{([^{}]*)\}")


def _is_launch(value: Any) -> bool:
    return is_texts(value) and _fits(value) and value.count("{binary}") == 1


def _fits(value: Any) -> bool:
    """Whether every brace in these texts belongs to a placeholder."""
    return is_texts(value) and all(
        set(_placeholder.findall(word)) <= set(placeholders) and not set("{}") & set(_placeholder.sub("", word))
        for word in value
    )


def _is_facts(value: Any) -> bool:
    return isinstance(value, dict) and all(is_text(k) and isinstance(v, str) for k, v in value.items())


_words = ", ".join("{" + name + "}" for name in placeholders)
keys = {
    "description": Key(text, is_text),
    "kind": Key("one of " + ", ".join(kinds), lambda v: v in kinds),
    "architecture": Key(
        "one of host, " + ", ".join(tree.architectures),
        lambda v: v == "host" or v in tree.architectures,
    ),
    "launch": Key(
        f"a list of arguments with {{binary}} once as an argument of its own; placeholders: {_words}", _is_launch
    ),
    "exists": Key(f"a list of paths that this machine needs; placeholders: {_words}", _fits, False, []),
    "cpus": Key(
        "a number of CPUs, 1 or more", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 1, False, 2
    ),
    "time_scale": Key(
        "a number above 0: how many times slower than a CPU",
        lambda v: is_number(v) and math.isfinite(v) and v > 0,
        False,
        1,
    ),
    "expect": Key("a table of facts, key = \"glob\"", _is_facts, False, {}),
}


@dataclass(frozen=True)
class Machine:
    """A place to run. `launch` is an argument list, never a shell's."""

    name: str
    path: Path
    description: str
    kind: str
    architecture: str  # resolved: never "host"
    preset: str  # of CMake
    launch: tuple[str, ...]
    exists: tuple[str, ...]
    cpus: int
    time_scale: float
    expect: dict[str, str]

    def command(self, binary: Path | str) -> list[str]:
        """What starts the binary on this machine; the binary's own arguments follow."""
        return [_fill(word, str(binary)) for word in self.launch]

    def absent(self) -> str | None:
        """Why this host does not have the machine; None if it does."""
        for path in self.exists:
            filled = _fill(path, "")
            if not Path(filled).exists():
                return f"no {filled}"
        have = len(tree.host_cpus())
        if have < self.cpus:
            return f"needs {self.cpus} CPUs, and this process may use {have}"
        return None


def _fill(word: str, binary: str) -> str:
    values = {"binary": binary, "cache": str(tree.cache()), "ci": str(tree.root / "ci")}
    return _placeholder.sub(lambda match: values[match[1]], word)


def read_machine(path: Path) -> Machine:
    table = check_table(str(path), read_toml(path), keys)
    host = table["architecture"] == "host"
    return Machine(
        name=path.stem,
        path=path,
        description=table["description"],
        kind=table["kind"],
        architecture=tree.host_architecture() if host else table["architecture"],
        preset="native" if host else table["architecture"],
        launch=tuple(table["launch"]),
        exists=tuple(table["exists"]),
        cpus=table["cpus"],
        time_scale=float(table["time_scale"]),
        expect=dict(table["expect"]),
    )


def machine_paths(folder: Path = tree.machines) -> list[Path]:
    """Sorted so that native is first and versions count up."""

    def rank(path: Path) -> tuple:
        words = re.split(r"(\d+)", path.stem)
        return path.stem != "native", [(int(w), "") if w.isdigit() else (-1, w) for w in words]

    return sorted(folder.glob("*.toml"), key=rank)


def select(globs: list[str], folder: Path = tree.machines) -> list[Machine]:
    """The machines that match a glob, all if none is given. Every file is read, so that a fault in any is seen."""
    every = [read_machine(path) for path in machine_paths(folder)]
    for glob in globs:
        if not any(fnmatchcase(machine.name, glob) for machine in every):
            names = ", ".join(machine.name for machine in every)
            raise UsageFault(f"no machine matches '{glob}'; there are: {names}")
    return [m for m in every if not globs or any(fnmatchcase(m.name, glob) for glob in globs)]
