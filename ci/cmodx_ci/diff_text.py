# SPDX-License-Identifier: Apache-2.0
"""A difference as text: lines that a terminal and a merge request share, Markdown, JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from .changes import Change, Difference, kinds
from .wording import number_of, plain

# So many lines of one kind and machine that say the same are one line.
_fold_from = 6
_names_shown = 3


@dataclass(frozen=True)
class Row:
    """One line: a change, or several tests of a machine to which the same happened."""

    kind: str
    machine: str
    tests: tuple[str, ...]
    change: Change

    @property
    def what(self) -> str:
        if len(self.tests) == 1:
            return plain(self.tests[0])
        shown = ", ".join(plain(name, 60) for name in self.tests[:_names_shown])
        return f"{len(self.tests)} tests: {shown}, …"

    @property
    def how(self) -> str:
        change = self.change
        before, after = plain(change.before, 160), plain(change.after, 160)
        said = f"{before} → {after}" if before and after else before or after
        if change.kind in ("added", "gone"):
            said = after or before
        note = f" ({plain(change.note, 160)})" if change.note else ""
        return ": ".join(filter(None, (plain(change.witness), said))) + note


def rows(difference: Difference, kind: str, fold: bool = True) -> list[Row]:
    groups: dict[tuple, list[Change]] = {}
    for change in difference.changes:
        if change.kind == kind:
            key = (change.machine, change.witness, change.before, change.after, change.note)
            groups.setdefault(key, []).append(change)
    found = []
    for changes in groups.values():
        if fold and len(changes) >= _fold_from:
            found.append(Row(kind, changes[0].machine, tuple(c.test for c in changes), changes[0]))
        else:
            found += [Row(kind, c.machine, (c.test,), c) for c in changes]
    return found


def summary(difference: Difference) -> str:
    """One sentence; the last word on whether it is a regression."""
    counts = difference.counts()
    told = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "no change"
    tests = number_of(difference.compared, "test")
    machines = number_of(len(difference.machines), "machine")
    verdict = number_of(difference.regressions, "regression") if difference.regressions else "no regression"
    return f"{tests} on {machines} compared: {told}; {verdict}"


def environment(difference: Difference) -> Iterator[tuple[str, str]]:
    """(what, how) for each difference of the environments."""
    many = len(difference.machines) > 1
    for (key, before, after), machines in sorted(difference.environment.items(), key=lambda item: item[0][0]):
        where = f" ({_on(machines, len(difference.machines))})" if many else ""
        yield plain(key), f"{plain(before) or 'not known'} → {plain(after) or 'not known'}{where}"
    if difference.recoded:
        yield "code", f"{number_of(difference.recoded, 'test')} ran other code than before"
    moved = [(label, factor, tests) for label, (factor, tests) in difference.rates.items() if not 0.5 <= factor <= 2]
    for label, factor, tests in moved:
        yield "rate", f"{plain(label)}: times {factor:.2g}, the median over {number_of(tests, 'test')}"
    for machine in difference.gone:
        yield "machine", f"{plain(machine)}: on the first side only"
    for machine in difference.added:
        yield "machine", f"{plain(machine)}: on the second side only"


def _on(machines: list[str], of: int) -> str:
    if len(machines) == of:
        return "every machine"
    return ", ".join(map(plain, machines)) if len(machines) <= 4 else f"{len(machines)} machines"


def _code(text: str) -> str:
    """Markdown: a code span that no text can leave, in a table's cell too."""
    quote = "`" * (max(map(len, _runs(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{quote}{pad}{text}{pad}{quote}".replace("|", "\\|")


def _runs(text: str) -> list[str]:
    return [run for run in "".join(c if c == "`" else " " for c in text).split() if run]


def escaped(text: str) -> str:
    """Markdown: text that stays text."""
    return "".join("\\" + c if c in "\\`*_{}[]()#+-.!|<>~&@" else c for c in text)


def markdown(difference: Difference, most: int | None = 50) -> str:
    """`most`: rows of one kind that are shown; None for all."""
    one, other = (_code(plain(name)) for name in difference.names)
    lines = [f"### cmodx: {one} → {other}", "", f"**{escaped(summary(difference))}**", ""]
    changed = list(environment(difference))
    if changed:
        lines += ["| environment | |", "|---|---|"]
        lines += [*(f"| {escaped(what)} | {escaped(how)} |" for what, how in changed), ""]
    for kind, meaning in kinds.items():
        found = rows(difference, kind)
        if not found:
            continue
        lines += [f"#### {kind}", "", f"{escaped(meaning)}", "", "| machine | test | |", "|---|---|---|"]
        lines += [f"| {escaped(plain(r.machine))} | {_code(r.what)} | {escaped(r.how)} |" for r in found[:most]]
        lines += [f"| | | {len(found) - most} more |"] if most is not None and len(found) > most else []
        lines.append("")
    return "\n".join(lines)


def as_json(difference: Difference) -> str:
    """`cmodx-diff/1`: what differs, as an object; every text as it stands in the documents."""
    document = {
        "schema": "cmodx-diff/1",
        "between": list(difference.names),
        "machines": {"compared": difference.machines, "added": difference.added, "gone": difference.gone},
        "tests_compared": difference.compared,
        "tests_with_other_code": difference.recoded,
        "regressions": difference.regressions,
        "environment": [
            {"key": key, "before": before, "after": after, "machines": machines}
            for (key, before, after), machines in difference.environment.items()
        ],
        "median_rate_factor": {label: factor for label, (factor, _) in difference.rates.items()},
        "changes": [asdict(change) | {"regression": change.regression} for change in difference.changes],
    }
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"
