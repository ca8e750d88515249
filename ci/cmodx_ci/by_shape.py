# SPDX-License-Identifier: Apache-2.0
"""Lines up what two sides show of the same shape, whatever their architectures and protocols."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from .sources import Runs
from .wording import count

# A protocol's origin, as a column of words: what differs by architecture is the steps, not what they are for.
_origins = {
    "sufficient": "sufficient protocol", "practice": "used in practice", "twin": "one step left out", "none": "no step",
}


@dataclass
class Side:
    statuses: Counter = field(default_factory=Counter)
    seen: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))  # witness -> k, n
    forbidden: set[str] = field(default_factory=set)

    def words(self) -> str:
        if not self.statuses:
            return "no such test"
        statuses = ", ".join(f"{number} {status}" for status, number in sorted(self.statuses.items()))
        shown = [f"{name} {count(k)} of {count(n)}" for name, (k, n) in sorted(self.seen.items()) if k]
        return statuses + ("; " + ", ".join(shown) if shown else "")


@dataclass
class Row:
    """`differs`: a witness was seen on one side only, or one side has violations and the other has none."""

    shape: str
    site: str
    mapping: str
    origin: str
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))

    @property
    def differs(self) -> bool:
        one, other = self.sides
        if not one.statuses or not other.statuses:
            return False
        witnessed = [{name for name, (k, _) in side.seen.items() if k} for side in self.sides]
        return witnessed[0] != witnessed[1] or bool(one.statuses["fail"]) != bool(other.statuses["fail"])


def lined_up(one: Runs, other: Runs) -> list[Row]:
    """In the order in which the first side has them, then the second."""
    found: dict[tuple[str, str, str, str], Row] = {}
    for index, runs in enumerate((one, other)):
        for run in runs.values():
            for result in run.tests.values():
                parts = result.parts
                key = (parts.shape, parts.site, parts.mapping, _origins.get(parts.origin, parts.origin or "unknown"))
                side = found.setdefault(key, Row(*key)).sides[index]
                side.statuses[result.status] += 1
                for w in result.witnesses:
                    side.seen[w.witness][0] += w.k
                    side.seen[w.witness][1] += w.n
    return list(found.values())
