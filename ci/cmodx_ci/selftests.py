# SPDX-License-Identifier: Apache-2.0
"""ci/selftests [MACHINE-GLOB…]: the suite on trial where it runs. Runs the self-tests on every machine of this host that
is a default one, each of which has to come to its one right end, on bare machines those that want no operating system; in
guests of the newest QEMU also while the clock jumps, while CPUs come and go, and with system calls denied."""

import functools
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import expected, fault, guest, matrix, process, reproduce, results, scratch, soak, tree
from .entry import Parser, guarded
from .machines import Machine, read_machine, select

_limit_s = 1200.0
_source = tree.root / "tests" / "trouble.c"


@dataclass(frozen=True)
class Trouble:
    """What a guest's /init does (tests/trouble.c), and the tests that run meanwhile. `marks`: what it says on the console
    when it has done it, a test ending after each. Besides failures that are known, a record comes to one of `ends`, some
    to one of `some`; without them, each self-test to its right end."""

    name: str
    what: str
    tests: tuple[str, ...]
    marks: tuple[str, ...]
    ends: frozenset[str] = frozenset()
    some: frozenset[str] = frozenset()


_ran = frozenset({"pass", "seen", "not-seen"})
_skipped = frozenset({"skip"})
_clock = Trouble("the clock jumps", "clock", ("selftest.*",), (r"the clock jumped by \d+ s", r"the clock jumped by -\d+ s") * 2)
# A test without the CPUs that it asked for proves nothing, and says so; with them again it does.
_unplug = Trouble(
    "CPUs come and go", "unplug", ("MP.RF+imm+same+*", "Migrate*"), ("CPU 1 is gone", "CPU 1 is back") * 2,
    _ran | {"skip", "error"}, _ran,
)


def _deny(name: str, number: int) -> Trouble:
    """A step that is a system call, when there is none."""
    said = (f"system call {number} is denied",)
    return Trouble(f"{name} denied", f"deny {number}", (f"SM+imm+same+{name.removeprefix('riscv_')}*",), said, _skipped, _skipped)


troubles = {
    "qemu-system-10-x86_64": (_clock, _unplug),
    "qemu-system-10-aarch64": (_clock, _unplug),
    "qemu-system-10-riscv64": (_clock, _unplug, _deny("riscv_flush_icache", 259)),
    "qemu-system-10-arm32": (_clock, _unplug, _deny("cacheflush", 0x0F0002)),
}


def _report(name: str, what: str, good: bool, said: str) -> bool:
    print(f"{name:<33} {what:<32}{'right' if good else 'WRONG'}  {said}", flush=True)
    return good


def _ended(argv: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(process.bound(argv), capture_output=True, text=True, errors="replace", timeout=_limit_s, check=False)


def _listed(architecture: str, bare: bool = False) -> dict[str, dict[str, Any]]:
    """The self-tests of an architecture by name, as this host's binary has them; `bare`: those that need no system."""
    argv = [str(tree.binary("native")), "list", "selftest.*", "--json", "--arch", architecture, *["--bare"] * bare]
    return {test["name"]: test for test in json.loads(process.captured(argv, 60))}


def wrong(architecture: str, records: list[dict[str, Any]], bare: bool = False) -> list[str]:
    """Self-tests that did not come to their right end, and those of which nothing came."""
    left = _listed(architecture, bare)
    said = []
    for record in records:
        test = left.pop(record["name"], None)
        reason = record.get("reason", "")
        if test is None or record["status"] == "skip" and reason.startswith("not here: "):
            continue
        if record["status"] != test["right"]["status"] or test["right"]["reason"] not in reason:
            said.append(f"{record['name']}: {record['status']} ({reason})")
    return said + [f"{name}: no record" for name in left]


def _judged(name: str, what: str, document: dict[str, Any], said: list[str]) -> bool:
    counts = Counter(record["status"] for record in document["tests"])
    line = ", ".join(f"{counts[status]} {status}" for status in sorted(counts))
    return _report(name, what, not said and bool(counts), "; ".join([line, *said]))


def _read(output: Path) -> dict[str, Any]:
    return results.read(output) if output.exists() else {"tests": [], "complete": False}


def selftests(machine: Machine) -> bool:
    with scratch.folder("selftests") as folder:
        output = folder / "out.json"
        argv = [*machine.command(tree.binary(machine.preset).with_name(machine.target)), "run", "selftest.*", "--budget", "quick", "--seed", "1"]
        ended = _ended([*argv, "--time-scale", f"{machine.time_scale:g}", "--output", str(output)])
        document = _read(output)
    said = wrong(machine.architecture, document["tests"], machine.bare)
    # An image does not know what is right; of its tests, some have to fail.
    if ended.returncode != (fault.violations if machine.bare else 0):
        said.append(f"exit code {ended.returncode} {ended.stderr[-300:]}")
    if machine.bare:
        absent = len(_listed(machine.architecture)) - len(_listed(machine.architecture, bare=True))
        return _judged(machine.name, f"self-tests ({absent} want a system)", document, said)
    return _judged(machine.name, "self-tests", document, said)


def unheard(marks: tuple[str, ...], console: str) -> list[str]:
    """What did not happen while tests ran: the suite says on the console, too, how many have ended."""
    at = 0
    for number, mark in enumerate(marks, 1):
        found = re.compile(rf"trouble: {mark}\b.*?\[\d+/\d+\]", re.DOTALL).search(console, at)
        if found is None:
            return [f"no test ended after '{mark}', sign {number} of {len(marks)}"]
        at = found.end()
    return []


def faults(machine: Machine, makes: Trouble, code: int, document: dict[str, Any], console: str) -> list[str]:
    """What is wrong with a run in trouble."""
    said = re.findall(r"trouble: (failed: .*)", console)
    said += unheard(makes.marks, console)
    if makes.ends:
        lines = expected.lines_of(machine.name)
        for r in document["tests"]:
            known = r["status"] == "fail" and not soak.unexpected(r, lines)
            if r["status"] not in makes.ends and not known:
                said.append(f"{r['name']}: {r['status']} ({r.get('reason', '')})")
        if not any(r["status"] in makes.some for r in document["tests"]):
            said.append(f"no test is {' or '.join(sorted(makes.some))}")
    else:
        said += wrong(machine.architecture, document["tests"])
        said += [f"exit code {code}"] * (code != 0)
    return said + ["not complete"] * (not document["complete"])


def trouble(machine: Machine, makes: Trouble, work: Path) -> bool:
    """The guest with tests/trouble.c as /init, and the suite beside it."""
    output, kept = work / "out.json", work / "console"
    words = ["run", *makes.tests, "--budget", "quick", "--seed", "1", "--time-scale", f"{machine.time_scale:g}"]
    init = reproduce.compiled(machine, _source, work)
    beside = {"cmodx": tree.binary(machine.preset).read_bytes(), "trouble": makes.what.encode()}
    said, code = [], fault.harness_failed
    try:
        code = guest.run(machine, init, [*words, "--output", str(output)], beside, kept)
    except fault.HarnessFault as error:
        said = [str(error)]
    document = _read(output)
    console = kept.read_text(encoding="utf-8", errors="replace") if kept.exists() else ""
    return _judged(machine.name, makes.name, document, said + faults(machine, makes, code, document, console))


def _tried(name: str, what: str, tries: Callable[[], bool]) -> bool:
    """One that hangs, or that writes no document, hides none of the others."""
    try:
        return tries()
    except (fault.HarnessFault, subprocess.SubprocessError) as problem:
        return _report(name, what, False, " ".join(str(problem).split()))


def run(arguments: list[str]) -> int:
    parser = Parser("ci/selftests", __doc__)
    parser.add_argument("globs", nargs="*", metavar="MACHINE-GLOB")
    parser.add_argument("--no-build", action="store_true", help="take the binaries in build/ as they are")
    options = parser.parse_args(arguments)
    machines = select(options.globs)
    if not options.no_build:
        matrix.build([read_machine(tree.machines / "native.toml"), *machines])
    good, some = True, False
    for machine in machines:
        if (absent := machine.absent()) is not None:
            print(f"{machine.name:<33} absent: {absent}", flush=True)
            continue
        some = True
        good &= _tried(machine.name, "self-tests", functools.partial(selftests, machine))
        for makes in troubles.get(machine.name, ()):
            with scratch.folder("trouble") as folder:
                good &= _tried(machine.name, makes.name, functools.partial(trouble, machine, makes, folder))
    if not some:
        return fault.nothing_to_run
    return fault.conformant if good else fault.violations


def main() -> int:
    return guarded("ci/selftests", run)
