# SPDX-License-Identifier: Apache-2.0
"""A view as one self-contained page of HTML: no network, no script but its own.

Whatever comes out of a document passes through `plain` and Jinja's escaping, or through JSON in which `<` is escaped.
"""

import base64
import functools
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from . import view, wording
from .changes import of_count
from .digest import Result, Seen
from .judge import Mark
from .view import Section, View
from .wording import number_of, plain

_folder = Path(__file__).parent / "page"
_letters = {
    Mark.passed: "p", Mark.failed: "f", Mark.known: "k", Mark.seen: "s", Mark.not_seen: "n", Mark.skipped: "x",
    Mark.broken: "b", Mark.unexpected: "u", Mark.void: "v",
}
# From the worst on: what a row of filters and a machine's bar begin with.
_order = (
    Mark.failed, Mark.broken, Mark.unexpected, Mark.known, Mark.seen, Mark.passed, Mark.not_seen, Mark.skipped,
    Mark.void,
)
# Beyond these a page would be too large for anybody to read or a browser to lay out.
most_sections = 400
most_machines = 8  # of one section
_few_tests = 400  # in so many rows all groups begin unfolded


def asset(name: str) -> str:
    return (_folder / name).read_text(encoding="utf-8")


def _percent(share: float) -> str:
    if share >= 0.9995:
        return "100 %" if share == 1 else "> 99.9 %"
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.1g} %"


def _heat(seen: Seen) -> str:
    """0 to 1, by the logarithm: one in a million is nothing, one in a hundred is all."""
    return f"{min(1.0, max(0.12, (math.log10(seen.k / seen.n) + 6) / 4)) if seen.k else 0:.2f}"


@functools.cache
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_folder), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,
    )
    made.filters.update(
        plain=lambda text, most=400: plain(str(text), most),
        letter=lambda mark: _letters[mark],
        tally=lambda column: [(mark, column.counts[mark]) for mark in _order if column.counts[mark]],
        count=wording.count,
        percent=_percent,
        told=of_count,
        heat=_heat,
        befores=lambda rows: sorted({before for cells in rows.values() for before in cells}),
        day=lambda text: number_of(text.count("|") + 1, "run") if "|" in text else text.replace("T", " ")[:16],
        lines=lambda text: "\n".join(plain(line, 200) for line in text.splitlines()[:30]),
    )
    return made


def _cell(mark: Mark | None, number: int | None) -> str:
    if mark is None:
        return "<td>"
    letter = _letters[mark]
    if number is None:
        return f"<td class={letter}>{mark.value[0]}"
    return f"<td class={letter}><a href=#v{number} aria-label='{mark.value[1]}: to its section'>{mark.value[0]}</a>"


def _matrix(shown: View, numbers: dict[str, int]) -> tuple[Markup, list[tuple[str, int]], list[tuple[str, ...]]]:
    """(the bodies of the table, its tests with the number of their set of witnesses, those sets)"""
    kinds: dict[tuple[str, ...], int] = {}
    tests: list[tuple[str, int]] = []
    parts: list[str] = []
    fold = shown.tests > _few_tests
    marks = [column.judgement.marks for column in shown.columns]
    runs = [column.run.tests for column in shown.columns]
    for shape, names in shown.shapes.items():
        heads = []
        for of in marks:
            worst = next((m for m in _order[:4] if any(of.get(name) is m for name in names)), None)
            many = sum(of.get(name) is worst for name in names) if worst else 0
            heads.append(f"<td class={_letters[worst]} title='{many} {worst.value[1]}'>{many}" if worst else "<td>")
        parts.append(
            f"<tbody class=g><tr><th scope=rowgroup><button type=button aria-expanded={'false' if fold else 'true'}>"
            f"{escape(plain(shape))}<small>{number_of(len(names), 'test')}</small></button></th>{''.join(heads)}</tr></tbody>"
            f"<tbody{' hidden' if fold else ''}>"
        )
        for name in names:
            result = next(of[name] for of in runs if name in of)
            kind = kinds.setdefault(tuple(w.witness for w in result.witnesses), len(kinds))
            cells = "".join([_cell(mark, numbers.get(name) if mark in view.told else None)
                             for mark in [of.get(name) for of in marks]])
            title = escape(plain(name))
            parts.append(f"<tr data-t={len(tests)} data-w={kind}><th scope=row title=\"{title}\">{title}</th>{cells}\n")
            tests.append((name, kind))
        parts.append("</tbody>")
    return Markup("".join(parts)), tests, list(kinds)


def _numbers(result: Result | None, order: tuple[str, ...]) -> list[int] | int:
    """[n, rate in 1/s, k of each witness, zeros at the end left out], or 0."""
    if result is None:
        return 0
    n = max((w.n for w in result.witnesses), default=0)
    rate = int(float(f"{sum(result.rates) / len(result.rates):.3g}")) if result.rates else 0
    found = [n, rate, *(w.k for w in result.witnesses)]
    if tuple([w.witness for w in result.witnesses]) != order:
        by_name = {w.witness: w.k for w in result.witnesses}
        found = [n, rate, *(by_name.get(name, 0) for name in order)]
    while found and found[-1] == 0:
        found.pop()
    return found or 0


def _data(shown: View, tests: list[tuple[str, int]], kinds: list[tuple[str, ...]]) -> Markup:
    """What the page's script reads a cell from. No `<`, so that no text can end the element that holds it."""
    made = {
        "machines": [plain(column.name, 80) for column in shown.columns],
        "marks": {letter: mark.value[1] for mark, letter in _letters.items()},
        "witnesses": kinds,
        "counts": [
            [_numbers(column.run.tests.get(name), kinds[kind]) for name, kind in tests] for column in shown.columns
        ],
    }
    text = json.dumps(made, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def page(shown: View, title: str, measured: Sequence[dict[str, Any]] = ()) -> str:
    """`measured`: what measurements.pictured gives."""
    environment_ = environment()
    template = environment_.get_template("section.html.jinja")
    sections, left_out = shown.sections[:most_sections], shown.sections[most_sections:]

    def render_section(section: Section) -> Markup:
        return Markup(template.render(section=section, most_machines=most_machines))

    matrix, tests, kinds = _matrix(shown, {section.test: section.number for section in shown.sections})
    script = asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    counts = shown.counts
    return environment_.get_template("report.html.jinja").render(
        view=shown,
        shown=measured,
        title=plain(title, 100),
        words=view.in_words(shown),
        bad=counts[Mark.failed] or counts[Mark.broken],
        marks=[(mark, counts[mark]) for mark in _order if counts[mark]],
        sections=sections,
        left_out=left_out,
        render_section=render_section,
        power_columns=[c for c in shown.columns if any(c.name in p.by_machine for p in shown.powers)],
        matrix=matrix,
        data=_data(shown, tests, kinds),
        style=Markup(asset("style.css")),
        script=Markup(script),
        script_hash=Markup(f"sha256-{digest}"),
    )
