# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind so that it can be picked up after it was killed: its order, and the results so far."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import output, results, tree
from .fault import UsageFault
from .fields import is_text, is_texts, one_line

_order_name = ".order.json"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_accepts = {
    "machines": is_texts, "test": is_texts, "subject": is_texts, "budget": is_text, "shards": _is_count, "seed": _is_count,
    "labgrid": lambda value: value is None or is_text(value),
}  # fmt: skip


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):  # a name with a zero in it
        return None


def keep_order(folder: Path, order: dict[str, Any], binaries: Iterable[Path]) -> None:
    """What was asked for, and with which binaries."""
    digests = {str(path.relative_to(tree.build)): _digest(path) for path in sorted(binaries)}
    results.write(folder / _order_name, {"order": order, "binaries": digests})


def find_run(name: str) -> Path:
    """The folder of a run: its path, or its name in build/results."""
    for folder in (Path(name), tree.build / "results" / name):
        if (folder / _order_name).is_file():
            return folder.resolve()
    raise UsageFault(f"--resume {name}: no folder of a run; accepted is one below {tree.build / 'results'}, or 'latest'")


def read_order(folder: Path) -> dict[str, Any]:
    """UsageFault if the binaries are no longer those that the run began with: a document speaks of one."""
    path = folder / _order_name
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        order, binaries = dict(kept["order"]), dict(kept["binaries"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageFault(f"{path}: no order of a run: {error!r}") from None
    if wrong := [name for name, value in order.items() if name not in _accepts or not _accepts[name](value)]:
        raise UsageFault(f"{path}: no order of a run: {wrong[0]!r} is {order[wrong[0]]!r}")
    for name, digest in binaries.items():
        if digest is not None and digest != _digest(tree.build / name):
            raise UsageFault(f"--resume {folder.name}: {one_line(tree.build / name)} has changed since; accepted is a new run")
    return order


def _results_in(path: Path) -> results.Document | None:
    """The results in a document or in JSON Lines; those that were never there count as none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else results.salvage(path)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("tests"), list):
        return None
    return document | {"tests": [r for r in document["tests"] if results.is_record(r) and r["status"] != "missing"]}


def so_far(work: Path, kept: Path) -> Path | None:
    """JSON Lines for the binary's --resume, out of what an earlier run left in its folder `work` or as the incomplete
    document `kept`; None if that has no result."""
    earlier = work / "earlier.jsonl"
    found = [_results_in(path) for path in (work / "results.json", work / "results.json.jsonl", earlier, kept)]
    best = max((document for document in found if document), key=lambda document: len(document["tests"]), default=None)
    if best is None or not best["tests"]:
        return None
    header = {key: value for key, value in best.items() if key not in ("tests", "duration_s", "complete")}
    lines = [{"header": header}, *best["tests"]]
    with output.whole(earlier) as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return earlier


def complete(path: Path) -> results.Document | None:
    """The document of a run that is over, if there is one; it need not run again."""
    if not path.exists():
        return None
    document = results.read(path)
    return document if document["complete"] else None
