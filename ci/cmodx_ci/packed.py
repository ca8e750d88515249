# SPDX-License-Identifier: Apache-2.0
"""A run's tests as bytes, from which one is taken at a time: of a hundred machines most tests are only glanced at."""

import marshal
import sys
from array import array
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from .digest import Parts, Result, Ruling, Run, Seen, same


def glance(result: Result) -> str:
    """All that decides whether two results differ in anything but rates and code: equal for equal ones."""
    words = [result.status]
    for w in result.witnesses:
        shown = "-" if w.n == 0 else "+" if w.k else "0"
        words.append(f"{w.witness} {w.ruling.verdict} {w.ruling.basis} {shown}")
    return "|".join(words)


class Packed(Mapping[str, Result]):
    """`glances`, `codes` and `rates` (the median in 1/s, 0 without one) go along with `names`. `lone`: no test has so
    many rates that their spread is known."""

    def __init__(self, plain: tuple) -> None:
        self.names, self.glances, self.codes, rates, self.lone, self._rows, rulings, parts, reasons = plain
        self.rates = array("d")
        self.rates.frombytes(rates)
        self._rulings = [same(Ruling(*words)) for words in rulings]
        self._parts = [same(Parts(*words)) for words in parts]
        self._reasons = reasons
        self._at: dict[str, int] | None = None

    def place(self, name: str) -> int | None:
        if self._at is None:
            self._at = {name: place for place, name in enumerate(self.names)}
        return self._at.get(name)

    def _result(self, place: int) -> Result:
        status, reason, part, code, rates, seen = marshal.loads(self._rows[place])
        rulings = self._rulings
        return Result(
            status, self._reasons[reason], self._parts[part], code, rates,
            tuple([Seen(sys.intern(witness), k, n, rulings[r]) for witness, k, n, r in seen]),
        )

    def __getitem__(self, name: str) -> Result:
        place = self.place(name)
        if place is None:
            raise KeyError(name)
        return self._result(place)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.place(name) is not None

    def unpacked(self) -> dict[str, Result]:
        return {name: self._result(place) for place, name in enumerate(self.names)}


def _numbered(table: dict[Any, int], value: Any) -> int:
    return table.setdefault(value, len(table))


def pack(run: Run) -> bytes:
    rulings: dict[Ruling, int] = {}
    parts: dict[Parts, int] = {}
    reasons: dict[str, int] = {}
    shared: dict[str, str] = {}
    rows, glances, codes, rates = [], [], [], array("d")
    for result in run.tests.values():
        seen = tuple((w.witness, w.k, w.n, _numbered(rulings, w.ruling)) for w in result.witnesses)
        reason, part = _numbered(reasons, result.reason), _numbered(parts, result.parts)
        row = (result.status, reason, part, result.code, result.rates, seen)
        rows.append(marshal.dumps(row))
        glanced = glance(result)
        glances.append(shared.setdefault(glanced, glanced))
        codes.append(" ".join(result.code))
        rates.append(median(result.rates) if result.rates else 0.0)
    lone = all(len(result.rates) < 3 for result in run.tests.values())
    tests = (
        tuple(run.tests), tuple(glances), tuple(codes), rates.tobytes(), lone, tuple(rows),
        tuple(map(tuple, rulings)), tuple(map(tuple, parts)), tuple(reasons),
    )
    details = marshal.dumps(run.details)
    return marshal.dumps((run.machine, run.architecture, run.environment, tests, details, run.runs))


def unpack(raw: bytes) -> Run:
    machine, architecture, environment, tests, details, runs = marshal.loads(raw)
    return Run(machine, architecture, environment, Packed(tests), marshal.loads(details), runs)
