# SPDX-License-Identifier: Apache-2.0
"""Run: what the tools keep of one machine's results, from a document, a baseline, or several of them merged.

Merging is associative and commutative: counts add up, everything else is a set or a greatest element.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .expected import gating

# From what says least to what must not be overlooked; a merged test has the last of its statuses.
status_order = ("void", "skip", "not-seen", "pass", "seen", "missing", "error", "timeout", "crash", "fail")
_status_rank = {status: rank for rank, status in enumerate(status_order)}
# A site in a test's name, and where it is placed.
_place = re.compile(r"(.*?)(?:@([0-9]{1,9}-[0-9]{1,9}))?")
_verdict_rank = {v: i for i, v in enumerate(("allowed", "unpredictable", "unspecified", "required", "forbidden"))}
# A record with one of these is kept whole: a report shows all that is known of it.
telling = frozenset(("missing", "error", "timeout", "crash", "fail"))


class Ruling(NamedTuple):
    """What is the same for every count of a witness."""

    verdict: str
    basis: str
    source: str
    reason: str

    @property
    def gates(self) -> bool:
        return self.basis in gating


class Seen(NamedTuple):
    """A witness: k of n executions."""

    witness: str
    k: int
    n: int
    ruling: Ruling

    @property
    def violates(self) -> bool:
        ruling = self.ruling
        return ruling.gates and (
            ruling.verdict == "forbidden" and self.k > 0 or ruling.verdict == "required" and self.k == 0 and self.n > 0
        )


class Parts(NamedTuple):
    """What a test is; everything but shape, site and mapping is empty where a baseline does not keep it."""

    shape: str
    site: str
    mapping: str
    at: str = ""
    origin: str = ""
    twin_of: str = ""
    omits: str = ""  # thread:step
    writer: tuple[str, ...] = ()
    executor: tuple[str, ...] = ()


class Result(NamedTuple):
    status: str
    reason: str
    parts: Parts
    code: tuple[str, ...]  # hashes, sorted
    rates: tuple[float, ...]  # 1/s, sorted, one for each run
    witnesses: tuple[Seen, ...]  # in the order of the test

    def seen(self, witness: str) -> Seen | None:
        return next((w for w in self.witnesses if w.witness == witness), None)


@dataclass
class Run:
    """`environment`: every distinct value of a key, sorted. `details`: whole records of tests whose status is telling,
    one for each run that had it."""

    machine: str
    architecture: str
    environment: dict[str, tuple[str, ...]]
    tests: Mapping[str, Result]
    details: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    runs: int = 1

    @property
    def key(self) -> tuple[str, str]:
        return self.machine, self.architecture


def _environment(document: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    flat = {
        "tool": f"{document['tool']['name']} {document['tool']['version']}",
        "commit": document["tool"]["commit"],
        "budget": document["budget"]["name"],
        "seconds_per_test": f"{document['budget']['seconds_per_test']:g}",
        "time_scale": f"{document['budget']['time_scale']:g}",
        "seed": str(document["seed"]),
        "start": document["start"],
        "complete": "yes" if document["complete"] else "no",
    }
    flat.update((f"fact.{key}", value) for key, value in document["facts"].items())
    return {key: (value,) for key, value in flat.items()}


class _Same:
    """One object for equal values: a hundred machines say the same sentences."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def __call__(self, value: Any) -> Any:
        return self._known.setdefault(value, value)


same = _Same()


def frame_of(document: dict[str, Any]) -> Run:
    """What a valid document of a run says besides its tests."""
    machine = document["machine"]
    return Run(machine["name"], machine["architecture"], _environment(document), {})


def parts_of(record: dict[str, Any]) -> Parts:
    omits = record.get("omits")
    return Parts(
        record["shape"],
        record["site"],
        record["mapping"],
        record.get("at", ""),
        record.get("origin", ""),
        record.get("twin_of", ""),
        f"{omits['thread']}:{omits['step']}" if omits else "",
        tuple(record.get("writer", ())),
        tuple(record.get("executor", ())),
    )


def of_document(document: dict[str, Any]) -> Run:
    """From a valid document of a run. layout.py comes to the same from its text."""
    tests: dict[str, Result] = {}
    run = frame_of(document)
    run.tests = tests
    for record in document["tests"]:
        witnesses = tuple(
            Seen(w["witness"], w["k"], w["n"], same(Ruling(w["verdict"], w["basis"], w["source"], w["reason"])))
            for w in record.get("witnesses", ())
        )
        status = record["status"]
        tests[record["name"]] = Result(
            status,
            same(record.get("reason", "")),
            same(parts_of(record)),
            (record["code_hash"],) if "code_hash" in record else (),
            (record["rate_hz"],) if record.get("rate_hz") else (),
            witnesses,
        )
        if status in telling:
            run.details[record["name"]] = [record]
    return run


def of_baseline(document: dict[str, Any]) -> Run:
    """From a valid baseline. The parts are read off the names, which are derived from them."""
    machine = document["machine"]
    environment = {key: tuple(sorted(set(values))) for key, values in document["environment"].items()}
    tests: dict[str, Result] = {}
    run = Run(machine["name"], machine["architecture"], environment, tests)
    for entry in document["tests"]:
        words = entry["name"].split("+")
        site, at = _place.fullmatch(words[1] if len(words) > 1 else "").groups("")
        parts = Parts(words[0], site, words[2] if len(words) > 2 else "", at, entry.get("origin", ""))
        tests[entry["name"]] = Result(
            entry["status"],
            "",
            same(parts),
            tuple(sorted(set(entry.get("code", ())))),
            tuple(sorted(entry.get("rates_hz", ()))),
            tuple(
                Seen(w["witness"], w["k"], w["n"], same(Ruling(w["verdict"], w["basis"], "", "")))
                for w in entry.get("witnesses", ())
            ),
        )
    run.runs = max((len(result.rates) for result in run.tests.values()), default=1)
    return run


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def to_baseline(run: Run) -> dict[str, Any]:
    """The document that results/MACHINE/baseline.json holds."""
    tests = []
    for name in sorted(run.tests):
        result = run.tests[name]
        entry: dict[str, Any] = {"name": name, "status": result.status}
        if result.parts.origin:
            entry["origin"] = result.parts.origin
        if result.code:
            entry["code"] = list(result.code)
        if result.rates:
            entry["rates_hz"] = [_digits(rate) for rate in result.rates]
        if any(w.n for w in result.witnesses):
            entry["witnesses"] = [
                {"witness": w.witness, "k": w.k, "n": w.n, "verdict": w.ruling.verdict, "basis": w.ruling.basis}
                for w in result.witnesses
            ]
        tests.append(entry)
    return {
        "schema": "cmodx-baseline/1",
        "machine": {"architecture": run.architecture, "name": run.machine},
        "environment": {key: list(values) for key, values in sorted(run.environment.items())},
        "tests": tests,
    }


def _merged_seen(one: tuple[Seen, ...], other: tuple[Seen, ...]) -> tuple[Seen, ...]:
    if not one or not other:
        return one or other
    by_name = {w.witness: w for w in one}
    for w in other:
        have = by_name.get(w.witness)
        if have is None:
            by_name[w.witness] = w
        else:
            strongest = max(have.ruling, w.ruling, key=lambda r: (_verdict_rank[r.verdict], r))
            by_name[w.witness] = Seen(w.witness, have.k + w.k, have.n + w.n, strongest)
    if [w.witness for w in one] == [w.witness for w in other]:
        return tuple(by_name.values())
    return tuple(by_name[name] for name in sorted(by_name))


def _merged_result(one: Result, other: Result) -> Result:
    first, second = sorted((one, other), key=lambda r: (_status_rank[r.status], r.reason))
    return Result(
        second.status,
        second.reason,
        max(one.parts, other.parts, key=lambda p: (p.origin != "", p)),
        tuple(sorted({*one.code, *other.code})),
        tuple(sorted((*one.rates, *other.rates))),
        _merged_seen(one.witnesses, other.witnesses),
    )


def merged(one: Run, other: Run) -> Run:
    """Two runs of one machine as one."""
    assert one.key == other.key, (one.key, other.key)
    environment = {
        key: tuple(sorted({*one.environment.get(key, ()), *other.environment.get(key, ())}))
        for key in sorted({*one.environment, *other.environment})
    }
    tests = dict(one.tests)
    for name, result in other.tests.items():
        tests[name] = _merged_result(tests[name], result) if name in tests else result
    details = {
        name: one.details.get(name, []) + other.details.get(name, []) for name in {**one.details, **other.details}
    }
    return Run(one.machine, one.architecture, environment, tests, details, one.runs + other.runs)
