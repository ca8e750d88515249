# SPDX-License-Identifier: Apache-2.0
"""Documents of `cmodx bench` and `cmodx sweep` as pictures."""

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from . import reader, report_page


def is_one(name: str) -> bool:
    """Whether this file calls itself a measurement; the reader says what is wrong with it otherwise."""
    try:
        found = json.loads(Path(name).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and str(found.get("schema", "")).startswith("cmodx-measurement/")


def pictured(names: list[str]) -> list[dict[str, Any]]:
    """Each with its pictures, for the templates."""
    if not names:
        return []
    from . import plots  # slow to load, and wanted by nobody else

    documents = [reader.read(Path(name))[1] for name in names]
    return [{"document": document, "pictures": plots.of(document)} for document in documents]


def page(names: list[str], title: str | None = None) -> str:
    template = report_page.environment().get_template("measurement.html.jinja")
    title = title or ", ".join(Path(name).name for name in names)
    return template.render(shown=pictured(names), title=title, style=Markup(report_page.asset("style.css")))
