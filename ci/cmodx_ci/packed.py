# SPDX-License-Identifier: Apache-2.0
"""A run's tests as bytes, from which one is taken at a time: of a hundred machines most tests are only glanced at."""

import marshal
from array import array
from collections.abc import Iterator, Mapping, Sequence
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
        counts, kinds, kind_of, parts, part_of, rates_of = marshal.loads(self._looked_at)
        made = [
            (status, reason, [(witness, same(Ruling(*words))) for witness, words in seen])
            for status, reason, seen in kinds
        ]
        return counts, made, kind_of, [same(Parts(*words)) for words in parts], part_of, rates_of

    def place(self, name: str) -> int | None:
        if self._at is None:
            self._at = {name: place for place, name in enumerate(self.names)}
        return self._at.get(name)

    def _result(self, place: int) -> Result:
        counts, kinds, kind_of, parts, part_of, rates_of = self._rest
        status, reason, seen = kinds[kind_of[place]]
        ks_and_ns, many, rate = counts[place], len(seen), self.rates[place]
        rates = rates_of[place] if rates_of else (rate,) if rate else ()
        witnesses = [Seen(seen[i][0], ks_and_ns[i], ks_and_ns[many + i], seen[i][1]) for i in range(many)]
        return Result(status, reason, parts[part_of[place]], tuple(self.codes[place].split()), rates, tuple(witnesses))

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


class Packing:
    """Packs test by test."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._glances: list[str] = []
        self._codes: list[str] = []
        self._medians = array("d")
        self._rates: list[tuple[float, ...]] = []
        self._most = 0  # rates of a test
        self._plain = True  # the median tells them
        self._counts: list[tuple[int, ...]] = []
        self._kinds: list[Kind] = []
        self._kind_of: list[int] = []
        self._parts: dict[Parts, int] = {}
        self._part_of: list[int] = []
        self._glanced: dict[tuple, str] = {}

    def kind(self, status: str, reason: str, seen: Sequence[tuple[str, Ruling]]) -> int:
        """What tests have in common that differ in parts and counts only; its number."""
        self._kinds.append((status, reason, seen))
        return len(self._kinds) - 1

    def add(
        self, name: str, kind: int, parts: Parts, code: str, rates: tuple[float, ...], counts: tuple[int, ...]
    ) -> None:
        """`code`: hashes, with a space between two. `counts`: k of each witness, then n of each."""
        many = len(counts) // 2
        look = (kind,)
        if any(counts[:many]) or 0 in counts[many:]:
            shown = ["-" if n == 0 else "+" if k else "0" for k, n in zip(counts, counts[many:])]
            look = (kind, *shown)
        glance = self._glanced.get(look)
        if glance is None:
            status, _, seen = self._kinds[kind]
            shown = look[1:] or "0" * many
            words = [f"{w} {r.verdict} {r.basis} {how}" for (w, r), how in zip(seen, shown, strict=True)]
            glance = self._glanced[look] = "|".join([status, *words])
        self._names.append(name)
        self._glances.append(glance)
        self._codes.append(code)
        self._medians.append(rates[0] if len(rates) == 1 else median(rates) if rates else 0.0)
        self._rates.append(rates)
        if len(rates) != 1 or not rates[0]:
            self._most = max(self._most, len(rates))
            self._plain = self._plain and not rates
        self._counts.append(counts)
        self._kind_of.append(kind)
        self._part_of.append(self._parts.setdefault(parts, len(self._parts)))

    def done(self, run: Run, details: dict[str, list[dict[str, Any]]]) -> bytes:
        """With what `run` says besides tests and details."""
        shared: dict[str, str] = {}
        glances = [shared.setdefault(glance, glance) for glance in self._glances]
        glanced = (self._names, glances, self._codes, self._medians.tobytes(), self._most < 3)
        kinds = [
            (status, reason, [(witness, tuple(ruling)) for witness, ruling in seen])
            for status, reason, seen in self._kinds
        ]
        looked_at = (
            self._counts, kinds, self._kind_of, list(map(tuple, self._parts)), self._part_of,
            None if self._plain else self._rates,
        )
        return marshal.dumps((
            run.machine, run.architecture, run.environment, marshal.dumps(glanced), marshal.dumps(looked_at),
            marshal.dumps(details), run.runs,
        ))


def pack(run: Run) -> bytes:
    made, kinds = Packing(), {}
    for name, result in run.tests.items():
        kind: Kind = (result.status, result.reason, tuple((w.witness, w.ruling) for w in result.witnesses))
        if kind not in kinds:
            kinds[kind] = made.kind(*kind)
        counts = (*(w.k for w in result.witnesses), *(w.n for w in result.witnesses))
        made.add(name, kinds[kind], result.parts, " ".join(result.code), result.rates, counts)
    return made.done(run, run.details)


def unpack(raw: bytes) -> Run:
    machine, architecture, environment, glanced, looked_at, details, runs = marshal.loads(raw)
    return Run(machine, architecture, environment, Packed(glanced, looked_at), marshal.loads(details), runs)
