# SPDX-License-Identifier: Apache-2.0
"""Result documents: reading, checking against results/schema.json, putting together after a run was cut short."""

import functools
import json
from pathlib import Path
from typing import Any

from . import output, tree
from .fault import HarnessFault
from .fields import is_number

Document = dict[str, Any]
Record = dict[str, Any]

schema_path = tree.results / "schema.json"


@functools.cache
def schema() -> dict[str, Any]:
    return json.loads(schema_path.read_text(encoding="utf-8"))


def schema_faults(document: Any) -> list[str]:
    """One line for each place where the document leaves the schema."""
    import jsonschema  # takes longer than a small difference

    validator = jsonschema.Draft202012Validator(schema())
    found = sorted(validator.iter_errors(document), key=lambda error: [str(step) for step in error.absolute_path])
    return ["/".join(map(str, error.absolute_path)) + ": " + error.message[:200] for error in found]


def read(path: Path) -> Document:
    """A valid document, or HarnessFault."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessFault(f"{path}: not a result document: {error}") from None
    faults = schema_faults(document)
    if faults:
        raise HarnessFault(f"{path}: leaves results/schema.json in {len(faults)} places, first {faults[0]}")
    return document


def write(path: Path, document: Document) -> None:
    """Whole or not at all."""
    with output.whole(path) as file:
        file.write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def is_record(value: Any) -> bool:
    """As far as tools go by it before the schema is asked."""
    return isinstance(value, dict) and all(isinstance(value.get(key), str) and value[key] for key in ("name", "status"))


def salvage(lines_path: Path) -> Document | None:
    """The document of a run that was cut short, from its JSON Lines; None if it has not even a header."""
    try:
        lines = lines_path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return None
    whole = []
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            break  # the line in flight when the run ended
        if whole and not is_record(value):
            break
        whole.append(value)
    if not whole or not isinstance(whole[0], dict) or not isinstance(whole[0].get("header"), dict):
        return None
    document = dict(whole[0]["header"])
    document["tests"] = whole[1:]
    if not is_number(document.get("duration_s")):
        document["duration_s"] = sum(took for record in whole[1:] if is_number(took := record.get("duration_s")))
    document["complete"] = False
    return document


# What a listed test and a record have in common: all that is known of a test before it runs.
_parts = ("name", "shape", "site", "at", "mapping", "writer", "executor", "origin", "twin_of", "omits")


def add_missing(document: Document, listed: list[dict[str, Any]], reason: str) -> int:
    """Adds a record `missing` for every listed test without one; how many."""
    have = {record["name"] for record in document["tests"]}
    lost = [test for test in listed if test["name"] not in have]
    for test in lost:
        record = {part: test[part] for part in _parts if part in test}
        document["tests"].append(record | {"status": "missing", "reason": reason})
    if lost:
        document["complete"] = False
    return len(lost)
