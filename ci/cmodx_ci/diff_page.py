# SPDX-License-Identifier: Apache-2.0
"""A difference as one self-contained page of HTML; it shares the report's style."""

from markupsafe import Markup

from . import diff_text
from .changes import Difference, kinds, regressions
from .report_page import asset, environment
from .wording import plain

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
