# SPDX-License-Identifier: Apache-2.0
"""Parts of a machine's run, by tests, and one document out of the parts' documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Protocol, TypeVar

from .fault import HarnessFault
from .machines import Machine
from .results import Document, Record

Element = TypeVar("Element")

class Part(Protocol):
    """What an item of a run is about, besides a machine: a shard of the suite's tests, or a subject (subjects.py)."""

    count: int  # whether its document is the machine's, 1, or one of several

    def of(self, tests: Sequence[Element]) -> list[Element]: ...
    def target(self, machine: Machine) -> str: ...  # what is built for it
    def absent(self, machine: Machine) -> str | None: ...  # why it is not there for the machine
    def item(self, machine: str) -> str: ...  # its name
    def path(self, folder: Path, machine: str) -> Path: ...  # where its document goes


# In what documents of one run agree: what follows from the machine, the binary and the order.
_common = ("schema", "tool", "machine", "facts", "seed", "budget")


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`, from 1."""

    index: int = 1
    count: int = 1

    def of(self, tests: Sequence[Element]) -> list[Element]:
        """Dealt out like cards, so that a shape that takes long is not all in one shard."""
        return list(tests[self.index - 1 :: self.count])

    def target(self, machine: Machine) -> str:
        return machine.target

    def absent(self, machine: Machine) -> str | None:
        return None

    def item(self, machine: str) -> str:
        return machine if self.count == 1 else f"{machine}[{self.index}of{self.count}]"

    def path(self, folder: Path, machine: str) -> Path:
        """Where its document goes; those of shards are not where those of machines are."""
        if self.count == 1:
            return folder / f"{machine}.json"
        return folder / "shards" / f"{machine}.{self.index}of{self.count}.json"


def shards(count: int) -> list[Shard]:
    return [Shard(index, count) for index in range(1, count + 1)]


def _agree(documents: Sequence[Document]) -> None:
    first = documents[0]
    for document in documents[1:]:
        for key in _common:
            if document[key] != first[key]:
                differ = _first_difference(first[key], document[key])
                raise HarnessFault(f"{first['machine']['name']}: documents of different runs: {key}{differ}")


def _first_difference(one: object, other: object) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                return f".{key}" + _first_difference(one.get(key), other.get(key))
    return f" is {one!r} and {other!r}"


def merged(documents: Sequence[Document]) -> Document:
    """One document; associative, and whatever the order. Tests are sorted by name. HarnessFault, one line, for documents
    of different runs, and for a test with two results."""
    _agree(documents)
    records: dict[str, Record] = {}
    for document in documents:
        for record in document["tests"]:
            if records.setdefault(record["name"], record) != record:
                raise HarnessFault(f"{document['machine']['name']}: two results of {record['name']}")
    # The command line of the part that started first stands for all.
    start, command = min((document["start"], document["command"]) for document in documents)
    return {key: documents[0][key] for key in _common} | {
        "command": command,
        "start": start,
        "duration_s": sum_of([document["duration_s"] for document in documents]),
        "complete": all(document["complete"] for document in documents),
        "tests": [records[name] for name in sorted(records)],
    }


def sum_of(seconds: Sequence[float]) -> float:
    """In whole microseconds: sums of floating point depend on the order."""
    return sum(round(s * 1e6) for s in seconds) / 1e6


def dealt_back(document: Document, parts: Sequence[Document]) -> Document:
    """The merged document with its tests in the order of the list, from its parts in theirs."""
    names = [[record["name"] for record in part["tests"]] for part in parts]
    order = dict.fromkeys(name for row in zip_longest(*names) for name in row if name is not None)
    records = {record["name"]: record for record in document["tests"]}
    return document | {"tests": [records[name] for name in order]}
