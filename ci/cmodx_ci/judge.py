# SPDX-License-Identifier: Apache-2.0
"""What a machine's document comes to when its known failures are taken off."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from types import MappingProxyType

from . import expected, subjects
from .expected import Line
from .interval import apart
from .results import Document, Record


class Mark(Enum):
    """What a test came to on a machine: the character of its cell, and what it means."""

    passed = ("✓", "pass")
    failed = ("✗", "fail")
    known = ("k", "known failure")
    seen = ("s", "seen")
    not_seen = ("·", "not seen")
    skipped = ("–", "skip")
    broken = ("!", "crash, timeout, error, missing")
    unexpected = ("u", "unexpected pass")
    void = ("v", "void by an erratum of the suite")


_marks = {"pass": Mark.passed, "seen": Mark.seen, "not-seen": Mark.not_seen, "skip": Mark.skipped,
          "void": Mark.void}


@dataclass(frozen=True)
class Violation:
    """A test that breaks conformance; `witness` may be how the test's process ended. k of n executions, if any."""

    test: str
    witness: str
    k: int | None
    n: int | None
    why: str


@dataclass
class Judgement:
    machine: str
    marks: dict[str, Mark] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)  # exit 1
    errors: list[Violation] = field(default_factory=list)  # of the harness: exit 3
    known: list[tuple[str, Line]] = field(default_factory=list)
    passes: list[tuple[str, Line]] = field(default_factory=list)  # listed as known failures, and pass
    idle: list[Line] = field(default_factory=list)  # lines that speak of no test
    quiet: list[str] = field(default_factory=list)  # reasons of races that did not show, for which chance is an explanation

    @property
    def conformant(self) -> bool:
        return not (self.violations or self.errors or self.passes or self.idle)


def _violations(record: Record, unknown: list[str]) -> list[Violation]:
    by_name = {w["witness"]: w for w in record.get("witnesses", [])}
    found = []
    for witness in unknown:
        judged = by_name.get(witness)
        if judged is None or witness in expected.ended:
            found.append(Violation(record["name"], witness, None, None, record.get("reason", "")))
        else:
            why = f"{judged['basis']}: {judged['source']}"
            found.append(Violation(record["name"], witness, judged["k"], judged["n"], why))
    return found


def held(line: Line, names: list[str]) -> bool:
    """Whether a run of these tests is one in which the line has to speak of some: a line about subjects, of which a run
    has those that it was asked for, if it has such a subject; any other if the run was of the suite."""
    about = subjects.subject_of(line.test)
    had = {subjects.subject_of(name) for name in names}
    if about is None:
        return None in had
    return any(subject is not None and fnmatchcase(subject, about) for subject in had)


def judge(
    document: Document,
    lines: list[Line],
    whole: bool = True,
    before: Mapping[str, tuple[int, int]] = MappingProxyType({}),
) -> Judgement:
    """`whole`: the document has every test of the machine, or of subjects, so that a line that speaks of none is idle.
    `before`: of races, by reason, in how many of so many tests the machine's baseline showed it (expected.races)."""
    result = Judgement(document["machine"]["name"])
    used: set[Line] = set()
    lucky: list[tuple[str, Line]] = []  # passed, and their line says that they may
    for record in document["tests"]:
        name, status = record["name"], record["status"]
        about = [line for line in lines if expected.speaks_of(line, record)]
        # A skipped, lost or broken test has no verdicts to compare, yet the line is not idle for that.
        silent = status in ("skip", "missing", "error", "void", *expected.ended)
        used.update(line for line in lines if line in about or silent and line.matches(name))
        if status in ("fail", *expected.ended):
            shown = expected.failed(record) or ["fail"]
            unknown = [w for w in shown if w not in {line.witness for line in about}]
            result.known += [(name, line) for line in about if line.witness in shown]
            result.violations += _violations(record, unknown)
            unshown = [(name, line) for line in about if line.witness not in shown] if status == "fail" else []
            lucky += [pair for pair in unshown if pair[1].chance]
            unshown = [pair for pair in unshown if not pair[1].chance]
            result.passes += unshown
            if unknown:
                result.marks[name] = Mark.failed if status == "fail" else Mark.broken
            else:
                result.marks[name] = Mark.unexpected if unshown else Mark.known
        elif status in ("missing", "error"):
            lost = Violation(name, status, None, None, record.get("reason", ""))
            (result.violations if status == "missing" else result.errors).append(lost)
            result.marks[name] = Mark.broken
        elif about and status not in ("skip", "void"):
            lucky += [(name, line) for line in about if line.chance]
            sure = [(name, line) for line in about if not line.chance]
            result.passes += sure
            result.marks[name] = Mark.unexpected if sure else _marks[status]
        else:
            result.marks[name] = _marks[status]
    showed = {line.reason for _, line in result.known}
    absent = [(name, line) for name, line in lucky if line.reason not in showed] if whole else []
    tests = Counter(reason for _, reason in {(name, line.reason) for name, line in absent})
    # Of a race that shows in few tests, none is no news; of one that showed in none, no line is known to hold.
    few = {reason for reason, count in before.items() if count[0] > 0 and not apart((0, tests[reason]), count)}
    result.quiet = [reason for reason in tests if reason in few]
    for name, line in absent:
        if line.reason not in result.quiet:
            result.passes.append((name, line))
            result.marks[name] = Mark.unexpected
    if whole:
        names = list(result.marks)
        result.idle = [line for line in lines if line not in used and held(line, names)]
    return result
