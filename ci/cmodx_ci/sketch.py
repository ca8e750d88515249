# SPDX-License-Identifier: Apache-2.0
"""The threads of a test side by side: the sketch in the header of its case, with the test's own steps in it."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from . import tree

_name = re.compile(r"\bnames?(?:\[\])?\s*=[^;]*;", re.DOTALL)
_word = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class Case:
    """`meaning`: the sentence of the header. `threads`: titles of the columns. `rows`: cells, as many as threads."""

    meaning: str
    threads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _header(source: str) -> list[str]:
    """The comment at the top without its marks and the licence's line."""
    lines = []
    for line in source.splitlines():
        if not line.startswith("//"):
            break
        if "SPDX" not in line:
            lines.append(line[2:].removeprefix(" ") if line.startswith("// ") else "")
    return lines


def parse(source: str) -> tuple[list[str], Case]:
    """(shapes that the file defines, its case)"""
    shapes = [word for found in _name.findall(source) for word in _word.findall(found)]
    lines = _header(source)
    top = next((i for i, line in enumerate(lines) if re.match(r"\s+[TP]0\b", line)), None)
    meaning = " ".join(line.strip() for line in lines[:top] if line.strip())
    if top is None:
        return shapes, Case(meaning, (), ())
    starts = [match.start() for match in re.finditer(r"\b[TP]\d", lines[top])]
    ends = [*starts[1:], None]
    cut = [tuple(line[a:b].strip() for a, b in zip(starts, ends, strict=True)) for line in lines[top:]]
    return shapes, Case(meaning, cut[0], tuple(row for row in cut[1:] if any(row)))


@functools.cache
def cases() -> dict[str, Case]:
    """By shape; a case whose header has no sketch has a sentence only."""
    found: dict[str, Case] = {}
    for path in sorted((tree.root / "cases").rglob("*.cpp")):
        shapes, case = parse(path.read_text(encoding="utf-8", errors="replace"))
        found.update((shape, case) for shape in shapes)
    return found


def of(shape: str, writer: Sequence[str], executor: Sequence[str]) -> Case:
    """The sketch of a test. A row of `steps` becomes a row a step: the writer's in the first thread, the executor's in
    the others. A shape that has no case here, such as one of a newer suite, is its two lists of steps."""
    case = cases().get(shape)
    if case is None or not case.threads:
        meaning = case.meaning if case else ""
        rows = tuple(_filled([tuple(writer) or ("po",), tuple(executor) or ("po",)]))
        return Case(meaning, ("writer", "executor"), rows)
    rows = []
    for row in case.rows:
        cells = [
            (tuple(executor if thread else writer) or ("(no step)",)) if cell == "steps" else (cell,)
            for thread, cell in enumerate(row)
        ]
        rows += _filled(cells)
    return Case(case.meaning, case.threads, tuple(rows))


def _filled(columns: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    height = max(map(len, columns))
    return [tuple(column[i] if i < len(column) else "" for column in columns) for i in range(height)]
