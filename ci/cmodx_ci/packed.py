# SPDX-License-Identifier: Apache-2.0
"""A run's tests as bytes, from which one is taken at a time: of a hundred machines most tests are only glanced at."""

import marshal
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from .digest import Parts, Result, Ruling, Run, Seen, same

# (status, reason, (witness, ruling) of each)
Kind = tuple[str, str, Sequence[tuple[str, Ruling]]]


class Packed(Mapping[str, Result]):
    """`glances` (equal for results that differ in nothing but counts, rates and code), `codes` and `rates` (the median
    in 1/s, 0 without one) go along with `names`. `lone`: no test has so many rates that their spread is known."""

    def __init__(self, glanced: bytes, looked_at: bytes) -> None:
        self.names, self.glances, self.codes, rates, self.lone = marshal.loads(glanced)
        self.rates = array("d")
        self.rates.frombytes(rates)
        self._looked_at = looked_at
        self._at: dict[str, int] | None = None

    @cached_property
    def _rest(self) -> tuple:
        ks, ns, kinds, kind_of, parts, part_of, rates_of = marshal.loads(self._looked_at)
        made = [
            (status, reason, [(witness, same(Ruling(*words))) for witness, words in seen])
            for status, reason, seen in kinds
        ]
        return ks, ns, made, kind_of, parts, part_of, rates_of

    def place(self, name: str) -> int | None:
        if self._at is None:
            self._at = {name: place for place, name in enumerate(self.names)}
        return self._at.get(name)

    def _result(self, place: int) -> Result:
        ks, ns, kinds, kind_of, parts, part_of, rates_of = self._rest
        status, reason, seen = kinds[kind_of[place]]
        rate = self.rates[place]
        rates = rates_of[place] if rates_of else (rate,) if rate else ()
        witnesses = [Seen(witness, ks[i][place], ns[i][place], ruling) for i, (witness, ruling) in enumerate(seen)]
        return Result(status, reason, same(Parts(*parts[part_of[place]])), tuple(self.codes[place].split()), rates, tuple(witnesses))

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


def _numbered(values: Iterable[Any]) -> tuple[list[Any], list[int]]:
    """(each value once, the number of each of the values)"""
    every = list(values)
    once = {value: number for number, value in enumerate(dict.fromkeys(every))}
    return list(once), [once[value] for value in every]


@dataclass
class Columns:
    """The tests of a run, a list for each of what is known of them. `codes`: hashes, with a space between two. `kinds`:
    what tests have in common that differ in parts and counts only. `ks`, `ns`: of the first witness, the second, and so
    on; 0 for a test that has not so many."""

    names: list[str]
    codes: list[str]
    rates: list[tuple[float, ...]]
    parts: Iterable[Parts]
    kinds: list[Kind]
    kind_of: list[int]
    ks: list[list[int]]
    ns: list[list[int]]

    def _glances(self) -> list[str]:
        signs = [
            ["-" if n == 0 else "+" if k else "0" for k, n in zip(*both, strict=True)]
            for both in zip(self.ks, self.ns, strict=True)
        ]
        looks, look_of = _numbered(zip(self.kind_of, *signs, strict=True))
        glances = []
        for kind, *shown in looks:
            status, _, seen = self.kinds[kind]
            words = [f"{w} {r.verdict} {r.basis} {sign}" for (w, r), sign in zip(seen, shown, strict=False)]
            glances.append("|".join([status, *words]))
        # One object for equal texts: they are written once.
        glances = [sys.intern(glance) for glance in glances]
        return [glances[look] for look in look_of]

    def packed(self, run: Run, details: dict[str, list[dict[str, Any]]]) -> bytes:
        """With what `run` says besides tests and details."""
        medians = array("d", [r[0] if len(r) == 1 else median(r) if r else 0.0 for r in self.rates])
        told = all(not r or len(r) == 1 and r[0] for r in self.rates)  # by the medians
        lone = max(map(len, self.rates), default=0) < 3
        parts, part_of = _numbered(self.parts)
        kinds = [(status, reason, [(w, tuple(r)) for w, r in seen]) for status, reason, seen in self.kinds]
        glanced = (self.names, self._glances(), self.codes, medians.tobytes(), lone)
        looked_at = (
            self.ks, self.ns, kinds, self.kind_of, list(map(tuple, parts)), part_of, None if told else self.rates,
        )
        return marshal.dumps((
            run.machine, run.architecture, run.environment, marshal.dumps(glanced), marshal.dumps(looked_at),
            marshal.dumps(details), run.runs,
        ))


def pack(run: Run) -> bytes:
    results = list(run.tests.values())
    kinds, kind_of = _numbered(
        (result.status, result.reason, tuple((w.witness, w.ruling) for w in result.witnesses)) for result in results
    )
    most = range(max((len(result.witnesses) for result in results), default=0))
    ks, ns = (
        [[getattr(r.witnesses[i], of) if i < len(r.witnesses) else 0 for r in results] for i in most] for of in "kn"
    )
    columns = Columns(
        list(run.tests), [" ".join(result.code) for result in results], [result.rates for result in results],
        [result.parts for result in results], kinds, kind_of, ks, ns,
    )
    return columns.packed(run, run.details)


def unpack(raw: bytes) -> Run:
    machine, architecture, environment, glanced, looked_at, details, runs = marshal.loads(raw)
    return Run(machine, architecture, environment, Packed(glanced, looked_at), marshal.loads(details), runs)
