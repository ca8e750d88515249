# SPDX-License-Identifier: Apache-2.0
"""ci/soak and ci/stable on a binary of few tests: an alarm is an alarm, a known failure is none."""

import json
import stat
import subprocess
from pathlib import Path

import pytest

from cmodx_ci import expected, fault, soak, tree
from cmodx_ci.fault import UsageFault
from cmodx_ci.machines import read_machine

from test_faults import state, until

witness = {"witness": "stale", "verdict": "forbidden", "basis": "arch-text", "source": "a manual", "k": 0, "n": 1000}
listed = [
    {"name": "A", "witnesses": [witness]},
    {"name": "B", "witnesses": [{**witness, "verdict": "allowed"}]},
    {"name": "C", "witnesses": [{**witness, "basis": "inferred"}]},
    {"name": "D", "witnesses": [witness]},
    {"name": "E", "witnesses": [{**witness, "verdict": "allowed"}, {**witness, "witness": "torn"}]},
]


@pytest.fixture
def binary(tmp_path):
    """Fails A at each even seed; shows what B may show at each odd one. The facts, and so what is forbidden, come with a
    run. E is void from the third run on."""
    path = tmp_path / "cmodx"
    path.write_text(
        "#!/usr/bin/python3\n"
        "import json, sys\n"
        f"listed = json.loads({json.dumps(json.dumps(listed))})\n"
        "words = sys.argv[1:]\n"
        "if words[0] == 'list': print(json.dumps([{'name': t['name']} for t in listed])); sys.exit()\n"
        "seed = int(words[words.index('--seed') + 1])\n"
        "status = {'A': ['fail', 'pass'][seed % 2], 'B': ['seen', 'not-seen'][seed % 2], 'C': 'pass',\n"
        "          'D': 'skip', 'E': ['pass', 'skip'][seed > 3]}\n"
        "for test in listed: test['witnesses'][0]['k'] = status[test['name']] in ('fail', 'seen')\n"
        "tests = [{**t, 'trials': 1000, 'fresh': 10, 'status': status[t['name']]} for t in listed if t['name'] in words]\n"
        "document = {'tests': tests, 'facts': {}, 'tool': {'commit': 'x'}}\n"
        "open(words[words.index('--output') + 1], 'w').write(json.dumps(document))\n",
        encoding="utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


native = read_machine(tree.machines / "native.toml")


def test_a_soak_counts_and_alarms(binary):
    figures = soak.soak(native, binary, 0.5, [], 2)
    assert figures["tests"] == 2  # only in A and E is something forbidden that gates, and in D, which is skipped
    assert figures["passes"] >= 3
    assert figures["observations"] == 2000 * figures["passes"]
    assert figures["void"] == {"skip E: ": figures["passes"] - 2}
    assert figures["alarms"] == {"fail A: ": (figures["passes"] + 1) // 2}


def test_a_known_failure_is_no_alarm(binary, monkeypatch):
    line = expected.Line(test="A", witness="stale", reason="known", link="", where="here")
    monkeypatch.setattr(expected, "lines_of", lambda name: [line])
    assert soak.soak(native, binary, 0.2, [], 2)["alarms"] == {}


def test_what_no_line_says_of_a_test_is_an_alarm():
    """A line excuses its witness, not its test."""
    lines = [expected.Line(test="A", witness="stale", reason="known", link=None, where="here")]
    stale, torn = witness | {"k": 1}, witness | {"witness": "torn", "k": 1}

    def alarm(status, *witnesses):
        return soak.unexpected({"name": "A", "status": status, "witnesses": [*witnesses], "reason": ""}, lines)

    assert not alarm("fail", stale) and not alarm("pass", witness)
    assert alarm("fail", witness, torn) and alarm("fail", stale, torn)
    assert all(alarm(status, witness) for status in ("crash", "timeout", "missing"))
    assert not alarm("error", witness)  # void


def test_another_status_is_told_unless_chance_has_a_part(binary):
    assert soak.stable(native, binary, 3, [], 0.04) == (["A: pass 2, fail 1"], 5, 3, None)


def ends_at(binary, number):
    """From a seed on it writes nothing."""
    text = binary.read_text()
    binary.write_text(text.replace("status = ", f"if seed >= {number}: sys.exit('no room')\nstatus = ", 1))


def test_what_was_found_before_a_soak_broke_off_is_told(binary, tmp_path, monkeypatch, capsys):
    ends_at(binary, 5)
    figures = tmp_path / "figures"
    argv = ["soak", "20s", "A", "--seed", "2", "C", "--append", str(figures), "--binary", str(binary)]
    monkeypatch.setattr("sys.argv", argv)
    assert soak.main("soak") == fault.violations  # the alarms, which are sure
    told = json.loads(figures.read_text())
    assert (told["passes"], told["alarms"]) == (3, {"fail A: ": 2}) and "no room" in told["broken_off"]
    assert capsys.readouterr().err.endswith("no document: no room\n")
    monkeypatch.setattr("sys.argv", ["soak", "20s", "--seed", "3", "--binary", str(binary)])
    ends_at(binary, 4)
    monkeypatch.setattr(expected, "lines_of", lambda name: [])
    assert soak.main("soak") == fault.harness_failed  # no alarm, and yet it did not last


def test_what_differed_before_a_repetition_failed_is_told(binary, capsys, monkeypatch):
    ends_at(binary, 4)
    monkeypatch.setattr("sys.argv", ["stable", "9", "--budget", "0.04", "A", "C", "--binary", str(binary)])
    assert soak.main("stable") == fault.violations
    said = capsys.readouterr()
    assert "5 tests, 3 repetitions: 1 came out differently" in said.out and said.err.endswith("no room\n")


@pytest.mark.parametrize("repetitions", ["1", "0", "-1"])
def test_one_run_differs_from_nothing(binary, capsys, monkeypatch, repetitions):
    monkeypatch.setattr("sys.argv", ["stable", "--binary", str(binary), "--", repetitions])
    assert soak.main("stable") == fault.usage
    assert "accepted: 2 or more" in capsys.readouterr().err


def test_where_nothing_can_be_added_is_said_at_once(binary, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["soak", "0.2s", "--append", "/no/such/file", "--binary", str(binary)])
    assert soak.main("soak") == fault.harness_failed
    assert capsys.readouterr().err == "ci/soak: /no/such/file: No such file or directory\n"


def test_kill_9_leaves_nothing_that_runs(binary, tmp_path):
    marker = f"{tmp_path}/runs"
    text = binary.read_text().replace("seed = ", f"open({marker!r}, 'w').write(str(os.getpid())); time.sleep(60)\nseed = ", 1)
    binary.write_text(text.replace("import json, sys", "import json, os, sys, time"))
    run = subprocess.Popen([str(tree.root / "ci" / "soak"), "60s", "--binary", str(binary)])
    until(lambda: Path(marker).exists() and Path(marker).read_text())
    run.kill()
    run.wait()
    until(lambda: state(Path(marker).read_text()) in ("gone", "Z"), 5)


@pytest.mark.parametrize("text", ["", "5", "-1s", "0s", "nans", "1d", "31h5", "9999h"])
def test_no_duration(text):
    with pytest.raises(UsageFault):
        soak.seconds(text)


def test_exit_codes(binary, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["soak", "200ms", "--binary", str(binary)])
    assert soak.main("soak") == fault.usage
    monkeypatch.setattr("sys.argv", ["soak", "0.2s", "--seed", "2", "--binary", str(binary)])
    assert soak.main("soak") == fault.violations
    assert json.loads(capsys.readouterr().out)["machine"] == "native"
