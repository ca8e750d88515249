# SPDX-License-Identifier: Apache-2.0
"""ci/selftests [MACHINE-GLOB…]: the suite on trial where it runs. Runs the self-tests on every machine of this host that
is a default one, each of which has to come to its one right end; in guests of the newest QEMU also while the clock
jumps, while CPUs come and go, and with system calls denied."""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from . import fault, guest, matrix, reproduce, results, tree
from .fault import HarnessFault, UsageFault
from .machines import Machine, select

_limit_s = 1200.0
_source = tree.root / "tests" / "trouble.c"


@dataclass(frozen=True)
class Trouble:
    """What a guest's /init does (tests/trouble.c), the tests that run meanwhile, and what each may come to; none: the
    right end of a self-test."""

    name: str
    what: str
    tests: tuple[str, ...]
    ends: frozenset[str] = frozenset()


_quiet = frozenset({"pass", "seen", "not-seen", "skip", "error"})
_skipped = frozenset({"skip"})
_clock = Trouble("the clock jumps", "clock", ("selftest.*",))
# A run without the CPUs that it asked for proves nothing, and says so.
_unplug = Trouble("CPUs come and go", "unplug", ("MP.RF+imm+same+*", "Migrate*"), _quiet)
troubles = {
    "qemu-system-10-x86_64": (_clock, _unplug),
    "qemu-system-10-aarch64": (_clock, _unplug),
    "qemu-system-10-riscv64": (_unplug, Trouble("riscv_flush_icache denied", "deny 259", ("SM+imm+same+flush_icache*",), _skipped)),
    "qemu-system-10-arm32": (_unplug, Trouble("cacheflush denied", f"deny {0x0F0002}", ("SM+imm+same+cacheflush*",), _skipped)),
}


def _report(name: str, what: str, good: bool, said: str) -> bool:
    print(f"{name:<28}{what:<28}{'right' if good else 'WRONG'}  {said}", flush=True)
    return good


def _ended(argv: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=_limit_s, check=False)


def selftests(machine: Machine) -> bool:
    with tempfile.TemporaryDirectory(prefix="cmodx-selftests-") as folder:
        output = Path(folder) / "out.json"
        argv = [*machine.command(tree.binary(machine.preset)), "run", "selftest.*", "--budget", "quick", "--seed", "1"]
        ended = _ended([*argv, "--time-scale", f"{machine.time_scale:g}", "--output", str(output)])
        document = results.read(output) if output.exists() else {"tests": []}
    why = " ".join(line for line in (ended.stderr + ended.stdout).splitlines() if "has to come out" in line)
    counts = Counter(record["status"] for record in document["tests"])
    said = ", ".join(f"{counts[status]} {status}" for status in sorted(counts))
    return _report(machine.name, "self-tests", ended.returncode == 0 and bool(counts), f"{said} {why}".strip())


def trouble(machine: Machine, makes: Trouble, work: Path) -> bool:
    """The guest with tests/trouble.c as /init, and the suite beside it."""
    output = work / "out.json"
    words = ["run", *makes.tests, "--budget", "quick", "--seed", "1", "--time-scale", f"{machine.time_scale:g}"]
    init = reproduce.compiled(machine, _source, work)
    beside = {"cmodx": tree.binary(machine.preset).read_bytes(), "trouble": makes.what.encode()}
    code = guest.run(machine, init, [*words, "--output", str(output)], beside)
    document = results.read(output) if output.exists() else {"tests": [], "complete": False}
    counts = Counter(record["status"] for record in document["tests"])
    good = document["complete"] and bool(counts)
    good &= set(counts) <= makes.ends if makes.ends else code == 0
    said = ", ".join(f"{counts[status]} {status}" for status in sorted(counts))
    bad = [f"{r['name']}: {r['status']}" for r in document["tests"] if makes.ends and r["status"] not in makes.ends]
    return _report(machine.name, makes.name, good, " ".join([said, *bad[:5]]))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise UsageFault(f"{message}; see ci/selftests --help")


def main() -> int:
    parser = _Parser(prog="ci/selftests", description=__doc__, allow_abbrev=False)
    parser.add_argument("globs", nargs="*", metavar="MACHINE-GLOB")
    parser.add_argument("--no-build", action="store_true", help="take the binaries in build/ as they are")
    try:
        options = parser.parse_args()
        machines = [m for m in select(options.globs) if not m.bare]
        if not options.no_build:
            matrix.build(machines)
        good, some = True, False
        for machine in machines:
            if (absent := machine.absent()) is not None:
                print(f"{machine.name:<28}absent: {absent}", flush=True)
                continue
            some = True
            good &= selftests(machine)
            for makes in troubles.get(machine.name, ()):
                with tempfile.TemporaryDirectory(prefix="cmodx-trouble-") as folder:
                    good &= trouble(machine, makes, Path(folder))
        if not some:
            return fault.nothing_to_run
    except UsageFault as problem:
        print(f"ci/selftests: {problem}", file=sys.stderr)
        return fault.usage
    except (HarnessFault, OSError, subprocess.SubprocessError) as problem:
        print(f"ci/selftests: {problem}", file=sys.stderr)
        return fault.harness_failed
    return fault.conformant if good else fault.violations
