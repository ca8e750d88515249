# SPDX-License-Identifier: Apache-2.0
"""Reads a document in the layout in which cmodx writes it, six times as fast as JSON is parsed and checked.

A regular expression made of the schema accepts a record in that layout: every field in the order of the schema, a line
each. It asks for more than the schema does, never for less; what it cannot say, conditions between fields, the schema
itself is asked of one record of each kind. Whatever is otherwise is no fault: `packed` gives None, and the document is
parsed as any JSON is.
"""

import functools
import json
import re
from typing import Any

from . import digest, reader
from .digest import Parts, Ruling
from .expressions import Expressions
from .fault import UsageFault
from .packed import Columns

# A record with more, or with none, is parsed.
_most_witnesses = 6
# Fields that a record of a test which ran may lack.
_optional = frozenset(("at", "twin_of", "omits", "reason", "stderr", "first", "arrangement_hash"))
# Fields whose values are wanted, each as a group of its name.
_kept = ("name", "code_hash", "outcomes", "status", "reason", "stderr", "first", "rate_hz")


def _judged(made: Expressions, number: int) -> tuple[str, str]:
    """A witness of a record, with the groups witnessN, kN, nN and saidN, what else is said of it; and an expression
    of the last of these, which few texts are and which the first takes as it comes."""
    groups = {name: f"{name}{number}" for name in ("witness", "k", "n")}
    of = dict(made.fields(made.at("#/$defs/judged"), 4, named=groups))
    names, values = list(of), list(of.values())
    rest = names.index("upper95") + 1
    head, said = "".join(values[:rest]), "".join(values[rest:])
    return rf'\n    \{{{head}(?P<said{number}>,\n     "{names[rest]}[^}}]*+)\}}', said + r"\n    "


@functools.cache
def expression() -> re.Pattern[str]:
    """Of a record. Its groups have the names of fields; `whole` is all of it, `parts` from shape to what is in front of
    code_hash; those of witnesses as `_judged` has them, from 1."""
    made = Expressions()
    fields = dict(made.fields(made.at("#/$defs/record"), 2, _optional, {name: name for name in _kept}))
    one, *more = (_judged(made, number)[0] for number in range(1, _most_witnesses + 1))
    fields["witnesses"] = rf',\n   "witnesses": \[{one}{"".join(f"(?:,{other})?" for other in more)}\n   \]'
    fields["shape"] = "(?P<parts>" + fields["shape"]
    fields["code_hash"] = ")" + fields["code_hash"]
    return re.compile(rf"  (?P<whole>\{{{''.join(fields.values())}\n  \}})(?:,\n|\n \])")


class _Common:
    """What documents have in common is looked at once."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[Parts, tuple[str, ...]]] = {}
        self.rulings: dict[str, Ruling] = {}
        self.said = re.compile(_judged(Expressions(), 1)[1])
        self.outcomes: set[bytes] = set()
        self.has: set[tuple] = set()

    def ruling(self, text: str) -> Ruling | None:
        """None: the text is not in the layout."""
        made = self.rulings.get(text)
        if made is None and self.said.fullmatch(text):
            words = json.loads("{" + text[1:] + "}")
            made = self.rulings[text] = Ruling(*(words[key] for key in Ruling._fields))
        return made

    def parts_of(self, text: str) -> tuple[Parts, tuple[str, ...]]:
        """The parts of a record, and which fields it has and where its protocol comes from."""
        made = self.parts.get(text)
        if made is None:
            words = json.loads("{" + text[1:] + "}")
            made = self.parts[text] = digest.parts_of(words), (words["origin"], *words)
        return made

    def twice(self, outcomes: set[bytes]) -> bool:
        """Whether a key of a histogram is there twice, which an expression cannot tell."""
        for text in outcomes - self.outcomes:
            keys = re.findall(rb'"[^"]*"', text)
            if len(set(keys)) != len(keys):
                return True
        self.outcomes |= outcomes
        return False


_common = functools.cache(_Common)


def prepare() -> None:
    """What every process needs, so that those that are forked have it."""
    expression()
    reader.accepts("result")
    _common()


_begin = '\n "tests": [\n'


def _records(text: str, begin: int) -> tuple[list[tuple[str, ...]], int] | None:
    """(the groups of every record, where the last one ends)"""
    end = text.rfind("\n ]", begin)  # the tests come last in a document
    found = expression().findall(text, begin, end + 3)
    # With the indentation and the separator of each: nothing lies between two.
    whole = sum([len(groups[0]) for groups in found]) + 4 * len(found) + 1
    return (found, end) if found and whole == end + 3 - begin else None


def packed(raw: bytes) -> bytes | None:
    """The digest of a whole document, packed; None if it is not in the layout, or not valid."""
    try:
        text = raw.decode("utf-8")
        begin = text.find(_begin) + len(_begin)
        found = _records(text, begin) if begin >= len(_begin) else None
        if found is None:
            return None
        rows, end = found
        kind, frame = reader.parse((text[: begin - 1] + text[end + 1 :]).encode(), "")
        one_each = len({groups[1] for groups in rows}) == len(rows)
        return _packed(frame, rows) if kind == "result" and frame["tests"] == [] and one_each else None
    except (UnicodeDecodeError, UsageFault):
        return None  # the parser says what is wrong, and where


def _packed(frame: dict[str, Any], rows: list[tuple[str, ...]]) -> bytes | None:
    common = _common()
    column = dict(zip(expression().groupindex, zip(*rows, strict=True), strict=True))
    if common.twice({text.encode().translate(None, b"0123456789") for text in column["outcomes"]}):
        return None
    statuses, reasons, wholes = column["status"], column["reason"], column["whole"]
    parts = list(map(common.parts_of, column["parts"]))
    there = [map(bool, column[name]) for name in ("reason", "stderr", "first")]
    have = zip([fields for _, fields in parts], statuses, *there, strict=True)
    for has, whole in dict(zip(have, wholes, strict=True)).items():
        if has not in common.has:
            reader.validate(frame | {"tests": [json.loads(whole)]}, "result", "")
            common.has.add(has)
    names = [name[1:-1] for name in column["name"]]
    many = sum(any(column[f"witness{i}"]) for i in range(1, _most_witnesses + 1))
    witnesses, ks, ns, words = ([column[f"{of}{i + 1}"] for i in range(many)] for of in ("witness", "k", "n", "said"))
    keys = list(zip(statuses, reasons, *witnesses, *words, strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    kinds = []
    for status, reason, *seen in numbers:
        judged = [(w[1:-1], common.ruling(said)) for w, said in zip(seen[:many], seen[many:], strict=True) if w]
        if any(ruling is None for _, ruling in judged):
            return None
        kinds.append((status[1:-1], json.loads(reason) if reason else "", judged))
    made = Columns(
        names, [code[1:-1] for code in column["code_hash"]], [(rate,) if rate else () for rate in map(float, column["rate_hz"])],
        [part for part, _ in parts], kinds, [numbers[key] for key in keys],
        *([[int(k) if k else 0 for k in column] for column in counts] for counts in (ks, ns)),
    )
    told = [place for place, status in enumerate(statuses) if status[1:-1] in digest.telling]
    return made.packed(digest.frame_of(frame), {names[place]: [json.loads(wholes[place])] for place in told})
