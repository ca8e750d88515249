# SPDX-License-Identifier: Apache-2.0
"""The table of a matrix run: tests down, machines across."""

from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .judge import Judgement, Mark
from .results import Document

_styles = {
    Mark.passed: "green",
    Mark.failed: "bold red",
    Mark.known: "yellow",
    Mark.seen: "cyan",
    Mark.not_seen: "dim",
    Mark.skipped: "dim",
    Mark.broken: "bold red",
    Mark.unexpected: "bold magenta",
    Mark.void: "dim",
}


def legend() -> str:
    return "  ".join(f"{mark.value[0]} {mark.value[1]}" for mark in Mark) + "  (blank: not listed)"


def _heading(machine: str) -> str:
    """One word a line: names of machines are long, and their columns one character wide."""
    return machine.replace("-", "\n")


def _rows(documents: Sequence[Document]) -> dict[str, list[str]]:
    """Names of tests by shape, shapes and tests in the order of their first appearance."""
    rows: dict[str, dict[str, None]] = {}
    for document in documents:
        for record in document["tests"]:
            rows.setdefault(record["shape"], {})[record["name"]] = None
    return {shape: list(names) for shape, names in rows.items()}


def build(documents: Sequence[Document], judgements: Sequence[Judgement]) -> Table:
    """One row a test, one column a judgement; documents and judgements belong together in order."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("test", overflow="fold", vertical="bottom")
    for judgement in judgements:
        table.add_column(_heading(judgement.machine), justify="center", no_wrap=True)
    for shape, names in _rows(documents).items():
        table.add_row(Text(shape, style="bold"))
        for name in names:
            cells = [judgement.marks.get(name) for judgement in judgements]
            table.add_row(
                Text("  " + name), *(Text(mark.value[0], style=_styles[mark]) if mark else Text("") for mark in cells)
            )
        table.add_section()
    table.add_row(Text("sum", style="bold"))
    for mark in Mark:
        counts = [sum(found is mark for found in judgement.marks.values()) for judgement in judgements]
        if any(counts):
            table.add_row(Text(f"  {mark.value[0]} {mark.value[1]}"), *(str(count) if count else "" for count in counts))
    return table


def show(file: TextIO, *parts: object) -> None:
    """Prints tables and lines; to anything but a terminal as wide as they are, and without colours."""
    console = Console(file=file, highlight=False, width=None if file.isatty() else 400)
    for part in parts:
        if isinstance(part, str):
            console.print(part, markup=False, soft_wrap=True)
        else:
            console.print(part)
