# SPDX-License-Identifier: Apache-2.0
"""Results in other programs' formats: JUnit XML, KTAP, records in the manner of KCIDB, Markdown for a CI's page."""

import json
import re
import xml.etree.ElementTree as tree
from collections.abc import Callable, Iterator

from . import campaign, view
from .changes import of_count
from .diff_text import escaped
from .digest import Result
from .judge import Mark
from .view import Column, View
from .wording import plain

# Characters that no XML 1.0 document may hold, not even as references.
_not_xml = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _xml(text: str) -> str:
    return _not_xml.sub("\ufffd", plain(text, 2000))


def _rows(column: Column) -> Iterator[tuple[str, Result, Mark]]:
    for name, result in column.run.tests.items():
        yield name, result, column.judgement.marks[name]


def _why(column: Column, name: str, result: Result) -> str:
    broken = [f"{w.witness} {of_count(w)}; {w.ruling.basis}: {w.ruling.source}" for w in result.witnesses if w.violates]
    return "; ".join([*broken, *filter(None, [result.reason]), f"again: {campaign.reproduce(column.run, name)}"])


def junit(shown: View) -> str:
    """One suite a machine, its facts as properties; a known failure is a skipped test with its reason, since JUnit has
    no word for it."""
    root = tree.Element("testsuites", name="cmodx")
    for column in shown.columns:
        counts = column.counts
        suite = tree.SubElement(
            root, "testsuite", name=_xml(column.name), tests=str(sum(counts.values())),
            failures=str(counts[Mark.failed] + counts[Mark.unexpected]), errors=str(counts[Mark.broken]),
            skipped=str(counts[Mark.skipped] + counts[Mark.known] + counts[Mark.void]),
            timestamp=_xml(column.env("start").rstrip("Z")),
        )
        properties = tree.SubElement(suite, "properties")
        for key, values in sorted(column.run.environment.items()):
            tree.SubElement(properties, "property", name=_xml(key), value=_xml(" | ".join(values)))
        reasons = {name: line.reason for name, line in column.judgement.known}
        for name, result, mark in _rows(column):
            group = _xml(f"cmodx.{column.name}.{result.parts.shape}")
            case = tree.SubElement(suite, "testcase", name=_xml(name), classname=group)
            records = column.run.details.get(name, [{}])
            case.set("time", f"{sum(record.get('duration_s', 0) for record in records):.6f}")
            own = tree.SubElement(case, "properties")
            tree.SubElement(own, "property", name="status", value=result.status)
            for w in result.witnesses:
                tree.SubElement(own, "property", name=f"witness.{w.witness}", value=f"{w.k} of {w.n}")
                ruling = f"{w.ruling.verdict} ({w.ruling.basis})"
                tree.SubElement(own, "property", name=f"verdict.{w.witness}", value=ruling)
            if mark is Mark.failed:
                tree.SubElement(case, "failure", message=_xml(_why(column, name, result)), type="violation")
            elif mark is Mark.unexpected:
                said = "expected failure passed: remove its line"
                tree.SubElement(case, "failure", message=said, type="unexpected pass")
            elif mark is Mark.broken:
                tree.SubElement(case, "error", message=_xml(_why(column, name, result)), type=result.status)
            elif mark is Mark.known:
                tree.SubElement(case, "skipped", message=_xml(f"known failure: {reasons.get(name, '')}"))
            elif mark in (Mark.skipped, Mark.void):
                tree.SubElement(case, "skipped", message=_xml(result.reason))
    tree.indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + tree.tostring(root, encoding="unicode") + "\n"


def ktap(shown: View) -> str:
    """KTAP version 1: a test a machine, its tests as subtests. What is not forbidden is ok, as the kernel counts."""
    lines = ["KTAP version 1", f"1..{len(shown.columns)}"]
    for index, column in enumerate(shown.columns, 1):
        good = True
        inner = ["KTAP version 1", f"# Subtest: {_ktap(column.name)}", f"1..{len(column.run.tests)}"]
        for number, (name, result, mark) in enumerate(_rows(column), 1):
            bad = mark in (Mark.failed, Mark.broken, Mark.unexpected)
            good &= not bad
            said = ""
            if mark in (Mark.skipped, Mark.void):
                said = f" # SKIP {_ktap(result.reason)}"
            elif mark is Mark.known:
                said = " # SKIP known failure"
            if bad:
                inner.append(f"# {_ktap(_why(column, name, result))}")
            inner.append(f"{'not ok' if bad else 'ok'} {number} {_ktap(name)}{said}")
        lines += ["  " + line for line in inner]
        lines.append(f"{'ok' if good else 'not ok'} {index} {_ktap(column.name)}")
    return "\n".join(lines) + "\n"


def _ktap(text: str) -> str:
    """A '#' would begin a directive."""
    return plain(text, 300).replace("#", "\\x23") or "-"


_kcidb = {
    "pass": "PASS", "fail": "FAIL", "seen": "DONE", "not-seen": "DONE", "crash": "FAIL", "timeout": "FAIL",
    "error": "ERROR", "skip": "SKIP", "missing": "MISS", "void": "SKIP",
}


def kcidb(shown: View) -> str:
    """`tests` in the manner of KCIDB's schema 5.3: status words, number with value and unit. Sending them, and the
    builds and checkouts they would belong to, is not ours."""
    tests = []
    for column in shown.columns:
        build = f"cmodx:{_identity(column.name)}-{_identity(column.env('commit'))}"
        for number, (name, result, mark) in enumerate(_rows(column)):
            test = {
                "id": f"{build}-{_identity(column.env('start'))}-{number}", "build_id": build, "origin": "cmodx",
                "path": "cmodx." + re.sub(r"[^.A-Za-z0-9_-]", "_", name), "status": _kcidb[result.status],
                "comment": plain(name),
                "misc": {"cmodx_status": result.status, "known": mark is Mark.known, "machine": plain(column.name),
                         "witnesses": {w.witness: [w.k, w.n] for w in result.witnesses}},
            }
            starts = column.run.environment.get("start", ())
            if len(starts) == 1:
                test["start_time"] = starts[0]
            if result.rates:
                mean = sum(result.rates) / len(result.rates)
                test["number"] = {"value": mean, "unit": "executions/s", "prefix": "metric"}
            tests.append(test)
    return json.dumps({"version": {"major": 5, "minor": 3}, "tests": tests}, indent=1) + "\n"


def _identity(text: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", text.lower())[:80] or "unknown"


def markdown(shown: View) -> str:
    """The summary in words, a table of machines, the violations that nobody has explained."""
    marks = [mark for mark in Mark if shown.counts[mark]]
    lines = ["### cmodx", "", *(escaped(sentence) + "  " for sentence in view.in_words(shown)), ""]
    lines += ["| machine | " + " | ".join(f"{m.value[0]} {m.value[1]}" for m in marks) + " |"]
    lines += ["|---|" + "---:|" * len(marks)]
    lines += [
        f"| {escaped(plain(column.name))} | " + " | ".join(str(column.counts[m] or "") for m in marks) + " |"
        for column in shown.columns
    ]
    bad = [(s, shown_) for s in shown.sections for shown_ in s.shown if shown_.mark in (Mark.failed, Mark.broken)]
    if bad:
        lines += ["", "| machine | test | what | again |", "|---|---|---|---|"]
    for section, found in bad[:50]:
        what = "; ".join(f"{w.witness} {of_count(w)}" for w in found.witnesses if w.violates) or found.result.status
        command = campaign.reproduce(found.machine.run, section.test)
        cells = (found.machine.name, section.test, what, command)
        lines.append("| " + " | ".join(escaped(plain(cell)) for cell in cells) + " |")
    if len(bad) > 50:
        lines += [f"| | {len(bad) - 50} more | | |"]
    return "\n".join(lines) + "\n"


writers: dict[str, Callable[[View], str]] = {"junit": junit, "ktap": ktap, "kcidb": kcidb, "markdown": markdown}
