# SPDX-License-Identifier: Apache-2.0
"""Reading result documents and baselines strictly: whatever is wrong with a file is one line with file and place.

Every error is a UsageFault (exit code 2), raised before anything is written.
"""

import functools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema

from . import results
from .fault import UsageFault
from .wording import plain

# Of one file, in bytes. Two thousand tests are 4 MB; what is much larger is no document of ours.
most_bytes = 64 << 20

_format = re.compile(r"cmodx-(result|baseline|measurement)/(\d+)")
# Versions that this reader reads. An older one stays here as long as a document of it is in use.
versions = {"result": 1, "baseline": 1, "measurement": 1}


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """("result", "baseline" or "measurement", the document)."""
    return parse(contents(path), name_of(path))


def contents(path: Path) -> bytes:
    """Of a file; when it is too large, so much of it that `parse` refuses it."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return file.read() if 0 < size <= most_bytes else file.read(most_bytes + 1)
    except IsADirectoryError:
        raise UsageFault(f"{name_of(path)}: a folder; accepted is a document") from None
    except OSError as error:
        raise UsageFault(f"{name_of(path)}: {error.strerror or error}") from None


def parse(raw: bytes, where: str) -> tuple[str, dict[str, Any]]:
    """As `read`, from bytes; `where` names them in errors."""
    document = _json(raw, where)
    kind = _kind(document, where)
    validate(document, kind, where)
    names: dict[str, int] = {}
    for place, record in enumerate(document.get("tests", [])):
        if names.setdefault(record["name"], place) != place:
            raise UsageFault(
                f"{where}: tests/{place}: {plain(record['name'], 120)} is there twice,"
                f" first as tests/{names[record['name']]}"
            )
    for place, cell in enumerate(document.get("cells", [])):
        if cell["torn"] + cell["mixed"] > cell["executions"]:
            seen = f"{cell['torn']} torn and {cell['mixed']} mixed"
            raise UsageFault(f"{where}: cells/{place}: {seen} of {cell['executions']} executions")
    return kind, document


def name_of(path: Path) -> str:
    return plain(str(path))


class _Refused(Exception):
    """Found by a hook of the parser, which does not know the place."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Refused(f"key '{plain(next(key for key in keys if keys.count(key) > 1), 60)}' twice in one object")
    return made


def _constant(word: str) -> None:
    raise _Refused(f"{word} is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _Refused(f"{digits[:20]} is too large a number")
    return value


def _json(raw: bytes, where: str) -> Any:
    if len(raw) > most_bytes:
        raise UsageFault(f"{where}: larger than {most_bytes >> 20} MiB, which no result document is")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageFault(f"{where}: byte {error.start}: not UTF-8") from None
    if not text.strip():
        raise UsageFault(f"{where}: empty")
    # float() is called for each number if a hook is given: only where a number could overflow.
    hook = {"parse_float": _finite} if re.search(r"[eE]\+?\d{3}", text) else {}
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, **hook)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        place = f"{where}:{error.lineno}:{error.colno}"
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise UsageFault(f"{place}: cut short: the document ends in the middle") from None
        raise UsageFault(f"{place}: not JSON: {error.msg}") from None
    except _Refused as refused:
        raise UsageFault(f"{where}{_place(text, str(refused))}: {refused}") from None
    except UnicodeEncodeError:
        raise UsageFault(f"{where}: a text holds half of a surrogate pair") from None
    except RecursionError:
        raise UsageFault(f"{where}: nested too deep") from None
    except ValueError as error:  # an integer of thousands of digits
        raise UsageFault(f"{where}: not JSON: {plain(str(error), 120)}") from None
    return document


_token = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN|[-+.\w]+')


def _place(text: str, why: str) -> str:
    """":line" of the constant that a hook refused; nothing for a key, which may be there often."""
    word = why.split()[0]
    if why.startswith("key "):
        return ""
    for match in _token.finditer(text):
        if match[0][:20] == word:
            return f":{text.count(chr(10), 0, match.start()) + 1}"
    return ""


def _kind(document: Any, where: str) -> str:
    named = document.get("schema") if isinstance(document, dict) else None
    match = _format.fullmatch(named) if isinstance(named, str) else None
    if match is None:
        found = f"its 'schema' is {plain(repr(named), 60)}" if named is not None else "it has no 'schema'"
        raise UsageFault(f"{where}: no document of cmodx: {found}; accepted: {_accepted()}")
    kind, version = match[1], int(match[2])
    if version > versions[kind]:
        raise UsageFault(f"{where}: {named} was written by a newer cmodx; this one reads {_accepted()}")
    if version < versions[kind]:
        raise UsageFault(f"{where}: {named} is a format that is no longer read; accepted: {_accepted()}")
    return kind


def _accepted() -> str:
    return ", ".join(f"cmodx-{kind}/{version}" for kind, version in versions.items())


@functools.cache
def schema_of(kind: str) -> dict[str, Any]:
    """The schema of a kind of document: results/schema.json, or its definition `baseline` or `measurement`."""
    whole = results.schema()
    if kind == "result":
        return whole
    return {"$schema": whole["$schema"], "$defs": whole["$defs"], "$ref": f"#/$defs/{kind}"}


@functools.cache
def accepts(kind: str) -> Callable[[Any], Any]:
    """Raises fastjsonschema.JsonSchemaException for what is no such document."""
    # It speaks draft 7 and compiles to Python, a hundred times as fast; whatever it refuses is put to jsonschema.
    draft7 = {key: value for key, value in schema_of(kind).items() if key not in ("$schema", "$id")}
    return fastjsonschema.compile({"$schema": "http://json-schema.org/draft-07/schema#", **draft7})


def validate(document: Any, kind: str, where: str) -> None:
    try:
        accepts(kind)(document)
        return
    except fastjsonschema.JsonSchemaException:
        pass
    import jsonschema  # takes longer than a small difference

    validator = jsonschema.Draft202012Validator(schema_of(kind))
    error = next(validator.iter_errors(document), None)
    if error is None:
        return
    place = "/".join(plain(str(step), 80) for step in error.absolute_path) or "the document"
    hint = ""
    if error.validator == "additionalProperties":
        hint = "; a field that this cmodx does not know: written by a newer one?"
    raise UsageFault(f"{where}: {place}: {plain(error.message, 160)}{hint}")
