# SPDX-License-Identifier: Apache-2.0
"""ci/mutants.toml does not go stale: every bug has its one place, and a test that is to notice it. The mutants
themselves are tried by ci/mutants, on demand."""

import shutil

import pytest

from cmodx_ci import fault, mutants, tree
from cmodx_ci.fault import HarnessFault

from test_faults import state, until


@pytest.mark.parametrize("mutant", mutants.read_mutants(), ids=lambda m: m.name)
def test_a_bug_has_its_place(mutant):
    assert mutants.mutated(mutant, tree.root) != (tree.root / mutant.file).read_text(encoding="utf-8")
    assert sum(map(bool, (mutant.unit, mutant.suite, mutant.pytest))) == 1
    assert not mutant.pytest or (tree.root / "ci" / "tests" / mutant.pytest).exists()


def test_a_bug_without_a_place_is_told(tmp_path):
    (tmp_path / "file").write_text("twice twice", encoding="utf-8")
    with pytest.raises(HarnessFault, match="2 places"):
        mutants.mutated(mutants.Mutant(name="m", file="file", old="twice", new=""), tmp_path)


@pytest.mark.parametrize(("word", "code"), [("right", fault.conformant), ("file", fault.violations)])
def test_a_survivor_is_told(tmp_path, monkeypatch, capsys, word, code):
    mutant = mutants.Mutant(name="a bug", file="file", old="right", new="wrong")
    monkeypatch.setattr(mutants, "_copy", lambda root: (root / "file").write_text("a right file", encoding="utf-8"))
    monkeypatch.setattr(mutants, "_build", lambda target, root: shutil.copy(root / "file", root / "built"))
    monkeypatch.setattr(mutants.Mutant, "command", lambda self, root: ["grep", "-q", word, str(root / "built")])
    assert mutants.try_mutants([mutant], tmp_path) == code
    assert ("SURVIVES" in capsys.readouterr().out) == (code == fault.violations)
    for left in ("file", "built"):  # what comes next is tried on a sound tree
        assert (tmp_path / left).read_text(encoding="utf-8") == "a right file"


def test_a_bug_that_makes_tests_hang_is_noticed(tmp_path, monkeypatch, capsys):
    mutant = mutants.Mutant(name="a bug", file="file", old="right", new="wrong")
    monkeypatch.setattr(mutants, "_copy", lambda root: (root / "file").write_text("a right file", encoding="utf-8"))
    hangs = "grep -q right file || exec sleep 60"
    monkeypatch.setattr(mutants.Mutant, "command", lambda self, root: ["sh", "-c", hangs])
    monkeypatch.setattr(mutants, "_limit_s", 2)
    assert mutants.try_mutants([mutant], tmp_path) == fault.conformant
    assert "killed" in capsys.readouterr().out


def test_nothing_is_left_of_a_bug_that_lets_go_on_what_a_test_has_started(tmp_path, monkeypatch, capsys):
    """And who holds the output open does not make it a hang, which would be noticed."""
    mutant = mutants.Mutant(name="a bug", file="file", old="right", new="wrong")
    monkeypatch.setattr(mutants, "_copy", lambda root: (root / "file").write_text("a right file", encoding="utf-8"))
    leaves = f"setsid sleep 100 & echo $! >>{tmp_path}/left"
    monkeypatch.setattr(mutants.Mutant, "command", lambda self, root: ["sh", "-c", leaves])
    monkeypatch.setattr(mutants, "_limit_s", 5)
    assert mutants.try_mutants([mutant], tmp_path) == fault.violations
    assert "SURVIVES" in capsys.readouterr().out
    left = (tmp_path / "left").read_text().split()
    assert len(left) == 2
    for one in left:
        until(lambda one=one: state(one) in ("gone", "Z"), 5)


def test_tests_that_fail_anyway_prove_nothing_and_hide_nothing(tmp_path, monkeypatch, capsys):
    broken, survives = (mutants.Mutant(name=name, file="file", old="right", new="wrong") for name in ("broken", "survives"))
    monkeypatch.setattr(mutants, "_copy", lambda root: (root / "file").write_text("a right file", encoding="utf-8"))
    monkeypatch.setattr(mutants.Mutant, "command", lambda self, root: ["false" if self.name == "broken" else "true"])
    assert mutants.try_mutants([broken], tmp_path) == fault.harness_failed
    assert "NOT TRIED broken: the tests fail without it" in capsys.readouterr().out
    assert mutants.try_mutants([broken, survives], tmp_path) == fault.violations
    said = capsys.readouterr().out
    assert "SURVIVES  survives" in said and said.endswith("2 mutants, 1 survive, 1 not tried\n")
