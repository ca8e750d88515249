# SPDX-License-Identifier: Apache-2.0
"""Subjects: real shared objects that lie, or are none, with the real driver; and how a matrix of subjects is judged."""

import json
import subprocess
from pathlib import Path

import pytest

from cmodx_ci import expected, results, subjects, tree
from cmodx_ci.expected import Line
from cmodx_ci.judge import held, judge

from conftest import fake

driver = tree.binary("native").with_name("cmodx_subject")
with_driver = pytest.mark.skipif(not driver.exists(), reason="not set up: build/native/cmodx_subject")
source = Path(__file__).with_name("lying_subject.c")


def compiled(folder: Path, of: Path, *words: str, name: str = "it.so") -> Path:
    made = folder / name
    include = tree.root / "subjects"
    subprocess.run(["cc", "-std=gnu11", "-shared", "-fPIC", f"-I{include}", *words, of, "-o", made], check=True)
    return made


def driven(subject: Path, *words: str) -> subprocess.CompletedProcess:
    argv = [driver, "run", "--subject", subject, "--seed", "3", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


@with_driver
def test_a_false_claim_fails_with_a_valid_document(tmp_path):
    liar = compiled(tmp_path, source)
    done = driven(liar, "--budget", "5ms", "--output", tmp_path / "out")
    assert done.returncode == 1, done.stderr
    document = results.read(tmp_path / "out")
    statuses = {record["name"]: record["status"] for record in document["tests"]}
    for scenario in ("patch", "patch-across", "live-patch", "straddle-64", "wx"):
        assert statuses[f"subject.liar.{scenario}"] == "fail", statuses
    assert statuses["subject.liar.same-thread"] == "pass"
    assert "subject.liar.retarget" not in statuses
    assert all(expected.failed(r) for r in document["tests"] if r["status"] == "fail")
    assert driven(liar, "subject.liar.patch", "--budget", "5ms", "--expect-fail", "stale").returncode == 0
    assert driven(liar, "subject.liar.wx", "--budget", "5ms", "--expect-fail", "stale").returncode == 1


@with_driver
def test_the_template_keeps_what_it_claims(tmp_path):
    template = compiled(tmp_path, tree.root / "examples" / "subject_template.c", "-Wall", "-Wextra", "-Werror")
    done = driven(template, "--budget", "5ms", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {r["mapping"] for r in results.read(tmp_path / "out")["tests"]} == {"own"}


@with_driver
def test_a_run_is_picked_up(tmp_path):
    liar = compiled(tmp_path, source)
    assert driven(liar, "subject.*", "--budget", "5ms", "--output", tmp_path / "out").returncode == 1
    whole = json.loads((tmp_path / "out").read_text())
    tests = whole.pop("tests")
    broken = tmp_path / "broken.jsonl"
    broken.write_text("".join(json.dumps(line) + "\n" for line in ({"header": whole}, *tests[:4])) + '{"name": "cut')
    done = driven(liar, "subject.*", "--budget", "5ms", "--resume", broken, "--output", tmp_path / "again")
    assert done.returncode == 1, done.stderr
    again = results.read(tmp_path / "again")
    assert again["tests"][:4] == tests[:4] and again["complete"]
    assert [r["name"] for r in again["tests"]] == [r["name"] for r in tests]
    assert again["tests"][4]["duration_s"] != tests[4]["duration_s"]


@with_driver
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-DVERSION=2"], "version 2; accepted is 3"),
        (["-DNAME=\"No Name\""], "[a-z0-9-]+"),
        (["-Dcmodx_subjects=nothing"], "exports no cmodx_subjects"),
    ],
)
def test_what_is_no_subject_is_one_line(tmp_path, words, says):
    done = driven(compiled(tmp_path, source, *words))
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


@with_driver
def test_what_is_no_shared_object_is_one_line(tmp_path):
    for done in (driven(tmp_path / "none.so"), driven(source)):
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout


@pytest.mark.skipif(not tree.binary("native").exists(), reason="not set up: build/native/cmodx")
def test_a_static_binary_loads_none():
    argv = [tree.binary("native"), "run", "--subject", source]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "static" in done.stderr


def line(test: str) -> Line:
    return Line(test, "stale", "r", None, "here")


@pytest.mark.parametrize(
    ("glob", "names", "is_held"),
    [
        ("SM+*", ["SM+imm+same+po"], True),
        ("SM+*", ["subject.a.patch"], False),
        ("subject.a.*", ["SM+imm+same+po"], False),
        ("subject.a.*", ["subject.b.patch"], False),
        ("subject.a.fork", ["subject.a.patch"], True),
        ("subject.a-*.fork", ["subject.b.patch", "subject.a-dual.patch"], True),
        ("subject.*", ["subject.a.patch", "SM+imm+same+po"], True),
        ("SM+*", ["subject.a.patch", "MP.RF+imm+same+po+po"], True),
    ],
)
def test_a_line_is_held_against_a_run_that_could_have_run_it(glob, names, is_held):
    assert held(line(glob), names) == is_held
    tests = [{"name": name, "status": "pass", "witnesses": []} for name in names]
    idle = judge({"machine": {"name": "m"}, "tests": tests}, [line(glob)]).idle
    assert bool(idle) == is_held


@pytest.mark.skipif(not (tree.build / "native" / "subjects.txt").exists(), reason="not set up: build/native")
def test_known_failures_are_of_subjects_that_there_are():
    names: set[str] = set()
    for name, why in subjects.there("native").items():
        binary = tree.binary("native").with_name(subjects.target_prefix + name)
        if why is None and binary.exists():
            names |= set(subprocess.run([binary, "list"], capture_output=True, text=True, check=True).stdout.split())
    for path in tree.results.glob("*/expected.toml"):
        for known in expected.read_lines(path):
            if names and subjects.subject_of(known.test) is not None:
                assert any(known.matches(name) for name in names), known


def test_a_matrix_of_subjects(checkout):
    checkout.machine("m")
    checkout.expect("m", '[[known]]\ntest = "subject.other.*"\nwitness = "stale"\nreason = "r"\n')
    build = checkout.root / "build"
    for preset in ("native", "x86_64"):
        (build / preset / "subjects.txt").write_text("heap\nasmjit: no libasmjit-dev for x86_64\n")
        (build / preset / "cmodx_subject_heap").symlink_to(fake)
    done = checkout.matrix("m", "--subject", "*")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "m[asmjit]: absent: no libasmjit-dev for x86_64" in done.stdout
    document = checkout.document("m")
    assert len(document["tests"]) == 4 and document["command"][0].endswith("cmodx_subject_heap")
    again = checkout.resume("latest")
    assert again.returncode == 0, again.stderr
    assert checkout.document("m")["tests"] == document["tests"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--subject", "none"], "no subject matches 'none'; there are: heap"),
        (["--subject", "heap", "--shards", "2"], "--subject with --shards or --tx"),
    ],
)
def test_faults_of_a_matrix_of_subjects(checkout, words, says):
    checkout.machine("m")
    for preset in ("native", "x86_64"):
        (checkout.root / "build" / preset / "subjects.txt").write_text("heap\n")
    done = checkout.matrix("m", *words)
    assert done.returncode == 2 and says in done.stderr
