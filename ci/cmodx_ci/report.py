# SPDX-License-Identifier: Apache-2.0
"""What a matrix run says under its table, one line each."""

import os
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from . import campaign, tree
from .judge import Judgement, Violation
from .machines import Machine
from .power import without_power
from .results import Document
from .shards import Part, Shard


def reproduce(machine: Machine, document: Document, test: str, part: Part = Shard()) -> str:
    """The command line that runs one test again as this run did; to be read by a person."""
    binary = os.path.relpath(campaign.binary_of(machine, part), tree.root)
    argv = [*machine.command(binary), "run", test]
    argv += ["--budget", document["budget"]["name"], "--seed", str(document["seed"])]
    if machine.time_scale != 1:
        argv += ["--time-scale", f"{machine.time_scale:g}"]
    inside = f"{tree.root}{os.sep}"
    return shlex.join(word.removeprefix(inside) for word in argv)


def _line(machine: Machine, document: Document, violation: Violation, parts: Mapping[str, Part]) -> str:
    count = "" if violation.k is None else f" {violation.k} of {violation.n}"
    why = f"; {violation.why}" if violation.why else ""
    again = reproduce(machine, document, violation.test, parts.get(violation.test, Shard()))
    return f"{machine.name}: {violation.test}: {violation.witness}{count}{why}; again: {again}"


def lines(
    machines: Mapping[str, Machine],
    documents: Sequence[Document],
    judgements: Sequence[Judgement],
    others: Mapping[str, tuple[str, str]],
    parts: Mapping[str, Part] = MappingProxyType({}),
) -> list[str]:
    """`parts`: those that tests belong to which are not the suite's. Sections with a title each, empty ones left out. `others`: machines whose run came to no judgement, how and why."""
    pairs = list(zip(documents, judgements, strict=True))
    sections = {
        "violations": [
            _line(machines[j.machine], d, violation, parts) for d, j in pairs for violation in j.violations
        ],
        "errors of the harness": [
            _line(machines[j.machine], d, violation, parts) for d, j in pairs for violation in j.errors
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
            f"{p.architecture}: {p.step} ({p.twins} runs of twins)" for p in without_power(list(documents))
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
