# SPDX-License-Identifier: Apache-2.0
"""The commands that put the suite on trial say what they found: ci/fuzz, ci/selftests, ci/lint. What they find is found
on demand."""

import json
import os
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmodx_ci import fault, fuzz, lint, machines, selftests, tree


@given(st.binary(max_size=64))
def test_a_line_of_a_corpus_is_any_bytes(data):
    line = fuzz.escaped(data)
    assert fuzz.unescaped(line) == data and line.isascii() and "\n" not in line


@pytest.mark.parametrize("path", sorted((tree.root / "tests" / "corpus").iterdir()), ids=lambda path: path.name)
def test_a_corpus_is_small_and_says_nothing_twice(path):
    entries = fuzz.corpus(path.name)
    assert entries and len(set(entries)) == len(entries) and path.stat().st_size < 100_000


@pytest.mark.parametrize("architecture", tree.architectures)
def test_self_tests_are_right_whoever_made_the_machine(architecture):
    """What they play is forbidden by the architecture, and not by what is known of one vendor's CPUs."""
    cmodx = tree.binary("native")
    if not cmodx.exists():
        pytest.skip("not set up: no native build")

    def said(*words):
        return subprocess.run([cmodx, *words], capture_output=True, text=True, check=True).stdout

    names = said("list", "--arch", architecture, "selftest.machine.*").split()
    of_names = [json.loads(line) for line in said("verdict", "--arch", architecture, "--json", *names).splitlines()]
    played = [witness for of_name in of_names for witness in of_name["witnesses"] if witness["witness"] == "stale"]
    assert len(played) == len(names) >= 5
    assert all(witness["verdict"] == "forbidden" and witness["gates"] for witness in played)


stand_in = """#!/bin/sh
for word; do case $word in -artifact_prefix=*) prefix=${{word#*=}};; esac; done
{}
echo '#5 cov: 17 ft: 20' >&2
echo 'stat::number_of_executed_units: 5' >&2
"""


@pytest.mark.parametrize(
    ("does", "held", "says"),
    [
        ("", True, "5 inputs, 17 places"),
        ("printf 'a\\001' >${prefix}crash-1; exit 77", False, "input: a\\x01"),
        ("echo out of memory >&2; exit 71", False, "out of memory"),
    ],
)
def test_what_breaks_a_parser_is_told(tmp_path, monkeypatch, does, held, says):
    program = tmp_path / "fuzzer"
    program.write_text(stand_in.format(does))
    program.chmod(0o755)
    monkeypatch.setattr(fuzz, "_program", program)
    ended, line = fuzz.fuzz("names", 1, False)
    assert ended == held and says in line


def test_a_fuzzer_that_runs_nothing_is_a_fault(tmp_path, monkeypatch):
    program = tmp_path / "fuzzer"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(fuzz, "_program", program)
    with pytest.raises(fault.HarnessFault, match="nothing was executed"):
        fuzz.fuzz("names", 1, False)


def test_what_cannot_be_tried_hides_nothing(capsys):
    def held(name):
        if name == "hangs":
            raise subprocess.TimeoutExpired(["a"], 3)
        return name != "bad", f"{name}: BROKEN" if name == "bad" else name

    assert fuzz.each(["good"], held) == fault.conformant
    assert fuzz.each(["hangs", "good"], held) == fault.harness_failed
    assert fuzz.each(["hangs", "bad", "good"], held) == fault.violations
    assert capsys.readouterr().out.splitlines()[-3:][1:] == ["bad: BROKEN", "good"]


def test_who_interrupts_it_does_not_want_the_others_to_begin(monkeypatch):
    begun = []

    def held(name):
        begun.append(name)
        time.sleep(0.2)
        if name == "0":
            raise KeyboardInterrupt
        return True, name

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    with pytest.raises(KeyboardInterrupt):
        fuzz.each([str(n) for n in range(9)], held)
    assert len(begun) <= 2


def test_a_property_is_held_to_other_examples_until_the_time_is_over(tmp_path):
    (tmp_path / "test_some.py").write_text("""
import os, pathlib
from hypothesis import given, settings, strategies as st
settings.register_profile("many", max_examples=int(os.environ.get("CMODX_EXAMPLES", 1)), database=None)
settings.load_profile("many")
made = pathlib.Path(__file__).with_name("made")
@given(st.integers())
def test_late(n):
    with made.open("a") as file:
        file.write("x")
    assert made.stat().st_size < 1500
@given(st.integers())
def test_sound(n): assert isinstance(n, int)
def test_plain(): pass
""")
    assert fuzz.properties(tmp_path) == ["test_some.py::test_late", "test_some.py::test_sound"]
    held, said = fuzz.hold("test_some.py::test_sound", 0.1, tmp_path)
    assert held and " held: 1 times" in said
    held, said = fuzz.hold("test_some.py::test_late", 60, tmp_path)
    assert not held and "Falsifying example" in said
    with pytest.raises(fault.HarnessFault, match="was not tried"):
        fuzz.hold("test_some.py::test_none", 1, tmp_path)
    (tmp_path / "test_some.py").write_text("import none_such")
    with pytest.raises(fault.HarnessFault, match="none_such"):
        fuzz.properties(tmp_path)


native = machines.read_machine(tree.machines / "native.toml")


@pytest.mark.parametrize(
    ("code", "ends", "says"),
    [
        (0, {"a": ("pass", ""), "b": ("crash", "ended by SIGKILL")}, "1 crash, 1 pass"),
        (0, {"a": ("skip", "not here: none"), "b": ("crash", "ended by SIGKILL")}, "right"),
        (1, {"a": ("pass", ""), "b": ("crash", "ended by SIGKILL")}, "exit code 1"),
        (0, {"a": ("fail", ""), "b": ("crash", "ended by SIGKILL")}, "a: fail ()"),
        (0, {"a": ("pass", ""), "b": ("crash", "ended by SIGSEGV")}, "b: crash (ended by SIGSEGV)"),
        (0, {"a": ("pass", "")}, "b: no record"),
        (0, {}, "a: no record"),
    ],
)
def test_self_tests_are_right_or_wrong(monkeypatch, capsys, code, ends, says):
    def ended(argv):
        records = [{"name": name, "status": status, "reason": reason} for name, (status, reason) in ends.items()]
        with open(argv[argv.index("--output") + 1], "w", encoding="utf-8") as file:
            json.dump({"tests": records}, file)
        return subprocess.CompletedProcess(argv, code, "", "")

    right = {"a": ("pass", ""), "b": ("crash", "ended by SIGKILL")}
    listed = {name: {"name": name, "right": {"status": status, "reason": reason}} for name, (status, reason) in right.items()}
    monkeypatch.setattr(selftests, "_listed", lambda architecture, bare=False: listed)
    monkeypatch.setattr(selftests, "_ended", ended)
    monkeypatch.setattr(selftests.results, "read", lambda path: json.loads(path.read_text()))
    good = selftests.selftests(native)
    said = capsys.readouterr().out
    assert says in said and good == ("right" in said.split())


gone_and_back = "[1/9] trouble: CPU 1 is gone\n\r[2/9] trouble: CPU 1 is back\n[3/9] " * 2


def in_trouble(console, statuses, complete=True, what="unplug"):
    makes = next(t for t in selftests.troubles["qemu-system-10-riscv64"] if t.what.split()[0] == what)
    document = {"tests": [{"name": "t", "status": status, "witnesses": []} for status in statuses], "complete": complete}
    return " ".join(selftests.faults(native, makes, 0, document, console))


@pytest.mark.parametrize(
    ("console", "statuses", "says"),
    [
        (gone_and_back, ["error", "skip", "pass"], ""),
        (gone_and_back, ["error", "error", "skip"], "no test is not-seen or pass or seen"),
        (gone_and_back, [], "no test is not-seen or pass or seen"),
        (gone_and_back, ["pass", "crash"], "t: crash"),
        ("[1/9] " * 9, ["pass"], "no test ended after 'CPU 1 is gone', sign 1 of 4"),
        (gone_and_back[:-6], ["pass"], "no test ended after 'CPU 1 is back', sign 4 of 4"),
        (gone_and_back.replace("CPU 1 is back", "CPU 2 is back"), ["pass"], "after 'CPU 1 is back', sign 2 of 4"),
        ("[1/9] trouble: failed: online: Device or resource busy\n", ["pass"], "failed: online: Device or resource busy"),
    ],
)
def test_trouble_that_was_not_made_is_noticed(console, statuses, says):
    said = in_trouble(console, statuses)
    assert says in said and bool(said) == bool(says)


def test_a_run_in_trouble_is_complete_and_denied_tests_are_skipped():
    assert "not complete" in in_trouble(gone_and_back, ["pass"], complete=False)
    denied = "trouble: system call 259 is denied\n[1/2] "
    assert in_trouble(denied, ["skip", "skip"], what="deny") == ""
    assert "t: pass" in in_trouble(denied, ["skip", "pass"], what="deny")
    assert "system call 259" in in_trouble("[1/2] ", ["skip"], what="deny")


def test_a_clock_has_to_jump_both_ways(monkeypatch):
    monkeypatch.setattr(selftests, "_listed", lambda architecture, bare=False: {})
    ahead, back = "trouble: the clock jumped by 1999999000 s\n[1/9]", "trouble: the clock jumped by -1999999000 s\n[2/9]"
    assert in_trouble((ahead + back) * 2, [], what="clock") == ""
    assert "sign 2 of 4" in in_trouble(ahead * 4, [], what="clock") and "sign 1 of 4" in in_trouble(back * 4, [], what="clock")


def test_a_machine_that_hangs_hides_no_other(monkeypatch, capsys):
    def selftests_of(machine):
        if machine.name == "native":
            raise subprocess.TimeoutExpired(["a"], 3)
        return selftests._report(machine.name, "self-tests", True, "1 pass")

    monkeypatch.setattr(selftests, "selftests", selftests_of)
    monkeypatch.setattr(machines.Machine, "absent", lambda self: None)
    monkeypatch.setattr(selftests, "troubles", {})
    assert selftests.run(["--no-build", "native", "qemu-user-10-aarch64"]) == fault.violations
    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:3] == ["native", "self-tests", "WRONG"] and "timed out" in first
    assert second.split() == ["qemu-user-10-aarch64", "self-tests", "right", "1", "pass"]


def test_trouble_is_made_for_machines_that_there_are():
    known = {machine.name: machine for machine in machines.select(["*"])}
    for name in selftests.troubles:
        assert known[name].guest and not known[name].bare


def test_what_cppcheck_cannot_parse_is_not_clean(tmp_path):
    """Of such a file it checks nothing."""
    source = tmp_path / "a.cpp"
    source.write_text("void g(int);\nvoid h() { const auto f = [&]<class T>(T t) { g(t); }; f(1); }\n")
    clean, said = lint._run([*lint._cppcheck, str(source)])
    assert not clean and "[syntaxError]" in said


def test_what_is_linted_is_part_of_the_build(monkeypatch):
    monkeypatch.setattr(lint, "commands", lambda: {tree.root / "runner" / "main.cpp": {}})
    assert lint.chosen([]) == [tree.root / "runner" / "main.cpp"]
    with pytest.raises(fault.UsageFault, match="not part of any build"):
        lint.chosen(["none.cpp"])
