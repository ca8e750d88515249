# SPDX-License-Identifier: Apache-2.0
"""Machine files that differ in little: one may extend another, and `values` fill placeholders of their names.

    extends = "qemu-system-10-aarch64.toml"   # relative to this file; its keys come first
    [values]                                  # like every table, taken over key by key
    cpu = "cortex-a57"                        # {cpu} in any text of either file
"""

import re
from pathlib import Path
from typing import Any

from .fault import UsageFault
from .fields import is_text, read_toml

_name = re.compile(r"[a-z][a-z0-9_]*")


def _extended(path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    if path in below:
        raise UsageFault(f"{below[0]}: key 'extends' leads back to {path.name}; accepted: a file that does not")
    table = read_toml(path)
    parent = table.pop("extends", None)
    if parent is None:
        return table
    if not is_text(parent):
        raise UsageFault(f"{path}: key 'extends' is {parent!r}; accepted: a path relative to this file")
    merged = _extended((path.parent / parent).resolve(), (*below, path))
    for key, value in table.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merged[key] | value if both else value
    return merged


def _filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\{([^{}]*)\}", lambda match: values.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [_filled(element, values) for element in value]
    if isinstance(value, dict):
        return {key: _filled(element, values) for key, element in value.items()}
    return value


def read(path: Path) -> dict[str, Any]:
    """The table of a machine file with what it extends, its values filled in. UsageFault."""
    table = _extended(path, ())
    values = table.pop("values", {})
    if not isinstance(values, dict) or not all(_name.fullmatch(k) and isinstance(v, str) for k, v in values.items()):
        raise UsageFault(f"{path}: key 'values' is {values!r:.60}; accepted: a table of texts, name = \"text\"")
    # Values first in each other, once: {emulator} may say {version}.
    return _filled(table, {name: _filled(text, values) for name, text in values.items()})
