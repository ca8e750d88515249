# SPDX-License-Identifier: Apache-2.0
"""Negative controls: for which left-out steps no machine showed that leaving them out can be seen."""

from collections import defaultdict
from dataclasses import dataclass

from .results import Document


@dataclass(frozen=True)
class Powerless:
    """A step without power: `twins` runs of twins that omit it, and in none a witness that its parent lacks."""

    architecture: str
    step: str
    twins: int


def without_power(documents: list[Document]) -> list[Powerless]:
    """A twin has power where it shows a witness that its parent, the whole protocol, did not show there."""
    runs: dict[tuple[str, str], int] = defaultdict(int)
    shown: set[tuple[str, str]] = set()
    for document in documents:
        seen = {
            record["name"]: {w["witness"] for w in record.get("witnesses", []) if w["k"] > 0}
            for record in document["tests"]
        }
        for record in document["tests"]:
            if record.get("origin") != "twin" or record["status"] in ("skip", "missing"):
                continue
            key = (document["machine"]["architecture"], record["omits"]["step"])
            runs[key] += 1
            parent = seen.get(record["twin_of"])
            if parent is not None and seen[record["name"]] - parent:
                shown.add(key)
    return [Powerless(*key, runs[key]) for key in sorted(runs) if key not in shown]
