# SPDX-License-Identifier: Apache-2.0
"""ci/discover: writes the file that CTest includes, one test for every test that a binary lists."""

from pathlib import Path
from typing import Any

from . import campaign, expected, fault, output, subjects, tree
from .entry import Parser, guarded
from .fault import HarnessFault, UsageFault
from .machines import read_machine

# A quick test takes a fraction of a second; this is for one that hangs together with the runner's own limit.
limit_s = 120


def quoted(word: str) -> str:
    """A bracket argument of CMake: nothing inside is expanded or ends it."""
    equals = ""
    while f"]{equals}]" in word + "]":
        equals += "="
    # CMake drops a newline right after the opening bracket.
    return f"[{equals}[" + ("\n" if word.startswith("\n") else "") + word + f"]{equals}]"


def _expectations(name: str, lines: list[expected.Line], test: dict[str, Any]) -> list[str]:
    """The witnesses with which the test is known to fail here. Where the list tells verdicts, a line speaks only of
    what is forbidden; where it does not, the binary itself compares."""
    about = [line for line in lines if line.matches(name)]
    if "witnesses" in test:
        about = [line for line in lines if expected.speaks_of(line, test)]
    if about and all(line.chance for line in about):
        raise UsageFault(f"{about[0]}: key 'chance' is true; accepted: false, as CTest judges each test by itself")
    return list(dict.fromkeys(line.witness for line in about))


def _together(tests: list[dict[str, Any]], failing: set[str]) -> list[tuple[str, list[str], dict[str, Any]]]:
    """(name in CTest, names of tests, one of them): scenarios of a subject that have to pass are one test."""
    groups: dict[str, tuple[str, list[str], dict[str, Any]]] = {}
    for test in tests:
        name = test["name"]
        subject = subjects.subject_of(name)
        group = name if subject is None or name in failing else f"{subjects.prefix}{subject}"
        groups.setdefault(group, (group, [], test))[1].append(name)
    return list(groups.values())


def include_file(
    tests: list[dict[str, Any]], command: list[str], scale: list[str], lines: list[expected.Line]
) -> str:
    """CTest's script: commands are argument lists, and no shell is between."""
    out = ["# Written by ci/discover at build time."]
    witnesses = {test["name"]: _expectations(test["name"], lines, test) for test in tests}
    for name, names, test in _together(tests, {name for name, failing in witnesses.items() if failing}):
        argv = [*command, "run", *names, "--budget", "quick", *scale]
        for witness in witnesses[names[0]]:
            argv += ["--expect-fail", witness]
        shape = test["shape"] if subjects.subject_of(name) is None else "subject"
        labels = ";".join(dict.fromkeys((test["architecture"], shape, test["mapping"])))
        out.append(f"add_test({quoted(name)} {' '.join(quoted(word) for word in argv)})")
        out.append(
            f"set_tests_properties({quoted(name)} PROPERTIES LABELS {quoted(labels)} TIMEOUT {limit_s}"
            " SKIP_RETURN_CODE 77 RUN_SERIAL TRUE)"
        )
    return "\n".join(out) + "\n"


def run(arguments: list[str]) -> int:
    parser = Parser("ci/discover", __doc__)
    parser.add_argument("--machine", required=True, metavar="NAME", help="a file in ci/machines/")
    parser.add_argument("--output", required=True, metavar="FILE")
    parser.add_argument("command", nargs="+", metavar="-- EMULATOR… BINARY")
    options = parser.parse_args(arguments)
    machine = read_machine(tree.machines / f"{options.machine}.toml")
    command = list(options.command)
    tests = campaign.listed(command)
    for test in tests:
        for key in ("shape", "mapping", "architecture"):
            if not isinstance(test.get(key), str):
                raise HarnessFault(f"{command[-1]} list --json: test {test['name']} has no '{key}'")
    scale = [] if machine.time_scale == 1 else ["--time-scale", f"{machine.time_scale:g}"]
    text = include_file(tests, command, scale, expected.lines_of(machine.name))
    with output.whole(Path(options.output)) as file:
        file.write(text)
    return fault.conformant


def main() -> int:
    return guarded("ci/discover", run)
