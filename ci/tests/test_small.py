# SPDX-License-Identifier: Apache-2.0
"""The small parts: lent CPUs, processes and their ends, JUnit, negative controls."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cmodx_ci import cpus, junit, machines, process, tree
from cmodx_ci.digest import Parts, Result, Ruling, Run, Seen
from cmodx_ci.fault import HarnessFault
from cmodx_ci.power import powers

import parts


def test_no_cpu_is_lent_twice(tmp_path):
    lent_now, most = set(), 0

    def borrow(count):
        nonlocal most
        with cpus.lent(count, tmp_path, [0, 1, 2]) as mine:
            assert len(mine) == count and not lent_now & set(mine)
            lent_now.update(mine)
            most = max(most, len(lent_now))
            time.sleep(0.02)
            lent_now.difference_update(mine)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(borrow, [1, 2, 1, 3, 1, 2, 1, 1]))
    assert most > 1 or os.cpu_count() == 1


def test_more_cpus_than_there_are(tmp_path):
    with pytest.raises(ValueError), cpus.lent(2, tmp_path, [0]):
        pass


def test_what_is_alone_waits(tmp_path):
    inside = 0

    def enter(name):
        nonlocal inside
        with cpus.alone(name, tmp_path):
            inside += name is not None
            assert inside <= 1
            time.sleep(0.02)
            inside -= name is not None

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, ["ssh board"] * 6 + [None]))
    with cpus.alone("a", tmp_path), cpus.alone("b", tmp_path), cpus.lent(0, tmp_path) as none:
        assert none == []


def alive(marker):
    """Whether a process has this in its command line; zombies have none."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker.encode() in path.read_bytes():
                return True
    return False


def test_the_whole_session_ends_with_its_leader(tmp_path):
    """Also a grandchild in a process group of its own, that ignores SIGTERM."""
    seconds = str(1000 + os.getpid() / 1e7)
    stubborn = f"import os,signal,time; os.setpgid(0,0); signal.signal(15,signal.SIG_IGN); time.sleep({seconds})"
    leader = f"import subprocess,sys,time; subprocess.Popen([sys.executable,'-c',{stubborn!r}]); time.sleep({seconds})"
    start = time.monotonic()
    ended = process.run(
        [sys.executable, "-c", leader], tmp_path / "log", lambda: "slow" if time.monotonic() - start > 0.7 else None
    )
    assert ended.stalled == "slow"
    time.sleep(0.1)
    assert not alive(seconds)


@pytest.mark.parametrize(("code", "says"), [("exit(3)", "exit code 3"), ("import os; os.kill(os.getpid(), 11)", "SIGSEGV")])
def test_ends(tmp_path, code, says):
    assert str(process.Ended(-40, None)) == "ended by signal 40"  # a real-time one has no name there
    assert says in str(process.run([sys.executable, "-c", code], tmp_path / "log", lambda: None))


def test_what_cannot_start_is_said(tmp_path):
    with pytest.raises(HarnessFault, match="cannot start /no/such"):
        process.run(["/no/such"], tmp_path / "log", lambda: None)
    with pytest.raises(HarnessFault, match="no end within"):
        process.captured(["sleep", "9"], 0.1)


def test_junit(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(
        "<testsuites><testsuite><testcase name='a'/><testcase name='b'><failure/></testcase>"
        "<testcase name='c'><error/></testcase><testcase name='d'><skipped/></testcase></testsuite></testsuites>"
    )
    assert junit.count(path, 1) == Counter(passed=1, failed=2, skipped=1)
    assert junit.count(tmp_path / "lost.xml", 0) == Counter(failed=1)


def ctest(folder, lines):
    (folder / "CTestTestfile.cmake").write_text(lines)
    argv = ["ctest", "--no-tests=error", "--output-junit", folder / "out.xml"]
    code = subprocess.run(argv, cwd=folder, capture_output=True, check=False).returncode
    return junit.count(folder / "out.xml", code)


def test_what_ctest_cannot_run_has_failed(tmp_path):
    assert ctest(tmp_path, "") == Counter(failed=1)
    skips = "set_tests_properties(d PROPERTIES SKIP_RETURN_CODE 1)\nset_tests_properties(e PROPERTIES DISABLED 1)\n"
    tests = {"a": "true", "b": "false", "c": "/no/such", "d": "false", "e": "false"}
    lines = "".join(f"add_test({name} {command})\n" for name, command in tests.items())
    assert ctest(tmp_path, lines + skips) == Counter(passed=1, failed=2, skipped=2)


def pytested(folder, *words, cwd=None, **environment):
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={folder}/out.xml", *words]
    code = subprocess.run(argv, cwd=cwd or folder, capture_output=True, check=False, env=os.environ | environment).returncode
    return junit.count(folder / "out.xml", code)


def test_what_is_not_set_up_has_failed_and_what_this_host_is_not_is_named(tmp_path, capsys):
    (tmp_path / "test_some.py").write_text("""
import pytest
def test_a(): pytest.skip("one CPU")
def test_b(): pytest.skip("not set up: no /a/b")
@pytest.mark.skipif(True, reason="not set up: build/native/cmodx")
def test_c(): pass
def test_d(): pytest.importorskip("no_such_module")
def test_e(): pass
""")
    assert pytested(tmp_path, tmp_path) == Counter(passed=1, failed=3, skipped=1)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "skipped in out: one CPU: test_a"
    assert said[1] == "not run in out: not set up: no /a/b: test_b" and len(said) == 4


def test_a_guest_that_is_not_set_up_has_failed(tmp_path):
    words = ["-c", tree.root / "ci/pytest.ini", tree.root / "ci/tests/test_guest.py", "-k", "test_a_real_guest"]
    assert pytested(tmp_path, *words, CMODX_CACHE=str(tmp_path)) == Counter(failed=1)


def test_what_a_host_is_not_is_no_part_that_is_missing(monkeypatch):
    machine = next(m for m in machines.select(["native"]))
    monkeypatch.setattr(tree, "host_cpus", lambda: [])
    why = parts.lacking(machine)
    assert why and why.startswith("needs " if tree.binary("native").exists() else "not set up: ")


def test_why_ctest_skips_is_what_cmodx_has_printed(tmp_path, capsys):
    said = "skip      SM+imm+same+serialize\\n          stale 0 of 0, forbidden; serialize: absent\\n1 skip in 0.0 s\\n"
    lines = f"add_test(SM printf \"{said}\")\nset_tests_properties(SM PROPERTIES SKIP_REGULAR_EXPRESSION absent)\n"
    assert ctest(tmp_path, lines) == Counter(skipped=1)
    assert capsys.readouterr().out == "skipped in out: serialize: absent: SM\n"


def test_an_exit_code_counts_where_the_file_has_no_failure(tmp_path):
    """pytest's 5: it has found no test."""
    (tmp_path / "test_none.py").touch()
    assert pytested(tmp_path, tmp_path) == Counter(failed=1)


def run_of(machine, architecture, **k):
    """A protocol p, and its twins without what they are named after, with so many stale executions each."""
    def result(name, count):
        parts = Parts("SM", "imm", "same", origin="twin", twin_of="p", omits=name) if name != "p" else Parts("SM", "imm", "same")
        return Result("seen", "", parts, (), (), (Seen("stale", count, 9, Ruling("allowed", "arch-text", "", "")),))

    return Run(machine, architecture, {}, {name: result(name, count) for name, count in k.items()})


def weak(*runs):
    return [(p.architecture, p.thread, p.step, p.twins) for p in powers(runs) if p.powerless]


def test_power():
    isb = "writer:isb"
    quiet, loud = run_of("m1", "arm32", p=0, **{isb: 0}), run_of("m2", "arm32", p=0, **{isb: 1})
    blind, other = run_of("m3", "arm32", p=1, **{isb: 1}), run_of("m4", "riscv64", p=0, **{isb: 1})
    elsewhere = run_of("m5", "arm32", p=0, **{"executor:isb": 1})
    assert weak(quiet) == [("arm32", "writer", "isb", 1)]
    assert weak(quiet, loud) == []
    assert weak(quiet, blind, other, elsewhere) == [("arm32", "writer", "isb", 2)]


def deaf():
    """What a runner may inherit."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


@pytest.mark.parametrize("name", ["native", "qemu-user-10-aarch64"])
def test_signals_that_are_ignored_and_blocked_end_a_test_all_the_same(name):
    machine = machines.read_machine(tree.machines / f"{name}.toml")
    if why := parts.lacking(machine):
        pytest.skip(why)
    argv = [*machine.command(tree.binary(machine.preset)), "run", "selftest.end.SIG*", "--format", "jsonl"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, preexec_fn=deaf)
    ends = {record["name"].partition("+")[0]: record["reason"] for record in map(json.loads, done.stdout.splitlines()[1:])}
    assert {"selftest.end.SIGRTMIN", "selftest.end.SIGRTMIN.16", "selftest.end.SIGUSR1"} <= ends.keys()
    for test, why in ends.items():
        assert why == "ended by " + test.removeprefix("selftest.end.").replace(".", "+")


def test_the_readme_knows_how_many_self_tests_there_are():
    native = tree.binary("native")
    if not native.exists():
        pytest.skip(f"not set up: {native}")
    listed = subprocess.run([native, "list", "selftest.*"], capture_output=True, text=True, check=True).stdout.split()
    said = re.search(r"# (\d+) tests that misbehave", (tree.root / "README.md").read_text(encoding="utf-8"))
    assert said and int(said[1]) == len(listed)
