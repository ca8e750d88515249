# SPDX-License-Identifier: Apache-2.0
"""Documents of `cmodx bench` and `cmodx sweep` as one page of pictures."""

import json
from pathlib import Path
from typing import Any

from . import reader, report_page
from .fault import UsageFault
from .wording import plain


def is_one(name: str) -> bool:
    """Whether this file calls itself a measurement; the reader says what is wrong with it otherwise."""
    try:
        found = json.loads(Path(name).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and str(found.get("schema", "")).startswith("cmodx-measurement/")


def page(names: list[str], title: str | None = None) -> str:
    from . import plots  # slow to load, and wanted by nobody else

    shown: list[dict[str, Any]] = []
    for name in names:
        kind, document = reader.read(Path(name))
        if kind != "measurement":
            raise UsageFault(f"{plain(name)}: a {kind}; measurements are shown by themselves")
        shown.append({"document": document, "pictures": plots.of(document)})
    template = report_page.environment().get_template("measurement.html.jinja")
    return template.render(shown=shown, title=title or ", ".join(Path(name).name for name in names))
