# SPDX-License-Identifier: Apache-2.0
"""Reading TOML strictly: every fault is one line that names the file, the key and what is accepted."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from .fault import UsageFault


@dataclass(frozen=True)
class Key:
    """A key of a table: what it accepts, in words and as a predicate."""

    accepted: str
    accepts: Callable[[Any], bool]
    required: bool = True
    default: Any = None


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(is_text(element) for element in value)


text = "a text that is not empty"


def one_line(said: Any) -> str:
    """On one line, as a name in a file may not be."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(said))


def read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise UsageFault(f"{one_line(path)}: no such file") from None
    except OSError as error:
        raise UsageFault(f"{one_line(path)}: {error.strerror}") from None
    # Not TOML, or text; a number too long; tables too deep; a name with a zero in it.
    except (ValueError, RecursionError) as error:
        raise UsageFault(f"{one_line(path)}: not TOML: {' '.join(str(error).split())}") from None


def check_table(where: str, table: Any, keys: dict[str, Key]) -> dict[str, Any]:
    """The table with defaults filled in; `where` names the file, and the table inside it."""
    if not isinstance(table, dict):
        raise UsageFault(f"{one_line(where)}: accepted is a table with {', '.join(keys)}")
    for name in table:
        if name not in keys:
            raise UsageFault(f"{one_line(where)}: unknown key '{one_line(name)}'; accepted: {', '.join(keys)}")
    checked = {}
    for name, key in keys.items():
        if name not in table:
            if key.required:
                raise UsageFault(f"{one_line(where)}: key '{name}' is missing; accepted: {key.accepted}")
            checked[name] = key.default
        elif not key.accepts(table[name]):
            raise UsageFault(f"{one_line(where)}: key '{name}' is {_shown(table[name])}; accepted: {key.accepted}")
        else:
            checked[name] = table[name]
    return checked


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
