# SPDX-License-Identifier: Apache-2.0
"""Known failures of a machine: results/MACHINE/expected.toml.

    include = ["../OTHER/expected.toml"]     # its lines come first

    [[known]]
    test = "MP.RF+*+alias+*"                 # a glob over names
    witness = "stale"                        # or crash, timeout
    reason = "one sentence: whose defect it is"
    link = "https://…"                       # optional
    chance = true                            # optional: any may pass, but not all with this reason

A line speaks of the tests that its glob matches and for which its witness is forbidden: of those that are merely
seen it says nothing. Each of them has to fail with that witness; with `chance`, for a race that shows itself in some of
so many tests, at least one of all that the machine's lines with the same reason speak of. Where results/MACHINE/ has a
baseline that says in how many it showed, none is a fault only if 95 % intervals of the two counts do not touch.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from . import tree
from .fault import UsageFault
from .fields import Key, check_table, is_text, is_texts, one_line, read_toml, text
from .results import Record, schema

ended = ("crash", "timeout")
# The bases that fail a run; `gates` in arch/arch.hpp.
gating = ("arch-text", "arch-model", "kernel-abi", "claim")


def witness_names() -> list[str]:
    return schema()["$defs"]["witness_name"]["enum"]


@dataclass(frozen=True)
class Line:
    test: str
    witness: str
    reason: str
    link: str | None
    where: str  # file and number of the entry
    chance: bool = False

    def matches(self, name: str) -> bool:
        return fnmatchcase(name, self.test)

    def __str__(self) -> str:
        return f"{self.where}: {self.test} {self.witness}"


def _keys() -> dict[str, Key]:
    witnesses = (*witness_names(), *ended)
    return {
        "test": Key("a glob over names of tests", is_text),
        "witness": Key("one of " + ", ".join(witnesses), lambda v: v in witnesses),
        "reason": Key("one sentence: whose defect it is", is_text),
        "link": Key("a link to a report", is_text, False),
        "chance": Key(
            "true for a race: any test may pass, but not all with this reason", lambda v: isinstance(v, bool), False, False
        ),
    }


_file_keys = {
    "include": Key("a list of paths, relative to this file", is_texts, False, []),
    "known": Key(f"a list of tables, each {text} of test, witness, reason, link, chance",
                 lambda v: isinstance(v, list), False, []),
}


def read_lines(path: Path, above: tuple[Path, ...] = ()) -> list[Line]:
    """The lines of a file and of all that it includes, each file once."""
    path = Path(os.path.normpath(path))
    if path in above:
        raise UsageFault(f"{one_line(path)}: includes itself; accepted: files that do not lead back here")
    table = check_table(str(path), read_toml(path), _file_keys)
    lines: list[Line] = []
    for included in table["include"]:
        lines += read_lines(path.parent / included, (*above, path))
    keys = _keys()
    for number, entry in enumerate(table["known"], 1):
        shown = path.relative_to(tree.root) if path.is_relative_to(tree.root) else path
        where = f"{shown}: known {number}"
        lines.append(Line(**check_table(where, entry, keys), where=where))
    return list(dict.fromkeys(lines))


def path_of(machine: str, folder: Path = tree.results) -> Path:
    return folder / machine / "expected.toml"


def lines_of(machine: str, folder: Path = tree.results) -> list[Line]:
    """The known failures of a machine; none if it has no file."""
    path = path_of(machine, folder)
    return read_lines(path) if path.exists() else []


def forbidden(record: dict[str, Any]) -> list[str]:
    """The witnesses that this test must not show, on a basis that gates a run."""
    return [w["witness"] for w in record.get("witnesses", []) if w["verdict"] == "forbidden" and w["basis"] in gating]


def failed(record: Record) -> list[str]:
    """What a failing record failed with: its witnesses, or how its process ended; empty if it did not fail."""
    if record["status"] in ended:
        return [record["status"]]
    if record["status"] != "fail":
        return []
    return [
        w["witness"]
        for w in record["witnesses"]
        if (w["verdict"] == "forbidden" and w["k"] > 0 or w["verdict"] == "required" and w["k"] == 0)
        and w["basis"] in gating
    ]


def speaks_of(line: Line, record: Record) -> bool:
    """Whether the line expects this test to fail."""
    return line.matches(record["name"]) and (line.witness in ended or line.witness in forbidden(record))


def races(records: Iterable[Record], lines: list[Line]) -> dict[str, tuple[int, int]]:
    """By reason of the lines with `chance`: how many tests failed as one of them says, of how many they speak of."""
    shown: dict[str, set[str]] = {}
    spoken: dict[str, set[str]] = {}
    for record in records:
        for line in lines:
            if line.chance and speaks_of(line, record) and record["status"] in ("pass", "fail"):
                spoken.setdefault(line.reason, set()).add(record["name"])
                if line.witness in failed(record):
                    shown.setdefault(line.reason, set()).add(record["name"])
    return {reason: (len(shown.get(reason, ())), len(names)) for reason, names in spoken.items()}


def races_before(machine: str, lines: list[Line], folder: Path = tree.results) -> dict[str, tuple[int, int]]:
    """The same of the machine's baseline, if there is one."""
    path = folder / machine / "baseline.json"
    if not path.exists() or not any(line.chance for line in lines):
        return {}
    try:
        return races(json.loads(path.read_text(encoding="utf-8"))["tests"], lines)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageFault(f"{path}: no baseline: {error!r}; accepted: what ci/baseline writes") from None
