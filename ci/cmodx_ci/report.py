# SPDX-License-Identifier: Apache-2.0
"""What a matrix run says under its table, one line each."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from . import campaign
from .digest import Run, of_document
from .judge import Judgement, Violation
from .machines import Machine
from .power import powers
from .results import Document
from .shards import Part


def _line(machine: Machine, run: Run, violation: Violation, parts: Mapping[str, Part]) -> str:
    count = "" if violation.k is None else f" {violation.k} of {violation.n}"
    why = f"; {violation.why}" if violation.why else ""
    again = campaign.reproduce(run, violation.test, machine, parts.get(violation.test))
    return f"{machine.name}: {violation.test}: {violation.witness}{count}{why}; again: {again}"


def lines(
    machines: Mapping[str, Machine],
    documents: Sequence[Document],
    judgements: Sequence[Judgement],
    others: Mapping[str, tuple[str, str]],
    parts: Mapping[str, Part] = MappingProxyType({}),
) -> list[str]:
    """`parts`: those that tests belong to which are not the suite's. Sections with a title each, empty ones left out. `others`: machines whose run came to no judgement, how and why."""
    runs = list(map(of_document, documents))
    pairs = list(zip(runs, judgements, strict=True))
    sections = {
        "violations": [
            _line(machines[j.machine], run, violation, parts) for run, j in pairs for violation in j.violations
        ],
        "errors of the harness": [
            _line(machines[j.machine], run, violation, parts) for run, j in pairs for violation in j.errors
        ]
        + [f"{name}: {why}" for name, (how, why) in others.items() if how not in ("absent", "nothing")],
        "expected failures that passed": [
            f"{j.machine}: {test}: expected failure passed: remove this line: {line}"
            for j in judgements
            for test, line in j.passes
        ],
        "expected lines that speak of no test": [
            f"{j.machine}: remove or correct this line: {line}" for j in judgements for line in j.idle
        ],
        "no power: leaving the step out was seen on no machine": [
            f"{p.architecture}: {p.step} of the {p.thread} ({p.twins} runs of twins)" for p in powers(runs) if p.powerless
        ],
        "known failures": _known(judgements),
        "races that did not show, as chance would have it": [
            f"{j.machine}: {reason}" for j in judgements for reason in j.quiet
        ],
        "machines that did not run": [
            f"{name}: {how}: {why}" for name, (how, why) in others.items() if how in ("absent", "nothing")
        ],
    }
    return [line for title, body in sections.items() if body for line in ("", f"{title}:", *("  " + b for b in body))]


def _known(judgements: Sequence[Judgement]) -> list[str]:
    """By machine and reason: how many tests."""
    counts: dict[tuple[str, str], int] = {}
    for judgement in judgements:
        for _, line in judgement.known:
            key = (judgement.machine, line.reason)
            counts[key] = counts.get(key, 0) + 1
    return [f"{machine}: {count} tests: {reason}" for (machine, reason), count in counts.items()]
