# SPDX-License-Identifier: Apache-2.0
"""A difference as one self-contained page of HTML; it shares the report's style."""

from markupsafe import Markup

from . import by_shape, diff_text
from .changes import Difference, kinds, regressions
from .report_page import asset, environment
from .wording import number_of, plain

# Rows of one kind: beyond these nobody reads on, and the JSON has them all.
most_rows = 500


def page(difference: Difference) -> str:
    kinds_ = [(kind, meaning, diff_text.rows(difference, kind)) for kind, meaning in kinds.items()]
    return environment().get_template("diff.html.jinja").render(
        names=[plain(name, 200) for name in difference.names],
        summary=diff_text.summary(difference),
        bad=difference.regressions,
        environment=list(diff_text.environment(difference)),
        kinds=[found for found in kinds_ if found[2]],
        regressions=regressions,
        most=most_rows,
        style=Markup(asset("style.css")),
    )


def shapes_page(names: tuple[str, str], rows: list[by_shape.Row]) -> str:
    """What differs stands first; every row is there."""
    differ = sum(row.differs for row in rows)
    return environment().get_template("diff_shapes.html.jinja").render(
        names=[plain(name, 200) for name in names],
        summary=f"{number_of(len(rows), 'row')}, {differ} differ",
        groups=[
            ("differ", [row for row in rows if row.differs]), ("alike", [row for row in rows if not row.differs]),
        ],
        style=Markup(asset("style.css")),
    )
