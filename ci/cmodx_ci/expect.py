# SPDX-License-Identifier: Apache-2.0
"""ci/expect: brings results/MACHINE/expected.toml up to date with runs, and shows the change.

Lines that no longer hold go; failures that no line speaks of become lines, as few as there can be, with the reason that
the person gives. Lines of an included file speak for other machines too: they are named, and left to the person.
"""

import difflib
import json
import os
import re
import sys
from pathlib import Path

from . import expected, fault, output, sources, tree
from .entry import Parser, guarded
from .digest import Run
from .expected import Line
from .fault import UsageFault
from .generalize import Observed, globs
from .judge import Judgement
from .view import judged
from .wording import number_of, plain

_description = """Brings the known failures of machines up to date with runs (documents or folders; those of one machine
are merged, so that a failure that is rare is one if any run has it).
Exit codes: 0 every line holds and every failure has a line; 1 something is left to a person; 2 usage."""

_head = "# SPDX-License-Identifier: Apache-2.0\n"
_block = re.compile(r"^\[\[\s*known\s*\]\]", re.MULTILINE)


def observed(run: Run) -> list[Observed]:
    """What every test says of every witness that it must not show."""
    found = []
    for name, result in run.tests.items():
        if result.status in expected.ended:
            found.append(Observed(name, result.status, True))
        elif result.status in ("pass", "fail", "seen", "not-seen"):
            found += [Observed(name, ending, False) for ending in expected.ended]
            forbidden = [w for w in result.witnesses if w.ruling.verdict == "forbidden" and w.ruling.gates]
            found += [Observed(name, w.witness, w.violates) for w in forbidden]
    return found


def without(text: str, numbers: set[int]) -> str:
    """The text of a file without some of its entries, counted from 1. Comments in front of an entry go with it."""
    starts = [match.start() for match in _block.finditer(text)]
    for index, start in enumerate(starts):
        lines = text[:start].splitlines(keepends=True)
        while lines and lines[-1].startswith("#") and "SPDX" not in lines[-1]:
            start -= len(lines.pop())
        starts[index] = start
    ends = [*starts[1:], len(text)]
    kept = [text[a:b] for number, (a, b) in enumerate(zip(starts, ends, strict=True), 1) if number not in numbers]
    return text[: starts[0]] + "".join(kept) if starts else text


def entry(glob: str, witness: str, reason: str, link: str | None) -> str:
    # A string of JSON is a basic string of TOML, except for DEL.
    values = (glob, witness, reason, *([link] if link else []))
    quoted = [json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f") for text in values]
    keys = ("test", "witness", "reason", "link")
    return "\n[[known]]\n" + "".join(f"{key} = {text}\n" for key, text in zip(keys, quoted, strict=False))


def _number(line: Line, path: Path) -> int | None:
    """Which entry of this very file a line is; None if it comes from another."""
    where, _, rest = line.where.rpartition(": ")
    match = re.search(r"(\d+)", rest)
    # `where` is relative to the checkout for a file inside it.
    return int(match[1]) if match and tree.root / where == Path(os.path.normpath(path)) else None


def updated(
    text: str, run: Run, judgement: Judgement, path: Path, reason: str | None, link: str | None
) -> tuple[str, list[str]]:
    """(the new text of the file, what is left to a person)"""
    over = list(dict.fromkeys([*(line for _, line in judgement.passes), *judgement.idle]))
    own = {number for line in over if (number := _number(line, path)) is not None}
    left = [f"this line no longer holds on {plain(run.machine)}, and others include it: {line}"
            for line in over if _number(line, path) is None]
    new = without(text, own) if own else text
    # A failure that a removed line had spoken of needs another: its glob was too wide, not wrong.
    removed = {line for line in over if _number(line, path) is not None}
    gone = {(name, line.witness) for name, line in judgement.known if line in removed}
    still = {(name, line.witness) for name, line in judgement.known if line not in removed}
    wanted = {(v.test, v.witness) for v in judgement.violations if v.witness != "missing"} | (gone - still)
    covered = [o for o in observed(run) if (o.test, o.witness) in wanted or not o.failed]
    fresh = globs(covered)
    if fresh and reason is None:
        left += [f"a failure without a reason: {plain(glob)} {word}; --reason gives it one" for glob, word in fresh]
    else:
        new += "".join(entry(glob, witness, reason or "", link) for glob, witness in fresh)
    return new, left


def run(arguments: list[str]) -> int:
    parser = Parser("ci/expect", _description)
    parser.add_argument("action", choices=("update", "check"), help="check: only show the change")
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--reason", help="one sentence for new lines: whose defect it is")
    parser.add_argument("--link", help="a report of it")
    parser.add_argument("--whole", action="store_true",
                        help="the runs had every test of their machines: a line that speaks of none of them goes, too")
    parser.add_argument("--results", metavar="FOLDER", default=str(tree.results), help="default: this checkout's")
    options = parser.parse_args(arguments)
    if options.reason is not None and not options.reason.strip():
        raise UsageFault("--reason is empty; accepted: one sentence, whose defect it is")
    results, left_to_a_person = Path(options.results).resolve(), 0
    for (machine, _), found in sources.collect(options.runs).items():
        if machine in (".", "..") or "/" in machine or machine != plain(machine):
            raise UsageFault(f"{plain(machine)}: no name of a machine; accepted is one without a slash")
        path = expected.path_of(machine, results)
        lines = expected.lines_of(machine, results)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        before = expected.races_before(machine, lines, results)
        judgement = judged(found, lines, options.whole, before)
        new, left = updated(text, found, judgement, path, options.reason, options.link)
        if new != text:
            new = new if text else _head + new
            names = (f"a/{machine}", f"b/{machine}")
            print("\n".join(difflib.unified_diff(text.splitlines(), new.splitlines(), *names, lineterm="", n=1)))
            if options.action == "update":
                path.parent.mkdir(parents=True, exist_ok=True)
                with output.whole(path) as stream:
                    stream.write(new)
        for line in left:
            print(f"{machine}: {line}")
        left_to_a_person += len(left)
    if left_to_a_person:
        print(f"{number_of(left_to_a_person, 'line')} left to a person", file=sys.stderr)
    return fault.violations if left_to_a_person else fault.conformant


def main() -> int:
    return guarded("ci/expect", run)
