# SPDX-License-Identifier: Apache-2.0
"""ci/discover against CTest itself: the file that it writes is read by ctest, and the commands arrive unchanged."""

import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmodx_ci import discover, expected
from cmodx_ci.fault import UsageFault

from conftest import fake

full = "MP.RF+imm+alias+mfence+ctrl-cpuid"


def discovered(checkout, *command):
    output = checkout.root / "tests.cmake"
    argv = [str(checkout.root / "ci" / "discover"), "--machine", "m", "--output", str(output), "--", *command]
    return subprocess.run(argv, capture_output=True, text=True, check=False), output


def ctest(folder, include, *more):
    (folder / "CTestTestfile.cmake").write_text(f"include([==[{include}]==])\n")
    argv = ["ctest", "--test-dir", str(folder), *more]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def shown(checkout, output):
    folder = checkout.root / "ctest"
    folder.mkdir()
    return {test["name"]: test for test in json.loads(ctest(folder, output, "--show-only=json-v1"))["tests"]}


def test_every_listed_test(checkout):
    checkout.machine("m", "time_scale = 4")
    checkout.expect("m", f'[[known]]\ntest = "{full}"\nwitness = "stale"\nreason = "r"\n')
    done, output = discovered(checkout, "env", "A=1", str(fake))
    assert done.returncode == 0, done.stderr
    tests = shown(checkout, output)
    assert len(tests) == 4
    command = ["A=1", str(fake), "run", full, "--budget", "quick", "--time-scale", "4", "--expect-fail", "stale"]
    assert tests[full]["command"][1:] == command
    properties = {p["name"]: p["value"] for p in tests[full]["properties"]}
    assert sorted(properties["LABELS"], key=["x86_64", "MP.RF", "alias"].index) == ["x86_64", "MP.RF", "alias"]
    assert properties["SKIP_RETURN_CODE"] == 77 and properties["RUN_SERIAL"] is True
    assert properties["TIMEOUT"] == discover.limit_s
    assert "--expect-fail" not in tests["MP.RF+imm+same+po+po"]["command"]


def test_with_verdicts_a_line_speaks_only_of_what_is_forbidden():
    line = expected.Line("*", "stale", "r", None, "here")
    test = {"name": "a", "architecture": "arm32", "shape": "SM", "mapping": "same"}
    assert "--expect-fail" in discover.include_file([test], ["b"], [], [line])
    seen = test | {"witnesses": [{"witness": "stale", "verdict": "allowed", "basis": "arch-text"}]}
    assert "--expect-fail" not in discover.include_file([seen], ["b"], [], [line])


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [(["false"], 3, "exit code 1"), (["/no/such"], 3, "cannot start"), (["echo", "{"], 3, "not a list"), ([], 2, "required")],
)
def test_faults(checkout, command, code, says):
    checkout.machine("m")
    done, output = discovered(checkout, *command)
    assert done.returncode == code and says in done.stderr and done.stderr.count("\n") == 1
    assert not output.exists()


def test_unknown_machine(checkout):
    done, _ = discovered(checkout, str(fake))
    assert done.returncode == 2 and "m.toml: no such file" in done.stderr


@settings(max_examples=15)
@given(st.lists(st.text(alphabet='a]=[$;"\\ {}()#\n', min_size=1, max_size=12), min_size=1, max_size=4))
def test_any_word_arrives_unchanged(tmp_path_factory, words):
    folder = tmp_path_factory.mktemp("quote")
    include = folder / "tests.cmake"
    include.write_text(f"add_test(t {' '.join(discover.quoted(word) for word in ['env', *words])})\n")
    (test,) = json.loads(ctest(folder, include, "--show-only=json-v1"))["tests"]
    assert test["command"][1:] == words
    shutil.rmtree(folder)


def test_launch(checkout):
    checkout.machine("m")
    argv = [str(checkout.root / "ci" / "launch"), "m", "/bin/echo", "a b", "$HOME"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "a b $HOME\n"
    checkout.machine("away", 'exists = ["/no/such"]')
    done = subprocess.run([argv[0], "away", "/bin/echo"], capture_output=True, text=True, check=False)
    assert done.returncode == 77 and "absent: no /no/such" in done.stderr


def test_scenarios_of_a_subject_that_have_to_pass_are_one_test():
    def test(name):
        return {"name": name, "architecture": "arm32", "shape": name, "mapping": "own"}

    line = expected.Line("subject.a.fork", "stale", "r", None, "here")
    lucky = expected.Line("subject.a.fork", "torn", "r", None, "here", chance=True)
    text = discover.include_file([test(f"subject.a.{n}") for n in ("patch", "fork", "wx")], ["b"], [], [line, lucky])
    assert text.count("add_test(") == 2 and "add_test([[subject.a]] [[b]] [[run]] [[subject.a.patch]] [[subject.a.wx]]" in text
    assert "[[subject.a.fork]] [[--budget]] [[quick]] [[--expect-fail]] [[stale]] [[--expect-fail]] [[torn]]" in text
    with pytest.raises(UsageFault, match="chance"):
        discover.include_file([test("subject.a.fork")], ["b"], [], [lucky])
