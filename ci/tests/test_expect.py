# SPDX-License-Identifier: Apache-2.0
"""ci/expect and ci/baseline: what they write holds for the runs that they were given; errata make results void."""

import dataclasses
import subprocess
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmodx_ci import changes, digest, errata, expect, expected, generalize, sources, view
from cmodx_ci.fault import UsageFault

from synthetic import document, judged, record
from test_diff import ci, put

bad, good = judged("stale", 3, 1000), judged("stale", 0, 1000)
names = [f"{shape}+{site}+{mapping}+{steps}" for shape in ("SM", "MP.RF") for site in ("imm", "body[1]")
         for mapping in ("same", "alias") for steps in ("po+po", "isb+ctrl")]


def a_run(failing):
    return digest.of_document(document([record(n, *(("fail", [bad]) if n in failing else ("pass", [good]))) for n in names]))


@given(st.sets(st.sampled_from(names)))
def test_globs_speak_of_exactly_what_failed(failing):
    found = generalize.globs([generalize.Observed(name, "stale", name in failing) for name in names])
    assert {n for n in names if any(fnmatchcase(n, glob) for glob, _ in found)} == failing
    assert len(found) <= len(failing)


def test_whole_mappings_are_one_line():
    failing = {name for name in names if "+alias+" in name}
    assert generalize.globs([generalize.Observed(n, "stale", n in failing) for n in names]) == [("*+alias+*", "stale")]


@given(st.sets(st.sampled_from(names)), st.sets(st.sampled_from(names)), st.text(min_size=1).filter(str.strip))
def test_what_is_written_holds(tmp_path_factory, before, after, reason):
    """From the lines of one run to those of another: every failure has a line, and every line a failure."""
    path = tmp_path_factory.mktemp("e") / "m" / "expected.toml"
    path.parent.mkdir()
    text = ""
    reason = reason.encode("utf-8", "replace").decode()
    for failing in (before, after):
        run = a_run(failing)
        if text:
            path.write_text(text, encoding="utf-8")
        lines = expected.lines_of("m", path.parent.parent)
        text, left = expect.updated(text, run, view.judged(run, lines, whole=True), path, reason, None)
        assert not left
        path.write_text(text, encoding="utf-8")
        lines = expected.lines_of("m", path.parent.parent)
        assert view.judged(run, lines, whole=True).conformant
        assert all(line.reason == reason for line in lines)


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results" / "base").mkdir(parents=True)
    (tmp_path / "results" / "m").mkdir()
    (tmp_path / "results" / "base" / "expected.toml").write_text('[[known]]\ntest = "SM+*"\nwitness = "stale"\nreason = "b"\n')
    return tmp_path / "results"


def test_update_shows_the_change_and_keeps_the_rest(results, tmp_path):
    path = results / "m" / "expected.toml"
    path.write_text('# SPDX-License-Identifier: Apache-2.0\n# Of this machine.\n\n# About SM.\n[[known]]\ntest = "SM+*"\nwitness = "stale"\n'
                    'reason = "old"\n\n# About MP.RF.\n[[known]]\ntest = "MP.RF+imm+*"\nwitness = "stale"\nreason = "kept"\n')
    run = put(tmp_path / "r.json", [record(n, *(("fail", [bad]) if "MP.RF" in n else ("pass", [good]))) for n in names])
    argv = ("update", run, "--results", results)
    done = ci("expect", *argv)
    assert done.returncode == 1 and "a failure without a reason: MP.RF+*+alias+* stale" in done.stdout
    assert '-test = "SM+*"' in done.stdout
    done = ci("expect", *argv, "--reason", 'a "quoted" defect')
    assert done.returncode == 0 and '+reason = "a \\"quoted\\" defect"' in done.stdout
    text = path.read_text()
    assert "# Of this machine." in text and "# About MP.RF." in text and "About SM" not in text and "kept" in text
    assert ci("expect", *argv).stdout == ""


def test_included_lines_are_left_to_a_person(results, tmp_path):
    (results / "m" / "expected.toml").write_text('include = ["../base/expected.toml"]\n')
    run = put(tmp_path / "r.json", [record("SM+imm+same+po", "pass", [good])])
    done = ci("expect", "update", run, "--results", results)
    assert done.returncode == 1 and "no longer holds on m" in done.stdout and "base/expected.toml" in done.stdout
    assert (results / "m" / "expected.toml").read_text() == 'include = ["../base/expected.toml"]\n'


def test_a_part_of_the_tests_takes_no_line_about_the_others(results, tmp_path):
    path = results / "m" / "expected.toml"
    path.write_text('[[known]]\ntest = "MP.RF+*"\nwitness = "stale"\nreason = "kept"\n')
    run = put(tmp_path / "r.json", [record("SM+imm+same+po", "pass", [good])])
    assert ci("expect", "update", run, "--results", "results", cwd=tmp_path).returncode == 0
    assert "MP.RF" in path.read_text()
    assert ci("expect", "update", run, "--results", "results", "--whole", cwd=tmp_path).returncode == 0
    assert "MP.RF" not in path.read_text()


def test_no_name_of_a_machine_leads_outside(results, tmp_path):
    run = put(tmp_path / "r.json", [record("SM+imm+same+po", "fail", [bad])], machine="../../outside")
    for tool in ("expect", "baseline"):
        done = ci(tool, "update", run, "--results", results)
        assert done.returncode == 2 and "no name of a machine" in done.stderr
    assert not (tmp_path / "outside").exists()


def test_baseline(results, tmp_path):
    runs = [put(tmp_path / "runs" / f"{i}.json", [record(n, "pass", [good], rate_hz=1e6 + i) for n in names]) for i in range(3)]
    done = ci("baseline", "update", tmp_path / "runs", "--results", results)
    assert done.returncode == 0 and f"{len(names)} tests, a first baseline" in done.stdout
    path = results / "m" / "baseline.json"
    assert len(path.read_text().splitlines()) < len(names) + 60
    assert ci("diff", path, tmp_path / "runs").stdout.endswith("no change; no regression\n")
    assert "no change" in ci("baseline", "check", *runs, "--results", results).stdout
    broken = put(tmp_path / "b.json", [record("SM+imm+same+po", "crash", [])])
    done = ci("baseline", "update", broken, "--results", results)
    assert done.returncode == 1 and "m: refused: 1 test" in done.stdout
    (results / "m" / "expected.toml").write_text('[[known]]\ntest = "SM+*"\nwitness = "crash"\nreason = "a defect"\n')
    assert ci("baseline", "update", broken, "--results", results).returncode == 0
    assert ci("diff", path, broken).stdout.endswith("no change; no regression\n")
    hung = put(tmp_path / "h.json", [record("SM+imm+same+po", "timeout", [])])
    assert ci("baseline", "update", hung, "--results", results).returncode == 1
    partial = put(tmp_path / "p.json", [record("SM+imm+same+po")], complete=False)
    assert "not complete" in ci("baseline", "update", partial, "--results", results).stdout


# --- errata -------------------------------------------------------------------------------------------------------


@pytest.fixture
def history(tmp_path):
    """Three commits in a row, oldest first."""
    def git(*arguments):
        argv = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    commits = []
    for number in range(3):
        git("commit", "-q", "--allow-empty", "-m", str(number))
        commits.append(git("rev-parse", "--short=12", "HEAD"))
    return tmp_path, commits


def erratum(*commits, test="SM+*", architecture=None):
    return errata.Erratum("2026-11-22", test, commits, "what was wrong", architecture)


def run_at(commit):
    return digest.of_document(document(
        [record("SM+imm+same+po", "fail", [bad]), record("MP.RF+imm+same+po+po", "fail", [bad])],
        tool={"name": "cmodx", "version": "0", "commit": commit}))


def test_which_commits_are_meant(history):
    root, (first, second, third) = history
    for word, void in ((second, {second}), (f"{third}^", {first, second}), (f"{first}..{third}", {second, third})):
        for commit in (first, second, third, "unknown", "0123456789ab"):
            run = run_at(commit)
            errata.apply(run, errata.Errata([erratum(word)], root))
            assert (run.tests["SM+imm+same+po"].status == "void") == (commit in void), (word, commit)
            assert run.tests["MP.RF+imm+same+po+po"].status == "fail"


def test_void_results_are_not_compared_and_said_so(history):
    root, (first, second, _) = history
    before, after = run_at(first), run_at(second)
    errata.apply(before, errata.Errata([erratum(f"{second}^")], root))
    found = changes.difference(("a", "b"), {before.key: before}, {after.key: after})
    assert [c.kind for c in found.changes] == ["void"] and not found.regressions
    assert "what was wrong" in found.changes[0].note
    shown = view.of({before.key: before})
    assert any("void" in sentence for sentence in view.in_words(shown)) and len(shown.sections) == 1
    assert digest.merged(before, after).tests["SM+imm+same+po"].seen("stale").k == 3


def test_another_architecture_is_not_meant(history):
    root, (first, *_) = history
    run = run_at(first)
    errata.apply(run, errata.Errata([erratum(first, architecture="arm32")], root))
    assert run.tests["SM+imm+same+po"].status == "fail"


def test_runs_with_another_fact_or_of_less_time_are_not_meant(history):
    root, (first, *_) = history

    def status(**about):
        run = run_at(first)  # of which a test had 0.06 s
        errata.apply(run, errata.Errata([dataclasses.replace(erratum(first), **about)], root))
        return run.tests["SM+imm+same+po"].status

    assert status(fact="kernel=6.*") == status(seconds=0.05) == "void"
    assert status(fact="kernel=7.*") == status(fact="bare=*") == status(seconds=0.07) == "fail"
    assert status(fact="vendor=fake", seconds=0.07) == status(fact="bare=1", seconds=0.05) == "fail"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[erratum]]\ndate = "2026-11-22"\n', "erratum 1: key 'test' is missing"),
        ('[[erratum]]\ndate = "today"\ntest = "*"\ncommits = ["abcdef0"]\nwhat = "w"\n', "key 'date'"),
        ('[[erratum]]\ndate = "2026-11-22"\ntest = "*"\ncommits = ["--all"]\nwhat = "w"\n', "key 'commits'"),
        ('[[erratum]]\ndate = "2026-11-22"\ntest = "*"\ncommits = ["abcdef0"]\nwhat = "w"\nfact = "bare"\n', "key 'fact'"),
    ],
)
def test_errata_faults(tmp_path, text, says):
    path = tmp_path / "errata.toml"
    path.write_text(text)
    with pytest.raises(UsageFault, match=says):
        errata.read(path)


def test_the_errata_of_the_project():
    assert all(erratum.what for erratum in errata.read().list)
    assert sources.collect  # they are read wherever runs are
