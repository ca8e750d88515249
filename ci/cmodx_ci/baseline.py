# SPDX-License-Identifier: Apache-2.0
"""ci/baseline: makes runs the baselines of their machines, results/MACHINE/baseline.json."""

import json
from pathlib import Path

from . import changes, diff_text, digest, expected, fault, output, sources, tree
from .entry import Parser, guarded
from .digest import Run
from .fault import UsageFault
from .wording import number_of, plain

_description = """Makes runs (documents or folders; those of one machine are merged) the baselines of their machines,
and says what changes. A run with a violation is accepted as one: a baseline says what is,
results/MACHINE/expected.toml says what is excused. An incomplete run is refused, and so is one with a result that
crashed, hung or is missing, unless that is excused.
Exit codes: 0 written; 1 refused; 2 usage, or a file that cannot be read."""


def text_of(run: Run) -> str:
    """A line a test, so that a change of one test is one line in a merge request."""
    document = digest.to_baseline(run)

    def lines(values: list[str]) -> str:
        return ",\n".join("  " + value for value in values)

    def dumped(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    environment = lines([f"{dumped(key)}: {dumped(values)}" for key, values in document["environment"].items()])
    tests = lines([dumped(test) for test in document["tests"]])
    return (
        f'{{\n "schema": {dumped(document["schema"])},\n "machine": {dumped(document["machine"])},\n'
        f' "environment": {{\n{environment}\n }},\n "tests": [\n{tests}\n ]\n}}\n'
    )


def refused(run: Run, known: list[expected.Line]) -> str | None:
    """Why this run is no baseline. A test that is known to end badly may."""
    if run.environment.get("complete", ("yes",)) != ("yes",):
        return "the run is not complete"
    no_result = ("missing", "error", "crash", "timeout", "void")
    broken = [
        name
        for name, result in run.tests.items()
        if result.status in no_result
        and not any(line.witness == result.status and line.matches(name) for line in known)
    ]
    if broken:
        return f"{number_of(len(broken), 'test')} without a result that counts, first {plain(broken[0])}"
    return None


def run(arguments: list[str]) -> int:
    parser = Parser("ci/baseline", _description)
    parser.add_argument("action", choices=("update", "check"), help="check: only say what would change")
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--results", metavar="FOLDER", default=str(tree.results), help="default: this checkout's")
    options = parser.parse_args(arguments)
    code = fault.conformant
    for (machine, _), made in sources.collect(options.runs).items():
        if machine in (".", "..") or "/" in machine or machine != plain(machine):
            raise UsageFault(f"{plain(machine)}: no name of a machine; accepted is one without a slash")
        why = refused(made, expected.lines_of(machine, Path(options.results)))
        if why:
            print(f"{machine}: refused: {why}")
            code = fault.violations
            continue
        path = Path(options.results) / machine / "baseline.json"
        new = text_of(made)
        if path.is_file():
            (before,) = sources.collect([str(path)]).values()
            change = changes.difference(("", ""), {before.key: before}, {made.key: made})
            print(f"{machine}: {diff_text.summary(change)}")
        else:
            print(f"{machine}: {number_of(len(made.tests), 'test')}, a first baseline")
        if options.action == "update":
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageFault(f"{plain(str(path.parent))}: {error.strerror}") from None
            with output.whole(path) as stream:
                stream.write(new)
    return code


def main() -> int:
    return guarded("ci/baseline", run)
