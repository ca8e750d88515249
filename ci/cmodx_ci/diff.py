# SPDX-License-Identifier: Apache-2.0
"""ci/diff: what differs between two runs, two machines, a run and a baseline."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import by_shape, changes, diff_text, fault, output, sources
from .changes import Difference, regressions
from .entry import Parser, guarded
from .fault import UsageFault
from .wording import number_of, plain

_description = """Says what differs between A and B: the environment first, then test by test. Each of them is a
document, a folder of documents, a machine (its baseline in results/), or a git revision's baselines (HEAD~3: or
HEAD~3:native).
Exit codes: 0 no regression; 1 a new violation, crash, timeout, error or missing result; 2 usage, or a file that
cannot be read."""

_formats = ("text", "markdown", "json", "html")
_styles = {
    "new violation": "bold red", "broken": "bold red", "fixed": "green", "repaired": "green",
    "not seen again": "yellow",
    "verdict changed": "magenta", "witness newly seen": "cyan", "witness no longer seen": "cyan",
}


def _parser() -> argparse.ArgumentParser:
    parser = Parser("ci/diff", _description)
    parser.add_argument("a", metavar="A", help="what was before")
    parser.add_argument("b", metavar="B", help="what is now")
    parser.add_argument("--by", choices=("test", "shape"), default="test",
                        help="shape: line up the same shape on any two machines; nothing is a regression then")
    parser.add_argument("--format", choices=_formats, help="text (default), or by the name of the output file")
    parser.add_argument("-o", "--output", metavar="FILE", help="instead of standard output")
    parser.add_argument("--all", action="store_true", help="every test by its name, and every shape")
    return parser


def _text(difference: Difference, every: bool) -> list[object]:
    one, other = map(plain, difference.names)
    parts: list[object] = [Text(f"{one} → {other}", style="bold")]
    for what, how in diff_text.environment(difference):
        parts.append(Text.assemble("  ", (f"{what}: ", "dim"), how))
    for kind, meaning in changes.kinds.items():
        found = diff_text.rows(difference, kind, fold=not every)
        if not found:
            continue
        parts += [Text(""), Text.assemble((kind, _styles.get(kind, "bold")), (f"  {meaning}", "dim"))]
        for row in found:
            label = "" if len(difference.machines) == 1 else f"{plain(row.machine)}: "
            parts.append(Text(f"  {label}{row.what}: {row.how}"))
    style = "bold red" if difference.regressions else "bold"
    return [*parts, Text(""), Text(diff_text.summary(difference), style=style)]


def _shapes_text(names: tuple[str, str], rows: list[by_shape.Row], every: bool) -> list[object]:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("shape", "site", "mapping", "protocol", "", *names):
        table.add_column(plain(heading), overflow="fold")
    shown = [row for row in rows if every or row.differs]
    for row in shown:
        cells = [plain(word) for word in (row.shape, row.site, row.mapping, row.origin)]
        table.add_row(*map(Text, [*cells, "≠" if row.differs else "", *(plain(side.words()) for side in row.sides)]))
    alike = len(rows) - sum(row.differs for row in rows)
    said = f"{number_of(len(rows), 'row')}, {len(rows) - alike} differ" + ("" if every else f"; {alike} alike: --all")
    return [*([table] if shown else []), Text(said)]


def _shapes_json(names: tuple[str, str], rows: list[by_shape.Row]) -> str:
    made = [
        {
            "shape": row.shape, "site": row.site, "mapping": row.mapping, "protocol": row.origin,
            "differs": row.differs,
            "sides": [
                {"statuses": dict(s.statuses), "witnesses": {w: {"k": k, "n": n} for w, (k, n) in s.seen.items()}}
                for s in row.sides
            ],
        }
        for row in rows
    ]
    return json.dumps({"schema": "cmodx-diff-by-shape/1", "between": names, "rows": made}, indent=1) + "\n"


def _shapes_markdown(names: tuple[str, str], rows: list[by_shape.Row], every: bool) -> str:
    words = diff_text.escaped
    lines = [f"| shape | protocol | {words(plain(names[0]))} | {words(plain(names[1]))} |", "|---|---|---|---|"]
    for row in rows:
        if every or row.differs:
            cells = [f"{row.shape} {row.site} {row.mapping}", row.origin, *(side.words() for side in row.sides)]
            lines.append("| " + " | ".join(words(plain(cell)) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _show(parts: list[object], file: str | None) -> None:
    def print_to(stream) -> None:
        console = Console(file=stream, highlight=False, width=None if stream.isatty() else 400)
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text))

    if file is None:
        print_to(sys.stdout)
    else:
        with output.whole(Path(file)) as stream:
            print_to(stream)


# Until the process ends: to take a hundred runs apart takes as long as to compare them.
_held: list[sources.Runs] = []


def run(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    by_name = {".md": "markdown", ".json": "json", ".html": "html"}
    form = options.format or output.by_name(options.output, by_name, "text")
    names = (options.a, options.b)
    one, other = sources.of(options.a), sources.of(options.b)
    _held.extend((one, other))
    if options.by == "shape":
        rows = by_shape.lined_up(one, other)
        if form == "text":
            _show(_shapes_text(names, rows, options.all), options.output)
        elif form == "html":
            from . import diff_page

            output.put(options.output, diff_page.shapes_page(names, rows))
        else:
            made = _shapes_json(names, rows) if form == "json" else _shapes_markdown(names, rows, options.all)
            output.put(options.output, made)
        return fault.conformant
    difference = changes.difference(names, one, other)
    if not difference.machines:
        raise UsageFault(f"{plain(options.a)}, {plain(options.b)}: no machine is on both sides")
    if form == "text":
        _show(_text(difference, options.all), options.output)
    elif form == "markdown":
        output.put(options.output, diff_text.markdown(difference, None if options.all else 50))
    elif form == "json":
        output.put(options.output, diff_text.as_json(difference))
    else:
        from . import diff_page

        output.put(options.output, diff_page.page(difference))
    return fault.violations if any(c.kind in regressions for c in difference.changes) else fault.conformant


def main() -> NoReturn:
    os._exit(guarded("ci/diff", run))
