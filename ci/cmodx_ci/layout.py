# SPDX-License-Identifier: Apache-2.0
"""Reads a document in the layout in which cmodx writes it, ten times as fast as JSON is parsed and checked.

A regular expression made of the schema accepts a record in that layout: every field in the order of the schema, a line
each. It asks for more than the schema does, never for less; what it cannot say, conditions between fields, the schema
itself is asked of one record of each kind. Whatever is otherwise is no fault: `packed` gives None, and the document is
parsed as any JSON is.
"""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from . import digest, reader, results
from .digest import Parts, Ruling
from .fault import UsageFault
from .packed import Columns

# No group is possessive: Python 3.11.2 takes one that fails in its middle for a match (CPython issue 106052).
_string = r'[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-cefA-CEF][0-9a-fA-F]{3})[^"\\\x00-\x1f]*+)*'
_digits = r"(?:0|[1-9][0-9]{0,19}+)"
_number = _digits + r"(?:\.[0-9]++)?(?:[eE][-+]?[0-9]{1,2})?"
# A record with more, or with none, is parsed.
_most_witnesses = 6
# Fields that a record of a test which ran may lack.
_optional = frozenset(("at", "twin_of", "omits", "reason", "stderr", "first"))
_spoken = frozenset(("description", "unit", "type", "additionalProperties", "required", "properties", "propertyNames",
                     "items", "enum", "const", "minimum", "minLength", "pattern", "$ref", "allOf"))


def _pattern(of: str) -> str:
    """A pattern of the schema inside of a string of JSON that has no escapes."""
    whole = of.removeprefix("^").removesuffix("$").replace("(", "(?:")
    whole = whole.replace(r"[^\s]", r'[^\s"\\\x00-\x1f]')
    assert of.startswith("^") and not {".", "^"} & set(re.sub(r"\[\^?[^]]*\]", "", whole)), of
    return whole if of.endswith("$") else whole + _string


class _Made:
    """Expressions of the schema's definitions."""

    def __init__(self) -> None:
        self.schema = results.schema()

    def at(self, reference: str) -> dict[str, Any]:
        found = self.schema
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found

    def value(self, schema: dict[str, Any], depth: int) -> str:
        assert _spoken.issuperset(schema), f"results/schema.json says what no layout knows: {set(schema) - _spoken}"
        if "$ref" in schema:
            return self.value(self.at(schema["$ref"]), depth)
        if "enum" in schema or "const" in schema:
            words = schema["enum"] if "enum" in schema else [schema["const"]]
            return f"(?:{'|'.join(re.escape(json.dumps(word)) for word in words)})"
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return f"(?:{'|'.join(self._of_type(kind, schema, depth) for kind in kinds)})"

    def _of_type(self, kind: str, schema: dict[str, Any], depth: int) -> str:
        if kind == "object" and "properties" in schema:
            fields = "".join(expression for _, expression in self.fields(schema, depth))
            return rf"\{{{fields}\n{' ' * depth}\}}"
        if kind == "object":
            key = f'"{_pattern(schema["propertyNames"]["pattern"])}": '
            return self._many("{", key + self.value(schema["additionalProperties"], depth + 1), "}", depth)
        if kind == "array":
            return self._many("[", self.value(schema["items"], depth + 1), "]", depth)
        if kind == "string":
            assert schema.get("minLength", 0) <= 1
            some = '(?!")' if schema.get("minLength") else ""
            return f'"{some}{_pattern(schema["pattern"]) if "pattern" in schema else _string}"'
        sign = "" if schema.get("minimum") == 0 else "-?+"
        return {"integer": sign + _digits, "number": sign + _number, "null": "null", "boolean": "(?:true|false)"}[kind]

    @staticmethod
    def _many(first: str, item: str, last: str, depth: int) -> str:
        line = rf"\n{' ' * (depth + 1)}{item}"
        return rf"\{first}(?:{line}(?:,{line})*\n{' ' * depth})?\{last}"

    def fields(
        self, schema: dict[str, Any], depth: int, optional: frozenset[str] | None = None
    ) -> Iterator[tuple[str, str]]:
        """(field, expression from the comma in front of it on). The first one is never absent."""
        comma = ""
        for name, of in schema["properties"].items():
            expression = rf'{comma}\n{" " * (depth + 1)}"{name}": {self.value(of, depth + 1)}'
            there = name not in optional if optional is not None else name in schema["required"]
            assert there or comma, name
            yield name, expression if there else f"(?:{expression})?"
            comma = ","


def _group(expression: str) -> str:
    """The value of a field as a group of its own."""
    head, colon, value = expression.partition('": ')
    return f'{head}{colon}({value.removesuffix(")?")})' + (")?" if value.endswith(")?") else "")


def _judged(made: _Made) -> tuple[str, str]:
    """The witnesses of a record, with four groups for each: name, k, n, what else is said of it; and an expression of the
    last of these, which few texts are and which `_judged` takes as it comes."""
    of = dict(made.fields(made.at("#/$defs/judged"), 4))
    words = list(of)
    for name in ("witness", "k", "n"):
        of[name] = _group(of[name])
    rest = words.index("upper95") + 1
    head, said = ("".join(of[word] for word in part) for part in (words[:rest], words[rest:]))
    one = rf"\n    \{{{head}(,\n     \"{words[rest]}[^}}]*+)\}}"
    return rf"\[{one}{f'(?:,{one})?' * (_most_witnesses - 1)}\n   \]", said + r"\n    "


@functools.cache
def expression() -> re.Pattern[str]:
    """Of a record. Groups: all of it, its name, from shape to what is in front of code_hash, code_hash, outcomes,
    status, reason, stderr, first, rate_hz; `_judged` in between, as the schema has it."""
    made = _Made()
    fields = dict(made.fields(made.at("#/$defs/record"), 2, _optional))
    names = list(fields)
    parts = names[names.index("name") + 1 : names.index("code_hash")]
    for name in ("name", "code_hash", "outcomes", "status", "reason", "stderr", "first", "rate_hz"):
        fields[name] = _group(fields[name])
    fields["witnesses"] = ',\n   "witnesses": ' + _judged(made)[0]
    fields[parts[0]] = "(" + fields[parts[0]]
    fields[parts[-1]] += ")"
    return re.compile(rf"  (\{{{''.join(fields.values())}\n  \}})(?:,\n|\n \])")


class _Common:
    """What documents have in common is looked at once."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[Parts, tuple[str, ...]]] = {}
        self.rulings: dict[str, Ruling] = {}
        self.said = re.compile(_judged(_Made())[1])
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
    common, columns = _common(), list(zip(*rows, strict=True))
    wholes, names, parts, codes, outcomes = columns[:5]
    statuses, reasons, stderrs, firsts, rates = columns[-5:]
    if common.twice({text.encode().translate(None, b"0123456789") for text in outcomes}):
        return None
    parts = list(map(common.parts_of, parts))
    there = [map(bool, column) for column in (reasons, stderrs, firsts)]
    have = zip([fields for _, fields in parts], statuses, *there, strict=True)
    for has, whole in dict(zip(have, wholes, strict=True)).items():
        if has not in common.has:
            reader.validate(frame | {"tests": [json.loads(whole)]}, "result", "")
            common.has.add(has)
    names = [name[1:-1] for name in names]
    witnesses, ks, ns, words = ([column for column in columns[i:-5:4] if any(column)] for i in range(5, 9))
    many = len(witnesses)
    keys = list(zip(statuses, reasons, *witnesses, *words, strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    kinds = []
    for status, reason, *seen in numbers:
        judged = [(w[1:-1], common.ruling(said)) for w, said in zip(seen[:many], seen[many:], strict=True) if w]
        if any(ruling is None for _, ruling in judged):
            return None
        kinds.append((status[1:-1], json.loads(reason) if reason else "", judged))
    made = Columns(
        names, [code[1:-1] for code in codes], [(rate,) if rate else () for rate in map(float, rates)],
        [part for part, _ in parts], kinds, [numbers[key] for key in keys],
        *([[int(k) if k else 0 for k in column] for column in counts] for counts in (ks, ns)),
    )
    told = [place for place, status in enumerate(statuses) if status[1:-1] in digest.telling]
    return made.packed(digest.frame_of(frame), {names[place]: [json.loads(wholes[place])] for place in told})
