# SPDX-License-Identifier: Apache-2.0
"""Faults while the suite runs: the right status, nothing lost but the test in flight, no process left behind, and what
is left to do is done by --resume. With the real binary, natively and, where it is more than the file system, under
QEMU's user-mode emulation: there the runner is a QEMU, and so is each test."""

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from cmodx_ci import machines, process, results, tree

from parts import lacking

binary = tree.binary("native")
pytestmark = pytest.mark.skipif(not binary.exists(), reason="not set up: build/native/cmodx")


class Place:
    """Where the suite runs. `unseeded`: a quick run; `hasty`: with limits that a hang meets soon, within `hung_s`."""

    def __init__(self, machine):
        self.suite = machine.command(tree.binary(machine.preset))
        self.unseeded = [*self.suite, "run", "SM+imm+same+*", "SM+body+same+*", "SM+imm+flip+*", "--budget", "60ms"]
        self.argv = [*self.unseeded, "--seed", "7"]
        scale = 0.2 if machine.kind == "native" else 0.4
        self.hasty = [*self.argv, "--time-scale", str(scale)]
        self.hung_s = 5.2 * scale


native = Place(machines.read_machine(tree.machines / "native.toml"))
argv, unseeded = native.argv, native.unseeded


@pytest.fixture(params=["native", "qemu-user-10-riscv64"])
def place(request):
    machine = machines.read_machine(tree.machines / f"{request.param}.toml")
    if why := lacking(machine):
        pytest.skip(why)
    return Place(machine)


def start(output, *more, command=argv, pipe=subprocess.DEVNULL, **popen):
    return subprocess.Popen(
        [*command, "--output", str(output), *more], stdout=pipe, stderr=subprocess.PIPE, text=True, **popen
    )


def lines(output):
    """The records that are there."""
    with contextlib.suppress(FileNotFoundError):
        return [json.loads(line) for line in Path(f"{output}.jsonl").read_text().splitlines()[1:]]
    return []


def until(what, limit_s=30.0):
    """What what() is once it is true. It is asked once a turn: the next moment it may be false again."""
    end = time.monotonic() + limit_s
    while True:
        if found := what():
            return found
        assert time.monotonic() < end
        time.sleep(0.005)


def children(process):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(stat.parent.name))
    return found


def state(process):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return "gone"


def stopped_child_of(run):
    """A test that is stopped: it was running, and has not ended before it could be."""

    def stopped():
        for child in children(run.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGSTOP)
                until(lambda child=child: state(child) in ("T", "Z", "gone"))
                if state(child) == "T":
                    return child
        return None

    return until(stopped)


def finished(output, before, command=unseeded):
    """The document of a run that was resumed, with the seed that it had."""
    earlier = f"{output}.jsonl" if Path(f"{output}.jsonl").exists() else str(output)
    done = start(output, "--resume", earlier, command=command)
    assert done.wait(120) == 0, done.stderr.read()
    document = results.read(Path(output))
    assert document["complete"] and not results.schema_faults(document)
    assert document["tests"][: len(before)] == before and len(document["tests"]) > len(before)
    assert {record["status"] for record in document["tests"]} <= {"pass", "seen", "not-seen", "skip"}
    assert not Path(f"{output}.jsonl").exists()
    return document


def test_kill_9_of_the_runner(tmp_path, place):
    output = tmp_path / "out.json"
    run = start(output, command=place.argv)
    until(lambda: len(lines(output)) >= 2)
    child = until(lambda: children(run.pid))[0]
    run.kill()
    run.wait()
    until(lambda: state(child) in ("gone", "Z"), 5)
    finished(output, lines(output), place.unseeded)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json"]


def test_a_hung_test_ends_with_its_runner(place):
    run = subprocess.Popen([*place.suite, "run", "selftest.hang.blocked*"], stdout=subprocess.DEVNULL)
    child = until(lambda: children(run.pid))[0]
    time.sleep(0.3)  # until it has blocked what it can
    run.kill()
    run.wait()
    try:
        until(lambda: state(child) in ("gone", "Z"), 5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_completed(tmp_path, place, how):
    output = tmp_path / "out.json"
    run = start(output, command=place.argv)
    until(lambda: len(lines(output)) >= 2)
    run.send_signal(how)
    assert run.wait(30) == 1
    document = results.read(output)
    before = [record for record in document["tests"] if record["status"] != "missing"]
    assert not document["complete"] and len(before) < len(document["tests"])
    assert len(finished(output, before, place.unseeded)["tests"]) == len(document["tests"])


@pytest.mark.parametrize(("part", "key"), [("tool", "commit"), ("facts", "kernel")])
def test_a_document_speaks_of_one_binary_on_one_machine(tmp_path, part, key):
    output = tmp_path / "out.json"
    command = [str(binary), "run", "SM+imm+same+po", "--budget", "quick"]
    assert start(output, command=command).wait(60) == 0
    document = results.read(output)
    document[part][key] = "another"
    results.write(output, document)
    text = output.read_text()
    resumed = start(output, "--resume", str(output), command=command)
    assert resumed.wait(60) == 2
    assert resumed.stderr.read() == f"cmodx: {output}: was run with another {part}/{key}; resume wants the same\n"
    assert output.read_text() == text


def test_kill_9_of_a_test(tmp_path, place):
    output = tmp_path / "out.json"
    run = start(output, command=place.argv)
    os.kill(stopped_child_of(run), signal.SIGKILL)
    assert run.wait(120) == 1
    records = results.read(output)["tests"]
    ended = [record for record in records if record["status"] != "skip"]
    assert [r["reason"] for r in ended if r["status"] == "crash"] == ["ended by SIGKILL"]
    assert all(record["status"] in ("pass", "seen", "not-seen", "crash") for record in ended) and len(ended) > 2


def test_children_of_a_shell_are_none_of_ours(place):
    """A shell that becomes the runner leaves its own children to it, which go on; what a test has started does not."""
    tests = [*place.suite, "run", "selftest.resource.children*", "--budget", "quick"]
    run = subprocess.Popen(["sh", "-c", 'sleep 60 & exec "$@"', "sh", *tests], stdout=subprocess.DEVNULL, start_new_session=True)
    assert run.wait(60) == 0

    def left():
        living = [one for one in process._session(run.pid) if state(one) not in ("gone", "Z")]
        return {Path(f"/proc/{one}/comm").read_text().strip(): one for one in living}

    until(lambda: len(left()) <= 1, 5)
    assert list(left()) == ["sleep"]
    os.kill(left()["sleep"], signal.SIGKILL)


def living(session):
    return [one for one in process._session(session) if state(one) not in ("gone", "Z")]


@pytest.mark.parametrize("test", ["selftest.resource.children*", "selftest.resource.escaped*"])
def test_what_outlives_a_test_is_gone(tmp_path, place, test):
    """Also from its session: seen by a marker in the environment, which children inherit."""
    marker = f"CMODX_MARKER={tmp_path}"
    run = subprocess.Popen(["env", marker, *place.suite, "run", test, "--budget", "quick"], stdout=subprocess.DEVNULL)

    def marked():
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if marker.encode() in (folder / "environ").read_bytes().split(b"\0") and state(folder.name) != "Z":
                    found.append(int(folder.name))
        return found

    try:
        until(lambda: len(marked()) > 3)  # the runner, the test, and what it leaves
        assert run.wait(60) == 0
        assert marked() == []
    finally:
        for one in marked():
            os.kill(one, signal.SIGKILL)


@pytest.mark.parametrize("what", ["the runner", "the runner and its test"])
def test_what_was_stopped_goes_on(tmp_path, place, what):
    """The time does not count: no test has hung that was looked for, and stopped, by nobody."""
    output = tmp_path / "out.json"
    run = start(output, command=place.hasty, start_new_session=True)
    test = stopped_child_of(run)
    run.send_signal(signal.SIGSTOP)
    until(lambda: state(run.pid) == "T")
    if what == "the runner":
        os.kill(test, signal.SIGCONT)
    time.sleep(1.5 * place.hung_s)
    assert (state(test), state(run.pid)) == ("Z" if what == "the runner" else "T", "T")
    os.kill(test, signal.SIGCONT)
    run.send_signal(signal.SIGCONT)
    assert run.wait(120) == 0, run.stderr.read()
    assert {record["status"] for record in results.read(output)["tests"]} <= {"pass", "seen", "not-seen", "skip"}
    assert living(run.pid) == []


def test_a_test_that_is_stopped_is_hung(tmp_path, place):
    output = tmp_path / "out.json"
    run = start(output, command=place.hasty)
    stopped_child_of(run)
    assert run.wait(120) == 1
    ends = [record["status"] for record in results.read(output)["tests"]]
    assert ends.count("timeout") == 1 and set(ends) <= {"pass", "seen", "not-seen", "skip", "timeout"}


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (12288, 12288))


@pytest.mark.parametrize("how", ["full", "limited"])
def test_no_room_for_the_document(tmp_path, place, how):
    room = tmp_path / "room"
    room.mkdir()
    if how == "full":
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12k", "none", room], capture_output=True, check=False)
        if mounted.returncode != 0:
            pytest.skip("cannot mount a small file system here")
    try:
        output = room / "out.json"
        run = start(output, command=place.argv, preexec_fn=limited if how == "limited" else None)
        assert run.wait(120) == 3
        said = run.stderr.read()
        assert "out.json.jsonl: cannot write: " in said and said.count("\n") == 1
        text = Path(f"{output}.jsonl").read_text()
    finally:
        if how == "full":
            subprocess.run(["umount", room], check=True)
    # Where there is room again.
    elsewhere = tmp_path / "out.json"
    Path(f"{elsewhere}.jsonl").write_text(text)
    whole = [json.loads(line) for line in text.splitlines()[1:] if line.endswith("}") and text.endswith("\n")]
    finished(elsewhere, whole, place.unseeded)


def test_a_closed_pipe(tmp_path, place):
    output = tmp_path / "out.json"
    reader, writer = os.pipe()
    run = subprocess.Popen(
        [*place.argv, "--format", "jsonl", "--output", str(output)], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    assert run.wait(120) == 3
    said = run.stderr.read()
    assert "standard output" in said and said.count("\n") == 1, said
    assert results.read(output)["complete"]


def test_no_result_is_lost_on_the_way(tmp_path):
    """Interrupted while nobody reads what it prints: every record arrives, and the exit code is as ever."""
    output = tmp_path / "out.json"
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    run = start(output, "--format", "jsonl", pipe=writer)
    os.close(writer)
    # Some has arrived, no test runs, and yet it sleeps: it waits to write.
    until(lambda: select.select([reader], [], [], 0)[0] and state(run.pid) == "S" and not children(run.pid))
    run.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    with open(reader, encoding="utf-8") as printed:
        arrived = [json.loads(line) for line in printed][1:]
    assert run.wait(30) == 1, run.stderr.read()
    assert arrived == results.read(output)["tests"]


quick = ["run", "SM+imm+same+po", "--budget", "quick"]


@pytest.mark.parametrize("words", [["facts"], ["list"], ["explain", "SM+imm+same+po"], ["verdict", "SM+imm+same+po"], quick])
def test_no_room_for_what_is_printed(words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == 3 and "write" in done.stderr and done.stderr.count("\n") == 1


def test_closed_standard_descriptors(tmp_path):
    output = tmp_path / "out.json"
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(binary), *quick, "--output", str(output)]
    assert subprocess.run(closed, check=False, timeout=60).returncode == 0
    assert results.read(output)["tests"][0]["status"] in ("pass", "seen", "not-seen")


def test_little_memory(tmp_path):
    """Enough for the runner and the stack of one thread, not of two: what does not fit is said, and the rest runs; what
    was still to do has room where there is more."""
    output, broken_off = tmp_path / "out.json", tmp_path / "broken_off.json"
    globs = ["SM+imm+same+*", "MP.RF+imm+same+*"]
    unlimited = [str(binary), "run", *globs, "--budget", "60ms"]
    stack = 8 << 20
    limits = ["prlimit", f"--stack={stack}", f"--as={binary.stat().st_size + stack * 3 // 2}"]
    command = [*limits, *unlimited, "--seed", "7"]
    done = start(output, command=command)
    assert done.wait(120) == 3, done.stderr.read()
    document = results.read(output)
    names = [test["name"] for test in json.loads(process.captured([str(binary), "list", *globs, "--json"], 60))]
    assert document["complete"] and [record["name"] for record in document["tests"]] == names
    ends = Counter()
    for record in document["tests"]:
        alone = record["name"].startswith("SM+")
        assert record["status"] in (("pass", "skip") if alone else ("error", "skip")), record
        ends[record["reason"] if record["status"] == "error" else record["status"]] += 1
    assert set(ends) - {"skip"} == {"pass", "a thread could not be started: too little memory, or too many threads"}

    run = start(broken_off, command=command)
    until(lambda: len(lines(broken_off)) >= 2)
    run.send_signal(signal.SIGTERM)
    run.wait(30)
    before = [record for record in results.read(broken_off)["tests"] if record["status"] != "missing"]
    assert 2 <= len(before) < len(names)
    resumed = start(broken_off, "--resume", str(broken_off), command=unlimited)
    assert resumed.wait(120) == (3 if any(record["status"] == "error" for record in before) else 0)
    whole = results.read(broken_off)
    assert whole["complete"] and [record["name"] for record in whole["tests"]] == names
    assert whole["tests"][: len(before)] == before
    assert {record["status"] for record in whole["tests"][len(before) :]} <= {"pass", "seen", "not-seen", "skip"}


def test_one_cpu_only(tmp_path, place):
    output = tmp_path / "out.json"
    one = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *place.argv, "MP.RF+imm+same+po+*", "--output", str(output)]
    assert subprocess.run(one, capture_output=True, check=False, timeout=120).returncode == 0
    document = results.read(output)
    assert document["facts"]["cpus"] == "1"
    for record in document["tests"]:
        alone = record["name"].startswith("SM+")
        assert alone or (record["status"], record["reason"]) == ("skip", "needs 2 CPUs, has 1")
        assert not alone or record["status"] in ("pass", "seen", "not-seen", "skip")


def test_64_executors_on_two_cpus(tmp_path):
    """A test has no more executors than this host has CPUs to spare, so that these are 64 tests, all in flight at once:
    some prove nothing, some do, none sees what is not there, none hangs, and nothing is left of them."""
    two = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0))[:2])
    quick = ["taskset", "-c", two, str(binary), "run", "MP.RF+imm+same+po+ctrl-cpuid", "--budget", "250ms"]
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    runs, tests = [], []
    for _ in range(64):
        # Each has a second, in which it is stopped, and longer limits: they wait for each other.
        runs.append(subprocess.Popen([*quick, "--time-scale", "4", "--format", "jsonl"], **more))
        tests.append(stopped_child_of(runs[-1]))
    assert [state(test) for test in tests] == ["T"] * 64
    for test in tests:
        os.kill(test, signal.SIGCONT)
    records = []
    for run in runs:
        said, complaint = run.communicate(timeout=120)
        records.append(json.loads(said.splitlines()[1]))
        assert run.returncode == (3 if records[-1]["status"] == "error" else 0), complaint
    ends = Counter(record["status"] for record in records)
    assert sum(ends.values()) == 64 and set(ends) <= {"pass", "error"} and ends["pass"] > 0, ends
    assert all(record["reason"].startswith("vacuous: ") for record in records if record["status"] == "error")
    assert {record["evidence"]["observers"] for record in records if record["status"] == "pass"} == {1}
    assert [one for run in runs for one in living(run.pid)] == []
