# SPDX-License-Identifier: Apache-2.0
"""What differs between two sets of runs: the environment first, then test by test.

A forbidden witness that was not there before is a new violation whatever the counts: one observation is the finding.
Everything else that was seen on one side only has to be seen often enough to be no chance (see interval.py). A verdict
that changed over the same observation is a change of our rules, not of the machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from .digest import Result, Run, Seen
from .interval import apart, interval
from .packed import Packed
from .sources import Runs
from .wording import count, rate

# In the order in which they matter to a reader, with what each means.
kinds = {
    "new violation": "a forbidden witness, or a required one that stays away, that was not so before",
    "broken": "crash, timeout, error or missing, and was not before",
    "fixed": "a violation before, and not seen in enough executions now",
    "not seen again": "a violation before, and not seen now in too few executions to call it fixed",
    "repaired": "crash, timeout, error or missing before",
    "verdict changed": "the same observation, judged by other rules",
    "witness newly seen": "not a violation; more often than chance",
    "witness no longer seen": "not a violation; less often than chance",
    "skip changed": "ran on one side only",
    "rate changed": "beyond the spread of the runs",
    "void": "one of our errata speaks of it: not compared",
    "added": "a test that was not listed before",
    "gone": "a test that is no longer listed",
}
regressions = frozenset(("new violation", "broken"))
mirrored = {
    "new violation": ("fixed", "not seen again"),
    "broken": ("repaired",),
    "witness newly seen": ("witness no longer seen",),
    "added": ("gone",),
}
_broken = frozenset(("crash", "timeout", "error", "missing"))
_quiet = frozenset(("pass", "seen", "not-seen", "fail"))
# How many runs a side say what the spread of a rate is. Two quick runs on a shared host differ by a factor of a hundred
# and more in single tests, so from fewer only the median over all tests of a machine is shown.
spread_runs = 3
# Rates that differ by less are the same to any reader.
least_factor = 1.25
# What never tells a change of the environment: they differ in every run.
_always = frozenset(("seed", "start"))


@dataclass(frozen=True)
class Change:
    kind: str
    machine: str
    test: str
    before: str
    after: str
    witness: str = ""
    note: str = ""

    @property
    def regression(self) -> bool:
        return self.kind in regressions


@dataclass
class Difference:
    """`environment`: (key, before, after) -> machines. `compared`: tests on both sides."""

    names: tuple[str, str]
    environment: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    machines: list[str] = field(default_factory=list)  # on both sides
    added: list[str] = field(default_factory=list)  # machines on one side
    gone: list[str] = field(default_factory=list)
    compared: int = 0
    recoded: int = 0  # tests whose code has another hash
    rates: dict[str, tuple[float, int]] = field(default_factory=dict)  # by machine: median factor, over how many tests

    @property
    def regressions(self) -> int:
        return sum(change.regression for change in self.changes)

    def counts(self) -> dict[str, int]:
        found = {kind: sum(c.kind == kind for c in self.changes) for kind in kinds}
        return {kind: number for kind, number in found.items() if number}


def of_count(seen: Seen | None) -> str:
    """k of n with the interval, as everywhere in a difference."""
    if seen is None or seen.n == 0:
        return "no execution"
    low, high = interval(seen.k, seen.n)
    return f"{count(seen.k)} of {count(seen.n)} ({low:.3g} to {high:.3g})"


def _ruling(seen: Seen) -> str:
    return f"{seen.ruling.verdict} ({seen.ruling.basis})"


def _of_witness(one: Seen | None, other: Seen | None) -> Iterator[tuple[str, str, str]]:
    """(kind, before, after)"""
    before, after = of_count(one), of_count(other)
    had, has = one is not None and one.violates, other is not None and other.violates
    ran = one is not None and other is not None and one.n > 0 and other.n > 0
    alike = ran and (one.k > 0) == (other.k > 0)
    if one is not None and other is not None and one.ruling[:2] != other.ruling[:2]:
        yield "verdict changed", _ruling(one), _ruling(other)
    if has and not had:
        if not alike:
            yield "new violation", before, after
    elif had and not has:
        if not alike:
            sure = ran and apart((one.k, one.n), (other.k, other.n))
            yield ("fixed" if sure else "not seen again"), before, after
    elif ran and not alike and not has and apart((one.k, one.n), (other.k, other.n)):
        yield ("witness newly seen" if other.k else "witness no longer seen"), before, after


def _status(result: Result) -> str:
    return result.status + (f": {result.reason}" if result.reason else "")


def _of_status(one: Result, other: Result, told: bool) -> str | None:
    """The kind of change that the statuses alone are, if they are one."""
    if one.status == other.status:
        return None
    if other.status in _broken:
        return "broken"
    if one.status in _broken:
        return "repaired"
    if "skip" in (one.status, other.status):
        return "skip changed"
    if told or "fail" not in (one.status, other.status):
        return None
    return "new violation" if other.status == "fail" else "fixed"


def _of_rates(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[str, str, str] | None:
    """A change if the ranges do not touch and the medians are further apart than either range is wide."""
    if len(one) < spread_runs or len(other) < spread_runs or one[0] <= 0 or other[0] <= 0:
        return None
    factor = median(other) / median(one)
    spread = max(one[-1] / one[0], other[-1] / other[0], least_factor)
    if 1 / spread <= factor <= spread or not (one[-1] < other[0] or other[-1] < one[0]):
        return None
    return f"{rate(median(one))}Hz", f"{rate(median(other))}Hz", f"factor {factor:.2g}, spread {spread:.2g}"


def _same_at_a_glance(one: Result, other: Result) -> bool:
    """Most tests of most differences: the same status, the same witnesses seen, by the same rules."""
    if one.status != other.status or one.status == "void" or len(one.witnesses) != len(other.witnesses):
        return False
    for a, b in zip(one.witnesses, other.witnesses, strict=True):
        if a.witness != b.witness or a.ruling is not b.ruling and a.ruling[:2] != b.ruling[:2]:
            return False
        if (a.k > 0) != (b.k > 0) or (a.n == 0) != (b.n == 0):
            return False
    return True


def of_tests(machine: str, name: str, one: Result, other: Result) -> Iterator[Change]:
    if "void" in (one.status, other.status):
        which = one if one.status == "void" else other
        if one.status != other.status:
            yield Change("void", machine, name, one.status, other.status, note=which.reason)
        return
    note = "" if not one.code or not other.code or one.code == other.code else "other code ran"
    if not _same_at_a_glance(one, other):
        told = False
        loud = {one.status, other.status} - _quiet
        names = dict.fromkeys(w.witness for w in (*one.witnesses, *other.witnesses))
        for witness in names:
            for kind, before, after in _of_witness(one.seen(witness), other.seen(witness)):
                # What did not run here was not observed; its status says so below.
                if not loud or kind in ("new violation", "verdict changed"):
                    told = True
                    yield Change(kind, machine, name, before, after, witness, note)
        kind = _of_status(one, other, told)
        if kind and not (told and kind == "skip changed"):
            yield Change(kind, machine, name, _status(one), _status(other), note=note)
    if one.rates and other.rates and (moved := _of_rates(one.rates, other.rates)):
        yield Change("rate changed", machine, name, moved[0], moved[1], note="; ".join(filter(None, (moved[2], note))))


def _of_runs(into: Difference, label: str, one: Run, other: Run) -> None:
    for key in sorted({*one.environment, *other.environment} - _always):
        before, after = (" | ".join(run.environment.get(key, ())) for run in (one, other))
        if before != after:
            into.environment.setdefault((key, before, after), []).append(label)
    if isinstance(one.tests, Packed) and isinstance(other.tests, Packed) and one.tests.lone and other.tests.lone:
        _at_a_glance(into, label, one.tests, other.tests)
    else:
        _in_full(into, label, one.tests, other.tests)
    had, has = dict.fromkeys(one.tests), dict.fromkeys(other.tests)
    into.changes += [Change("gone", label, name, _status(one.tests[name]), "") for name in had if name not in has]
    into.changes += [Change("added", label, name, "", _status(other.tests[name])) for name in has if name not in had]


def _in_full(into: Difference, label: str, one: Mapping[str, Result], other: Mapping[str, Result]) -> None:
    factors = []
    for name, result in one.items():
        now = other.get(name)
        if now is None:
            continue
        into.compared += 1
        into.recoded += bool(result.code and now.code and result.code != now.code)
        into.changes += of_tests(label, name, result, now)
        if result.rates and now.rates and min(result.rates[0], now.rates[0]) > 0:
            factors.append(median(now.rates) / median(result.rates))
    if factors:
        into.rates[label] = (median(factors), len(factors))


def _at_a_glance(into: Difference, label: str, one: Packed, other: Packed) -> None:
    """As `_in_full`, but only what does not look the same is unpacked."""
    if one.names == other.names:
        places = range(len(one.names))
        pairs = list(zip(places, places, strict=True))
    else:
        pairs = [(place, there) for place, name in enumerate(one.names) if (there := other.place(name)) is not None]
    into.compared += len(pairs)
    into.recoded += sum(
        bool(a and b and a != b) for a, b in ((one.codes[i], other.codes[j]) for i, j in pairs)
    )
    for name in [one.names[i] for i, j in pairs if one.glances[i] != other.glances[j]]:
        into.changes += of_tests(label, name, one[name], other[name])
    factors = [b / a for a, b in ((one.rates[i], other.rates[j]) for i, j in pairs) if a > 0 and b > 0]
    if factors:
        into.rates[label] = (median(factors), len(factors))


def difference(names: tuple[str, str], one: Runs, other: Runs) -> Difference:
    """Machines are lined up by name; if each side has a single one, those two, whatever their names."""
    result = Difference(names)
    if len(one) == len(other) == 1 and list(one) != list(other):
        (a,), (b,) = one.values(), other.values()
        pairs = [(f"{a.machine} → {b.machine}", a, b)]
    else:
        pairs = [(key[0], run, other[key]) for key, run in one.items() if key in other]
        result.added = [key[0] for key in other if key not in one]
        result.gone = [key[0] for key in one if key not in other]
    for label, a, b in pairs:
        result.machines.append(label)
        _of_runs(result, label, a, b)
    order = {kind: rank for rank, kind in enumerate(kinds)}
    # Within a kind as the machines were given, and the tests in the order of the list.
    result.changes.sort(key=lambda change: order[change.kind])
    return result
