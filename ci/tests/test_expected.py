# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmodx_ci import expected, tree
from cmodx_ci.expected import Line, lines_of, races_before
from cmodx_ci.fault import UsageFault
from cmodx_ci.judge import Mark, judge
from cmodx_ci.machines import machine_paths

entry = '[[known]]\ntest = "a*"\nwitness = "stale"\nreason = "why"\n'


def written(folder, text, name="m"):
    (folder / name).mkdir(exist_ok=True)
    path = folder / name / "expected.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_files_of_the_project():
    names = {path.stem for path in machine_paths()}
    for path in tree.results.glob("*/expected.toml"):
        expected.read_lines(path)
    assert any(lines_of(name) for name in names)


def test_no_file_is_no_line(tmp_path):
    assert lines_of("m", tmp_path) == []


def test_layers(tmp_path):
    written(tmp_path, entry, "base")
    written(tmp_path, 'include = ["../base/expected.toml"]\n' + entry.replace("a*", "b*"), "upper")
    written(tmp_path, 'include = ["../base/expected.toml", "../upper/expected.toml"]\n')
    assert [line.test for line in lines_of("m", tmp_path)] == ["a*", "b*"]


def test_circle(tmp_path):
    written(tmp_path, 'include = ["../b/expected.toml"]\n', "a")
    written(tmp_path, 'include = ["../a/expected.toml"]\n', "b")
    with pytest.raises(UsageFault, match="includes itself"):
        lines_of("a", tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (entry.replace('reason = "why"\n', ""), "key 'reason' is missing"),
        (entry.replace('"why"', '""'), "key 'reason' is ''"),
        (entry.replace("stale", "slow"), "one of stale, torn"),
        (entry + "flaky = true\n", "unknown key 'flaky'"),
        (entry + "chance = 1\n", "true for a race"),
        ("known = 3\n", "key 'known' is 3"),
        ('include = ["../nowhere.toml"]\n', "nowhere.toml: no such file"),
        ("known = [1]\n", "accepted is a table"),
        ("known = \n", "not TOML"),
    ],
)
def test_faults(tmp_path, text, says):
    written(tmp_path, text)
    with pytest.raises(UsageFault) as caught:
        lines_of("m", tmp_path)
    assert "m/expected.toml" in str(caught.value) or "nowhere" in str(caught.value)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def record(name, status, *witnesses):
    return {
        "name": name,
        "status": status,
        "witnesses": [
            {"witness": w, "k": k, "n": 10, "verdict": v, "basis": "arch-text", "source": "s"} for w, k, v in witnesses
        ],
    }


def line(test, witness="stale", **more):
    return Line(test, witness, "why", None, "here", **more)


def judged(*records, lines=(), whole=True):
    return judge({"machine": {"name": "m"}, "tests": list(records)}, list(lines), whole)


def test_only_what_is_listed_is_forgiven():
    failing = record("a", "fail", ("stale", 3, "forbidden"), ("torn", 1, "forbidden"))
    one = judged(failing, lines=[line("a")])
    assert [v.witness for v in one.violations] == ["torn"] and one.marks["a"] is Mark.failed
    both = judged(failing, lines=[line("a"), line("a", "torn")])
    assert both.conformant and both.marks["a"] is Mark.known


def test_a_line_says_nothing_of_what_is_merely_seen():
    result = judged(
        record("a1", "fail", ("stale", 3, "forbidden")), record("a2", "seen", ("stale", 3, "allowed")), lines=[line("a*")]
    )
    assert result.conformant and result.marks["a2"] is Mark.seen
    assert [v.test for v in judged(record("a2", "seen", ("stale", 3, "allowed")), lines=[line("a*")]).idle] == ["a*"]


def test_a_line_says_nothing_of_what_only_an_inference_forbids():
    seen = record("a2", "seen", ("stale", 3, "forbidden"))
    seen["witnesses"][0]["basis"] = "inferred"
    result = judged(record("a1", "fail", ("stale", 3, "forbidden")), seen, lines=[line("a*")])
    assert result.conformant and result.marks["a2"] is Mark.seen


def test_a_listed_witness_that_is_not_shown_is_an_unexpected_pass():
    failing = record("a", "fail", ("stale", 0, "forbidden"), ("torn", 1, "forbidden"))
    result = judged(failing, lines=[line("a"), line("a", "torn")])
    assert [found.witness for _, found in result.passes] == ["stale"] and not result.conformant


def test_skipped_tests_do_not_make_a_line_idle():
    assert judged(record("a", "skip"), lines=[line("a")]).conformant


def test_crashes_can_be_known():
    crash = record("a", "crash") | {"reason": "SIGSEGV"}
    assert not judged(crash).conformant and not judged(crash, lines=[line("a")]).conformant
    assert judged(crash, lines=[line("a", "crash")]).conformant
    passed = judged(record("a", "pass", ("stale", 0, "forbidden")), lines=[line("a", "crash")])
    assert passed.passes and passed.marks["a"] is Mark.unexpected


def test_of_a_race_any_test_may_pass_but_not_all():
    fail, passed = record("a", "fail", ("stale", 3, "forbidden")), record("b", "pass", ("stale", 0, "forbidden"))
    lines = [line("a", chance=True), line("b", chance=True)]
    some = judged(fail, passed, lines=lines)
    assert some.conformant and (some.marks["a"], some.marks["b"]) == (Mark.known, Mark.passed)
    none = judged(record("a", "pass", ("stale", 0, "forbidden")), passed, lines=lines)
    assert [name for name, _ in none.passes] == ["a", "b"] and none.marks["a"] is Mark.unexpected
    part = judged(passed, lines=lines, whole=False)
    assert part.conformant and part.marks["b"] is Mark.passed


def test_of_a_race_that_shows_in_few_tests_none_is_no_news_but_of_many():
    records = [record(f"t{i}", "pass", ("stale", 0, "forbidden")) for i in range(70)]
    lines = [line("t*", chance=True)]

    def after(shown, of=70):
        return judge({"machine": {"name": "m"}, "tests": records}, lines, True, {"why": (shown, of)})

    assert not after(20).conformant and not after(20).quiet
    assert after(20).marks["t0"] is Mark.unexpected and len(after(20).passes) == 70
    assert after(3).conformant and after(3).quiet == ["why"] and after(3).marks["t0"] is Mark.passed
    assert not after(0).conformant and len(after(0).passes) == 70
    seen = [record("t70", "fail", ("stale", 1, "forbidden")), *records]
    assert not judge({"machine": {"name": "m"}, "tests": seen}, lines, True, {"why": (20, 70)}).quiet


def test_in_how_many_tests_a_race_showed_is_in_the_baseline(tmp_path):
    lines = [line("a*", chance=True), line("a1", "torn", chance=True), line("b")]
    tests = [
        record("a1", "fail", ("stale", 3, "forbidden"), ("torn", 0, "forbidden")),
        record("a2", "pass", ("stale", 0, "forbidden")),
        record("a3", "seen", ("stale", 3, "allowed")),
        record("a4", "skip", ("stale", 0, "forbidden")),
        record("b", "fail", ("stale", 3, "forbidden")),
    ]
    (tmp_path / "m").mkdir()
    assert races_before("m", lines, tmp_path) == {}
    (tmp_path / "m" / "baseline.json").write_text(json.dumps({"tests": tests}))
    assert races_before("m", lines, tmp_path) == {"why": (1, 2)}
    (tmp_path / "m" / "baseline.json").write_text("[]")
    with pytest.raises(UsageFault, match="no baseline"):
        races_before("m", lines, tmp_path)


def test_what_a_race_is_not_said_to_show_is_a_violation():
    torn = record("a", "fail", ("stale", 0, "forbidden"), ("torn", 1, "forbidden"))
    assert [v.witness for v in judged(torn, lines=[line("a", chance=True)]).violations] == ["torn"]


statuses = st.sampled_from(["pass", "fail", "seen", "not-seen", "crash", "timeout", "error", "skip", "missing"])


@given(st.lists(statuses, max_size=8), st.lists(st.sampled_from(["t0", "t1", "t*", "x"]), max_size=3))
def test_every_test_gets_a_mark_and_no_failure_is_lost(found, globs):
    records = [
        record(f"t{i}", status, ("stale", 1 if status in ("fail", "seen") else 0, "forbidden" if status != "seen" else "allowed"))
        | {"reason": "r"}
        for i, status in enumerate(found)
    ]
    lines = [line(glob) for glob in dict.fromkeys(globs)]
    result = judged(*records, lines=lines)
    assert set(result.marks) == {f"t{i}" for i in range(len(found))}
    for one in records:
        forgiven = any(l.matches(one["name"]) for l in lines)
        if one["status"] in ("crash", "timeout", "missing") or one["status"] == "fail" and not forgiven:
            assert one["name"] in [v.test for v in result.violations]
        if one["status"] == "pass" and forgiven:
            assert one["name"] in [name for name, _ in result.passes]
