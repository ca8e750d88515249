# SPDX-License-Identifier: Apache-2.0
"""What a guest left on its console: the end of it, and whether its kernel gave up."""

import re
from pathlib import Path

kept_lines = 50
_read_bytes = 1 << 16
# Colours and cursor movements of firmware, and whatever else is no text.
_control = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def tail(path: Path, lines: int = kept_lines) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            left_off = max(0, file.tell() - _read_bytes)
            file.seek(left_off)
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    if left_off:
        text = text.partition("\n")[2]  # the first line is the end of one
    return "\n".join(_control.sub("", text).strip().splitlines()[-lines:])


def complaints(path: Path, lines: int = kept_lines) -> str:
    """What a bare image said on its serial line besides results."""
    text = [line for line in tail(path, 1 << 30).splitlines() if not line.startswith("{")]
    return "\n".join(text[-lines:])


def last_words(text: str) -> str | None:
    """The line that says why the guest ended by itself, if one does."""
    for mark in ("Kernel panic", "cmodx: init failed", "cmodx: the bare image failed"):
        for line in text.splitlines():
            if mark in line:
                return re.sub(r"^\[[ .0-9]+\] ", "", line).strip()
    return None
