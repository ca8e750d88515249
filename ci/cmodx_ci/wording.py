# SPDX-License-Identifier: Apache-2.0
"""Text out of documents, made fit to be shown: nothing in a document is trusted."""

import unicodedata

# Controls, formats (bidirectional overrides among them), surrogates, private and unassigned code points, separators.
_hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: str, most: int = 400) -> str:
    """One line without control characters, so that no name can move a terminal's cursor or forge a line of a report.
    `most` is in characters."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(_shown(c) if unicodedata.category(c) in _hidden else c for c in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _shown(character: str) -> str:
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def rate(value: float) -> str:
    """A rate in 1/s, or any number, to three digits with a prefix of the SI."""
    for prefix, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "


def count(value: int) -> str:
    """A count in groups of three digits."""
    return f"{value:,}".replace(",", "\u202f")


def number_of(value: int, one: str, more: str | None = None) -> str:
    return f"{count(value) if value > 9999 else value} {one if value == 1 else more or one + 's'}"
