# SPDX-License-Identifier: Apache-2.0
"""ci/matrix as a person calls it, with the fake binary: exit codes, table, documents, every way to go wrong."""

import itertools
import json
import subprocess

import pytest

from cmodx_ci import results

known_stale = '[[known]]\ntest = "*+alias+*"\nwitness = "stale"\nreason = "a fake"\n'


def test_conformant(checkout):
    checkout.machine("one")
    checkout.machine("two", architecture="aarch64")
    done = checkout.matrix()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MP.RF+imm+alias+mfence+ctrl-cpuid" in done.stdout
    assert "violations:" not in done.stdout
    document = checkout.document("two")
    assert not results.schema_faults(document)
    assert document["machine"] == {"architecture": "aarch64", "name": "two"}
    assert document["seed"] == 7 and document["complete"]


def test_violation_is_one_line_with_what_reproduces_it(checkout):
    checkout.machine("good")
    checkout.machine("bad", "time_scale = 3", how="fails")
    done = checkout.matrix()
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "bad: MP.RF" in line]
    assert "stale 7 of 1000; arch-text: SDM vol.3A" in line
    assert "again: ci/launch bad build/x86_64/cmodx run MP.RF+imm+alias+mfence+ctrl-cpuid --budget quick --seed 7 --time-scale 3" in line


def test_known_failure(checkout):
    checkout.machine("bad", how="fails")
    checkout.expect("base", known_stale)
    checkout.expect("bad", 'include = ["../base/expected.toml"]\n')
    done = checkout.matrix()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bad: 1 tests: a fake" in done.stdout


def test_unexpected_pass(checkout):
    checkout.machine("good")
    checkout.expect("good", known_stale)
    done = checkout.matrix()
    assert done.returncode == 1
    assert "expected failure passed: remove this line" in done.stdout


def test_line_that_speaks_of_no_test(checkout):
    checkout.machine("good")
    checkout.expect("good", known_stale.replace("*+alias+*", "Chain*"))
    done = checkout.matrix()
    assert done.returncode == 1
    assert "remove or correct this line" in done.stdout
    assert checkout.matrix("--test", "Patch*").returncode == 0


@pytest.mark.parametrize(("how", "why"), [("died", "ended by SIGKILL"), ("forgetful", "exit code 0")])
def test_lost_results_are_missing(checkout, how, why):
    checkout.machine("bad", how=how)
    done = checkout.matrix()
    assert done.returncode == 1
    assert f"missing; the run ended before it: {why}" in done.stdout
    document = checkout.document("bad")
    assert [record["status"] for record in document["tests"]][-1] == "missing"
    assert len(document["tests"]) == 4 and not document["complete"]
    assert not results.schema_faults(document)


def test_hung_machine_is_killed(checkout):
    checkout.machine("bad", how="hung")
    checkout.machine("good")
    done = checkout.matrix("--", "--cmodx-stall", "1")
    assert done.returncode == 1
    assert "missing; the run ended before it: no result for" in done.stdout
    assert checkout.document("good")["complete"]


@pytest.mark.parametrize(
    ("how", "code", "says"),
    [
        ("silent", 3, "no result: exit code 1: no room for a code arena"),
        ("invalid", 3, "leaves results/schema.json in 1 places"),
        ("usage", 2, "unknown budget 'fast'"),
        ("nothing", 77, "nothing to run"),
    ],
)
def test_exit_codes(checkout, how, code, says):
    checkout.machine("bad", how=how)
    done = checkout.matrix()
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout
    assert "session starts" not in done.stdout
    assert not (checkout.root / "build" / "results" / "latest" / "bad.json").exists()


def test_a_machine_that_is_not_what_its_file_says(checkout):
    checkout.machine("bad", '[expect]\nvendor = "real*"')
    for done in (checkout.matrix(), checkout.resume("latest")):
        assert done.returncode == 3
        assert "fact vendor is 'fake', expected 'real*'" in done.stdout
        latest = checkout.root / "build/results/latest"
        assert not (latest / "bad.json").exists() and not (latest / ".bad").exists()


def test_a_machine_whose_file_says_more_when_it_is_picked_up(checkout):
    checkout.machine("bad")
    assert checkout.matrix().returncode == 0
    checkout.machine("bad", '[expect]\nvendor = "real*"')
    done = checkout.resume("latest")
    assert done.returncode == 3 and "fact vendor is 'fake', expected 'real*'" in done.stdout


def test_absent_machine_is_shown_with_the_reason(checkout):
    checkout.machine("good")
    checkout.machine("away", 'exists = ["{cache}/no-such-emulator"]')
    checkout.machine("large", "cpus = 100000").write_text(
        (checkout.root / "ci/machines/good.toml").read_text().replace("cpus = 1", "cpus = 100000")
    )
    done = checkout.matrix()
    assert done.returncode == 0
    assert "away: absent: no " in done.stdout and "no-such-emulator" in done.stdout
    assert "large: absent: needs 100000 CPUs" in done.stdout
    assert checkout.matrix("away").returncode == 77


def test_pytest_selects_reports_and_distributes(checkout):
    for name in ("one", "two", "three"):
        checkout.machine(name)
    done = checkout.matrix("-k", "two", "--junit-xml", "out.xml")
    assert done.returncode == 0 and "two" in done.stdout and "three" not in done.stdout
    assert 'name="two"' in (checkout.root / "out.xml").read_text()
    done = checkout.matrix("-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("one", "two", "three"):
        assert checkout.document(name)["complete"]


def test_machines_side_by_side_never_share_a_cpu(checkout, monkeypatch):
    """Four machines that each need two CPUs, three workers, whatever CPUs this host has."""
    trace = checkout.root / "trace"
    monkeypatch.setenv("FAKE_TRACE", str(trace))
    for number in range(4):
        path = checkout.machine(f"m{number}", how="slow")
        path.write_text(path.read_text().replace("cpus = 1", "cpus = 2"))
    done = checkout.matrix("-n", "3")
    assert done.returncode in (0, 77), done.stdout + done.stderr
    if done.returncode == 77:
        pytest.skip("fewer than two CPUs")
    runs = [json.loads(line) for line in trace.read_text().splitlines()]
    assert len(runs) == 4 and all(len(set(run["cpus"].split(","))) == 2 for run in runs)
    for one, other in itertools.combinations(runs, 2):
        apart = one["end"] <= other["begin"] or other["end"] <= one["begin"]
        assert apart or not set(one["cpus"].split(",")) & set(other["cpus"].split(","))


def test_last_failed(checkout):
    checkout.machine("good")
    checkout.machine("bad", how="fails")
    assert checkout.matrix().returncode == 1
    done = checkout.matrix("--lf")
    assert done.returncode == 1 and "1 failed" in done.stderr and "passed" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["no-such"], "no machine matches 'no-such'; there are: good"), (["--frob"], "--frob"), (["--seed", "x"], "--seed")],
)
def test_usage(checkout, arguments, says):
    checkout.machine("good")
    done = checkout.matrix(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and says in done.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("frob = 1", "unknown key 'frob'; accepted: description"),
        ('exists = ["{kernel}"]', "key 'exists' is ['{kernel}']; accepted: a list of paths"),
        ("time_scale = -1", "key 'time_scale' is -1; accepted: a number above 0"),
        ("frob", "not TOML"),
    ],
)
def test_a_fault_in_any_machine_file_is_one_line(checkout, line, says):
    checkout.machine("good")
    checkout.machine("bad", line)
    launch = [checkout.root / "ci" / "launch", "bad", "/bin/true"]
    for done in (
        checkout.matrix(),
        checkout.matrix("good"),
        subprocess.run(launch, capture_output=True, text=True, check=False),
    ):
        assert done.returncode == 2 and not done.stdout
        assert done.stderr.count("\n") == 1 and "bad.toml: " in done.stderr and says in done.stderr


def test_a_fault_in_known_failures_is_said_before_anything_runs(checkout):
    checkout.machine("good")
    checkout.expect("good", '[[known]]\ntest = "*"\nwitness = "old"\nreason = "r"\n')
    done = checkout.matrix()
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "good/expected.toml: known 1: key 'witness' is 'old'; accepted: one of stale" in done.stderr


def test_twins_without_power_are_named(checkout):
    checkout.machine("good")
    assert "no power" not in checkout.matrix().stdout
    checkout.machine("good", how="fails")  # its twin shows no more than the whole protocol does
    assert "x86_64: cpuid of the executor (1 runs of twins)" in checkout.matrix().stdout


def test_documents_stay_whole(checkout):
    checkout.machine("good")
    checkout.matrix()
    folder = checkout.root / "build" / "results" / "latest"
    names = [".order.json", "good.json", "good.log", "report.html", "table.txt"]
    assert sorted(path.name for path in folder.iterdir()) == names
    json.loads((folder / "good.json").read_text())
    assert "No unexplained violation" in (folder / "report.html").read_text()
