# SPDX-License-Identifier: Apache-2.0
"""What a report shows, without a word of HTML: marks, violations, negative controls, facts, torn map."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from . import campaign, disassembly, expected, sketch
from .digest import Result, Run, Seen
from .judge import Judgement, Mark, judge
from .packed import Packed
from .power import Power, powers
from .sources import Runs
from .wording import count, number_of

# Marks that a section of its own explains, the worst first.
told = (Mark.failed, Mark.broken, Mark.unexpected, Mark.known)


@dataclass(frozen=True)
class Shown:
    """A test on a machine, in its section. `lines`: the known failures that speak of it."""

    machine: "Column"
    result: Result
    mark: Mark
    lines: tuple[expected.Line, ...]
    records: tuple[dict[str, Any], ...]

    @property
    def witnesses(self) -> list[Seen]:
        """Those that break the rules first, then whatever else was seen."""
        found = [w for w in self.result.witnesses if w.violates or w.k]
        return sorted(found, key=lambda w: not w.violates)

    @property
    def outcomes(self) -> list[tuple[str, int, float, bool]]:
        """(outcome, how often, share of all, whether it breaks the rules), over all runs."""
        counts: Counter = Counter()
        for record in self.records:
            counts.update(record.get("outcomes", {}))
        whole = sum(counts.values()) or 1
        bad = {w.witness for w in self.result.witnesses if w.violates}
        return [(name, number, number / whole, name in bad) for name, number in counts.most_common()]

    @property
    def command(self) -> str:
        return campaign.reproduce(self.machine.run, self.name)

    @property
    def name(self) -> str:
        return self.records[0]["name"] if self.records else ""

    @property
    def first(self) -> "First | None":
        for record in self.records:
            if "first" in record:
                return First(record["first"], self.machine.run.architecture, record["site"])
        return None


@dataclass(frozen=True)
class First:
    """The execution that showed the first witness."""

    fields: dict[str, Any]
    architecture: str
    site: str

    @cached_property
    def _patch(self) -> tuple[str, tuple[str, ...]]:
        if not self.fields.get("bytes"):
            return "", ()
        return disassembly.patch(self.architecture, self.site, self.fields["bytes"])

    @property
    def bytes(self) -> str:
        raw = self._patch[0]
        return " ".join(raw[i : i + 2] for i in range(0, len(raw), 2))

    @property
    def instructions(self) -> tuple[str, ...]:
        return self._patch[1]

    @property
    def observed(self) -> list[str]:
        values = self.fields.get("observed", [])
        while values and values[-1] == 0:
            values = values[:-1]
        return [hex(value) for value in values]

    @property
    def ran(self) -> str | None:
        """The instruction that must have run, where what a site returned tells it."""
        if self.site != "imm" or self.fields["witness"] != "stale" or not self.instructions or not self.observed:
            return None
        return disassembly.with_value(self.instructions[0], int(self.observed[-1], 16))


@dataclass
class Section:
    """One test that has something to explain."""

    number: int
    test: str
    sketch: sketch.Case
    shown: list[Shown] = field(default_factory=list)

    @property
    def worst(self) -> Mark:
        return min((s.mark for s in self.shown), key=told.index)

    @property
    def title(self) -> str:
        words = Counter()
        for shown in self.shown:
            names = [w.witness for w in shown.witnesses if w.violates] or [shown.result.status]
            words.update(names)
        return ", ".join(words)


@dataclass
class Column:
    """A machine."""

    run: Run
    judgement: Judgement

    @property
    def name(self) -> str:
        return self.run.machine

    @cached_property
    def counts(self) -> Counter:
        return Counter(self.judgement.marks.values())

    def env(self, key: str) -> str:
        return " | ".join(self.run.environment.get(key, ()))


@dataclass
class View:
    columns: list[Column]
    shapes: dict[str, list[str]]  # tests by shape, in the order of the lists
    sections: list[Section]
    powers: list[Power]
    facts: list[tuple[str, list[str], bool]]  # key, value by machine, whether machines differ
    torn: dict[str, dict[int, dict[int, Seen]]]  # by machine: boundary -> bytes before it -> torn

    @cached_property
    def counts(self) -> Counter:
        return sum((column.counts for column in self.columns), Counter())

    @property
    def tests(self) -> int:
        return sum(map(len, self.shapes.values()))


def judged(
    run: Run, lines: list[expected.Line], whole: bool = False, before: dict[str, tuple[int, int]] | None = None
) -> Judgement:
    """As ci/matrix judges, from what is kept of a run."""
    tests = [
        {
            "name": name,
            "status": result.status,
            "reason": result.reason,
            "witnesses": [
                {"witness": w.witness, "k": w.k, "n": w.n, "verdict": w.ruling.verdict, "basis": w.ruling.basis,
                 "source": w.ruling.source}
                for w in result.witnesses
            ],
        }
        for name, result in run.tests.items()
    ]
    return judge({"machine": {"name": run.machine}, "tests": tests}, lines, whole=whole, before=before or {})


def _shapes(runs: list[Run]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, result in run.tests.items():
            found.setdefault(result.parts.shape, {})[name] = None
    return {shape: list(names) for shape, names in found.items()}


def _sections(columns: list[Column], shapes: dict[str, list[str]]) -> list[Section]:
    known: dict[tuple[str, str], list[expected.Line]] = {}
    telling: dict[str, list[Column]] = {}
    for column in columns:
        for name, line in (*column.judgement.known, *column.judgement.passes):
            known.setdefault((column.name, name), []).append(line)
        for name, mark in column.judgement.marks.items():
            if mark in told:
                telling.setdefault(name, []).append(column)
    found = []
    for name in (name for names in shapes.values() for name in names if name in telling):
        result = telling[name][0].run.tests[name]
        section = Section(0, name, sketch.of(result.parts.shape, result.parts.writer, result.parts.executor))
        for column in telling[name]:
            lines = tuple(dict.fromkeys(known.get((column.name, name), ())))
            records = tuple(column.run.details.get(name, ())) or ({"name": name, "site": result.parts.site},)
            section.shown.append(
                Shown(column, column.run.tests[name], column.judgement.marks[name], lines, records)
            )
        found.append(section)
    found.sort(key=lambda section: told.index(section.worst))
    for number, section in enumerate(found, 1):
        section.number = number
    return found


def _facts(runs: list[Run]) -> list[tuple[str, list[str], bool]]:
    keys = sorted({key for run in runs for key in run.environment}, key=lambda key: (key.startswith("fact."), key))
    rows = []
    for key in keys:
        values = [" | ".join(run.environment.get(key, ())) for run in runs]
        rows.append((key.removeprefix("fact."), values, len(set(values)) > 1))
    return rows


def _torn(runs: list[Run]) -> dict[str, dict[int, dict[int, Seen]]]:
    """Of the tests that place their bytes at a boundary; machines that tore nowhere are left out."""
    found: dict[str, dict[int, dict[int, Seen]]] = {}
    for run in runs:
        cells: dict[int, dict[int, Seen]] = {}
        for result in run.tests.values():
            torn = result.seen("torn")
            if result.parts.at and torn is not None and torn.n:
                boundary, _, before = result.parts.at.partition("-")
                row = cells.setdefault(int(boundary), {})
                have = row.get(int(before))
                row[int(before)] = torn._replace(k=torn.k + have.k, n=torn.n + have.n) if have else torn
        if any(seen.k for row in cells.values() for seen in row.values()):
            found[run.machine] = {boundary: dict(sorted(row.items())) for boundary, row in sorted(cells.items())}
    return found


def of(runs: Runs) -> View:
    every = list(runs.values())
    for run in every:
        if isinstance(run.tests, Packed):
            run.tests = run.tests.unpacked()
    columns = [Column(run, judged(run, expected.lines_of(run.machine))) for run in every]
    shapes = _shapes(every)
    return View(columns, shapes, _sections(columns, shapes), powers(every), _facts(every), _torn(every))


def in_words(view: View) -> list[str]:
    """The summary: sentences, the most important first."""
    counts, said = view.counts, []
    machines = number_of(len(view.columns), "machine")
    ran = sum(n for mark, n in counts.items() if mark not in (Mark.skipped, Mark.void))
    bad = [section for section in view.sections if section.worst is Mark.failed]
    if counts[Mark.failed]:
        on = {shown.machine.name for section in bad for shown in section.shown if shown.mark is Mark.failed}
        where = ", ".join(sorted(on)) if len(on) <= 4 else number_of(len(on), "machine")
        said.append(f"{number_of(counts[Mark.failed], 'violation')} that nobody has explained, on {where}: code that"
                    " the architecture forbids to be seen was seen.")
    else:
        said.append(f"No unexplained violation in {number_of(ran, 'test')} on {machines}.")
    if counts[Mark.known]:
        on = sum(column.counts[Mark.known] > 0 for column in view.columns)
        said.append(f"{number_of(counts[Mark.known], 'known failure')} on {number_of(on, 'machine')}, each listed with"
                    " its reason.")
    if counts[Mark.broken]:
        said.append(f"{number_of(counts[Mark.broken], 'test')} crashed, hung, or left no result:"
                    " that is a failure of the run.")
    if counts[Mark.unexpected]:
        said.append(f"{number_of(counts[Mark.unexpected], 'known failure')} did not fail: its line is to be removed.")
    passed, seen, not_seen = (count(counts[mark]) for mark in (Mark.passed, Mark.seen, Mark.not_seen))
    said.append(f"{passed} passed: forbidden, and not seen in a run that could have seen it. "
                f"{seen} showed what is not forbidden, {not_seen} did not, which proves nothing.")
    if counts[Mark.skipped]:
        said.append(f"{counts[Mark.skipped]} could not run where they were asked to; each names the fact that is"
                    " absent.")
    if counts[Mark.void]:
        said.append(f"{counts[Mark.void]} are void: the suite itself was wrong, and results/errata.toml says how.")
    weak = [power for power in view.powers if power.powerless]
    if view.powers:
        said.append(f"Of {number_of(len(view.powers), 'step')} that negative controls leave out, leaving out "
                    f"{len(view.powers) - len(weak)} was seen somewhere; of the other {len(weak)} these runs cannot say"
                    " that a missing one would have been noticed." if weak else
                    f"Leaving out any of {number_of(len(view.powers), 'step')} was seen somewhere: these runs have"
                    " power.")
    return said
