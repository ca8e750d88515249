# SPDX-License-Identifier: Apache-2.0
"""ci/report: one or several runs as a page, or in another program's format."""

from pathlib import Path

from . import fault, formats, measurements, output, report_page, sources, view
from .entry import Parser, guarded
from .fault import UsageFault
from .wording import plain

_description = """Writes a report of one or several runs: documents, folders, machines (their baselines), or a git
revision's baselines (HEAD~3:). Runs of the same machine are merged. Documents of `cmodx bench` and `cmodx sweep` become
pictures in it, or a page of their own.
Exit codes: 0 written, whatever the results; 2 usage, or a file that cannot be read."""

_by_name = {".html": "html", ".xml": "junit", ".md": "markdown", ".ktap": "ktap", ".json": "kcidb"}


def _parser() -> Parser:
    parser = Parser("ci/report", _description)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    parser.add_argument("--format", choices=sorted(_by_name.values()),
                        help="by the name of the output (.html, .xml, .md, .ktap, .json), else html")
    parser.add_argument("--title", help="default: the names of the runs")
    return parser


def html(names: list[str], title: str | None = None) -> str:
    """The page of these runs and measurements. UsageFault as sources.collect."""
    measured = [name for name in names if measurements.is_one(name)]
    runs = [name for name in names if name not in measured]
    if not runs:
        return measurements.page(measured, title)
    shown = view.of(sources.collect(runs))
    title = title or ", ".join(Path(name).resolve().name or name for name in runs)
    return report_page.page(shown, title, measurements.pictured(measured))


def run(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    form = options.format or output.by_name(options.output, _by_name, "html")
    if form == "html":
        made = html(options.runs, options.title)
    elif any(map(measurements.is_one, options.runs)):
        raise UsageFault("measurements are shown on a page of HTML only")
    else:
        made = formats.writers[form](view.of(sources.collect(options.runs)))
    output.put(options.output, made)
    return fault.conformant


def main() -> int:
    return guarded("ci/report", run)


def beside(folder: Path) -> None:
    """The page of a run in its own folder, as ci/matrix leaves it; a fault here is no fault of the run."""
    try:
        output.put(str(folder / "report.html"), html([str(folder)], folder.name))
    except UsageFault as problem:
        raise UsageFault(f"no report: {plain(str(problem))}") from None
