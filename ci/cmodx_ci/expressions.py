# SPDX-License-Identifier: Apache-2.0
"""Regular expressions of what results/schema.json accepts, in the layout in which cmodx writes it: every field in the order
of the schema, a line each, indented by its depth. They ask for more than the schema does, never for less."""

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from . import results

# No group is possessive: Python 3.11.2 takes one that fails in its middle for a match (CPython issue 106052).
_string = r'[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-cefA-CEF][0-9a-fA-F]{3})[^"\\\x00-\x1f]*+)*'
_digits = r"(?:0|[1-9][0-9]{0,19}+)"
_number = _digits + r"(?:\.[0-9]++)?(?:[eE][-+]?[0-9]{1,2})?"
_spoken = frozenset(("description", "unit", "type", "additionalProperties", "required", "properties", "propertyNames",
                     "items", "enum", "const", "minimum", "minLength", "pattern", "$ref", "allOf"))


def _pattern(of: str) -> str:
    """A pattern of the schema inside of a string of JSON that has no escapes."""
    whole = of.removeprefix("^").removesuffix("$").replace("(", "(?:")
    whole = whole.replace(r"[^\s]", r'[^\s"\\\x00-\x1f]')
    assert of.startswith("^") and not {".", "^"} & set(re.sub(r"\[\^?[^]]*\]", "", whole)), of
    return whole if of.endswith("$") else whole + _string


class Expressions:
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
        self,
        schema: dict[str, Any],
        depth: int,
        optional: frozenset[str] | None = None,
        named: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[tuple[str, str]]:
        """(field, expression from the comma in front of it on). The first one is never absent. `optional`: what may
        be, by the schema if not given; `named`: the group that a field's value is."""
        comma = ""
        for name, of in schema["properties"].items():
            value = self.value(of, depth + 1)
            if name in named:
                value = f"(?P<{named[name]}>{value})"
            expression = rf'{comma}\n{" " * (depth + 1)}"{name}": {value}'
            there = name not in optional if optional is not None else name in schema["required"]
            assert there or comma, name
            yield name, expression if there else f"(?:{expression})?"
            comma = ","
