# SPDX-License-Identifier: Apache-2.0
"""A real emulator with a real guest in it, in the middle of a matrix, is stopped for longer than a test may take, and
nothing comes of it; then it is killed: the test in flight has crashed and says so with the end of the console, the
matrix goes on with its other machines, --resume does the rest, and nothing is left."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from cmodx_ci import console, machines, results, tree

from parts import lacking
from test_faults import state, until
from test_resume import start
from test_small import alive

real = machines.read_machine(tree.machines / "qemu-system-10-riscv64.toml")
binaries = [tree.binary(preset) for preset in ("native", real.preset)]
why = lacking(real) or (None if binaries[0].exists() else f"not set up: {binaries[0]}")
pytestmark = pytest.mark.skipif(why is not None, reason=why or "")


def emulator_of(checkout):
    """The process id of the guest's emulator, and the folder that it works in."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            ours = f"CMODX_LOCKS={os.environ['CMODX_LOCKS']}".encode() in (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        place = re.search(rb"path=([^,\0]+)/channel", b"\0".join(words))
        if ours and place and not words[0].endswith((b"python3", b"setpriv", b"taskset")):
            return int(folder.name), Path(os.fsdecode(place[1]))
    raise AssertionError("no emulator runs")


def test_sigstop_and_kill_9_of_the_emulator(checkout):
    for binary in binaries:
        there = checkout.root / binary.relative_to(tree.root)
        there.unlink()
        there.symlink_to(binary)
    (checkout.root / "ci" / "machines" / "real.toml").write_text(f'extends = "{real.path}"\ntime_scale = 0.5\n')
    checkout.machine("other", architecture="x86_64")
    tests = ["--test", "SM+imm+same+*", "--test", "SM+body+same+*", "--seed", "7", "--budget", "800ms"]
    limit_s = 0.5 * (2 * 0.8 + 5)  # of a test, run.cpp
    run = start(checkout, *tests, "real", "other")
    lines = checkout.root / "build/results/latest/.real/results.json.jsonl"

    def ended():
        return lines.read_bytes().count(b"\n") - 1 if lines.exists() else 0

    until(lambda: ended() >= 1, 150)
    emulator, place = emulator_of(checkout)
    os.kill(emulator, signal.SIGSTOP)
    until(lambda: state(emulator) == "T")
    time.sleep(0.5)  # what it had written is read
    before = ended()
    time.sleep(limit_s + 0.5)
    assert ended() == before
    os.kill(emulator, signal.SIGCONT)
    until(lambda: ended() >= before + 2)
    os.kill(emulator, signal.SIGKILL)
    assert run.wait(60) == 1

    document = checkout.document("real")
    assert not document["complete"] and not results.schema_faults(document)
    ends = [record["status"] for record in document["tests"]]
    at = ends.index("crash")
    assert at >= 3 and set(ends[:at]) <= {"pass", "seen", "not-seen", "skip"} and set(ends[at + 1 :]) == {"missing"}
    crashed = document["tests"][at]
    assert "its emulator: ended by SIGKILL" in crashed["reason"]
    assert len(crashed["stderr"].splitlines()) == console.kept_lines and "Platform HART Count" in crashed["stderr"]
    assert checkout.document("other")["complete"]
    assert not alive(str(place)) and not place.exists()

    done = checkout.resume("latest")
    assert done.returncode == 1, done.stdout + done.stderr  # the crash stands
    whole = checkout.document("real")
    assert whole["complete"] and whole["tests"][: at + 1] == document["tests"][: at + 1]
    assert {record["status"] for record in whole["tests"][at + 1 :]} <= {"pass", "seen", "not-seen", "skip"}
    assert not alive(str(checkout.root))
