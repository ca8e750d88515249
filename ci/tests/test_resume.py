# SPDX-License-Identifier: Apache-2.0
"""--resume: a run that was killed goes on where it was, with what it had, and nothing of it runs twice."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from cmodx_ci import results, tree

from conftest import fake
from test_small import alive


def start(checkout, *arguments):
    argv = [str(checkout.root / "ci" / "matrix"), "--no-build", *arguments]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=checkout.root)


def killed_with(checkout, records, *arguments):
    """Kills a run, and nothing but its own process, once the machine `m` has so many records; these."""
    run = start(checkout, *arguments)
    lines = checkout.root / "build/results/latest/.m/results.json.jsonl"
    end = time.monotonic() + 60
    while time.monotonic() < end and (not lines.exists() or lines.read_bytes().count(b"\n") <= records):
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    end = time.monotonic() + 10
    while alive(str(lines)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(str(lines)), "the binary outlived the matrix"
    return [json.loads(line) for line in lines.read_text().splitlines()][1:]


def test_kill_9(checkout):
    checkout.machine("m", how="slow")
    before = killed_with(checkout, 2, "--seed", "7")
    assert len(before) >= 2
    run = os.readlink(checkout.root / "build/results/latest")
    began = time.monotonic()
    done = checkout.resume("latest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert os.readlink(checkout.root / "build/results/latest") == run
    document = checkout.document("m")
    assert document["complete"] and document["seed"] == 7 and len(document["tests"]) == 4
    assert document["tests"][: len(before)] == before
    assert "--resume" in document["command"] and not results.schema_faults(document)
    assert not (checkout.root / "build/results/latest/.m").exists()
    assert time.monotonic() - began < 60


def test_twice(checkout):
    checkout.machine("m", how="slow")
    first = killed_with(checkout, 1, "--seed", "7")
    second = killed_with(checkout, len(first) + 1, "--resume", "latest")
    assert second[: len(first)] == first
    assert checkout.resume("latest").returncode == 0
    assert checkout.document("m")["tests"][: len(second)] == second


def test_what_is_over_does_not_run_again(checkout):
    checkout.machine("a")
    checkout.machine("m", how="slow")
    killed_with(checkout, 1, "--seed", "7")
    checkout.machine("a", how="silent")  # would fail if it ran
    assert checkout.resume("latest").returncode == 0
    assert checkout.document("a")["complete"]


def test_shards(checkout):
    checkout.machine("m", how="slow")
    run = start(checkout, "--seed", "7", "--shards", "2")
    first = checkout.root / "build/results/latest/shards/m.1of2.json"
    end = time.monotonic() + 60
    while not first.exists() and time.monotonic() < end:
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    stamp = first.stat().st_mtime_ns
    done = checkout.resume("latest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert first.stat().st_mtime_ns == stamp and len(checkout.document("m")["tests"]) == 4


def test_results_that_a_dead_machine_lost_are_run(checkout):
    checkout.machine("m", how="died")
    assert checkout.matrix().returncode == 1
    checkout.machine("m")
    done = checkout.resume("latest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.document("m")["complete"]


@pytest.mark.parametrize("name", ["cmodx", "cmodx_bare"])
def test_a_run_speaks_of_one_binary(checkout, name):
    """The one that the machine runs."""
    machine = checkout.machine("m")
    if name != "cmodx":
        text = machine.read_text().replace('"user"', '"bare"').partition("launch")[0]
        machine.write_text(text + 'cpus = 1\nlaunch = ["false", "{binary}", "{arguments}", "{channel}"]\n')
    binary = checkout.root / "build/x86_64" / name
    binary.unlink(missing_ok=True)
    shutil.copy(fake, binary)
    assert checkout.matrix().returncode == (0 if name == "cmodx" else 3)
    binary.write_text(binary.read_text() + "\n")
    done = checkout.resume("latest")
    assert done.returncode == 2 and f"{name} has changed since; accepted is a new run" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "--resume nowhere: no folder of a run"),
        (["latest", "--seed", "3"], "--resume with seed"),
        (["latest", "m"], "--resume with machines"),
    ],
)
def test_usage(checkout, arguments, says):
    checkout.machine("m")
    checkout.matrix()
    done = checkout.resume(*arguments)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.skipif(not tree.binary("native").exists(), reason="not set up: build/native/cmodx")
def test_the_real_binary(checkout):
    """The suite itself, natively."""
    (checkout.root / "ci/machines/m.toml").write_text(
        'description = "this host"\nkind = "native"\narchitecture = "host"\nlaunch = ["{binary}"]\n'
    )
    binary = checkout.root / "build/native/cmodx"
    binary.unlink()
    binary.hardlink_to(tree.binary("native"))  # stays as it is, whatever is built meanwhile
    order = ["--seed", "7", "--test", "SM*", "--test", "MP.RF+imm*", "--budget", "150ms"]
    before = killed_with(checkout, 3, *order)
    done = checkout.resume("latest")
    assert done.returncode in (0, 1, 3), done.stdout + done.stderr
    document = checkout.document("m")
    assert document["complete"] and document["tests"][: len(before)] == before
    assert len(document["tests"]) > len(before)
