# SPDX-License-Identifier: Apache-2.0
"""What differs: every kind of change, its mirror image, merging, and ci/diff as a person calls it."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmodx_ci import changes, diff_text, digest, interval, packed, tree
from cmodx_ci.changes import difference
from cmodx_ci.digest import Parts, Result, Ruling, Run, Seen

from synthetic import document, judged, record

# --- made-up runs -------------------------------------------------------------------------------------------------

names = st.sampled_from(["SM+imm+same+po", "MP.RF+imm+alias+po+ctrl", "Patch+body+same+po+po"])
rulings = st.builds(
    Ruling, st.sampled_from(["forbidden", "allowed", "unspecified", "required"]), st.sampled_from(["arch-text", "inferred"]),
    st.just("s"), st.just("r"),
)


@st.composite
def seen(draw, witness):
    n = draw(st.sampled_from([0, 10, 1000, 10**6]))
    return Seen(witness, draw(st.integers(0, min(n, 50))), n, draw(rulings))


@st.composite
def a_result(draw, name):
    words = name.split("+")
    return Result(
        draw(st.sampled_from(digest.status_order)), draw(st.sampled_from(["", "why"])), Parts(*words[:3]),
        draw(st.sampled_from([(), ("aa",), ("bb",)])), tuple(sorted(draw(st.lists(st.floats(1, 1e9), max_size=4)))),
        tuple(draw(seen(w)) for w in draw(st.permutations(["stale", "torn"]))[: draw(st.integers(0, 2))]),
    )


@st.composite
def a_run(draw, machine="m"):
    environment = {"commit": tuple(sorted(draw(st.sets(st.sampled_from("abc"), min_size=1))))}
    chosen = draw(st.lists(names, unique=True))
    return Run(machine, "x86_64", environment, {name: draw(a_result(name)) for name in chosen})


def between(one, other):
    return difference(("a", "b"), {one.key: one}, {other.key: other})


@given(a_run())
def test_nothing_differs_from_itself(run):
    found = between(run, run)
    assert not found.changes and not found.environment and not found.recoded and not found.regressions


mirror = {kind: kind for kind in changes.kinds}
for one, others in {"new violation": ("fixed", "not seen again"), "witness newly seen": ("witness no longer seen",),
                    "added": ("gone",)}.items():
    for other in others:
        mirror[other] = one
    mirror[one] = others[0]


@given(a_run(), a_run())
def test_symmetry(one, other):
    """Whatever differs one way differs the other way, as its mirror image."""
    there, back = between(one, other), between(other, one)
    pairs = {(c.test, c.witness, c.before, c.after, c.kind) for c in there.changes}
    for c in back.changes:
        if c.kind == "skip changed":
            # What ran and failed on the other side was told as a new violation there.
            assert c.test in {test for test, *_, kind in pairs if kind in ("skip changed", "new violation")}
            continue
        if c.kind == "new violation" and {run.tests[c.test].status for run in (one, other)} - {"pass", "fail", "seen", "not-seen"}:
            continue  # seen, although the test did not come to an end; that it is no longer seen says nothing
        wanted = {mirror[c.kind]}
        if c.kind == "new violation":
            wanted = {"fixed", "not seen again", "repaired", "broken", "new violation", "skip changed"}
        elif c.kind in ("broken", "repaired"):
            wanted = {"broken", "repaired"}
        found = {kind for test, witness, before, after, kind in pairs if test == c.test and kind in wanted}
        if c.kind not in ("new violation", "broken", "repaired"):
            found = {kind for kind in wanted if (c.test, c.witness, c.after, c.before, kind) in pairs}
        assert found, (c, pairs)
    assert {(k, b, a) for k, a, b in there.environment} == set(back.environment)
    assert there.compared == back.compared


@given(a_run(), a_run(), a_run())
def test_merging_is_associative_and_commutative(a, b, c):
    left, right = digest.merged(digest.merged(a, b), c), digest.merged(a, digest.merged(b, c))
    assert (left.tests, left.environment, left.runs) == (right.tests, right.environment, right.runs)
    one, other = digest.merged(a, b), digest.merged(b, a)
    assert one.tests == other.tests and one.environment == other.environment


@given(a_run())
def test_what_is_kept_is_what_was(run):
    again = packed.unpack(packed.pack(run))
    assert dict(again.tests) == run.tests == again.tests.unpacked()
    assert (again.key, again.environment, again.details, again.runs) == (run.key, run.environment, run.details, run.runs)


@given(a_run(), a_run())
def test_a_glance_finds_what_a_full_look_finds(one, other):
    for run in (one, other):
        run.tests = {name: result._replace(rates=result.rates[:2]) for name, result in run.tests.items()}
    full = between(one, other)
    assert between(packed.unpack(packed.pack(one)), packed.unpack(packed.pack(other))) == full


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_its_estimate(count):
    low, high = interval.interval(*count)
    assert 0 <= low <= count[0] / count[1] <= high <= 1
    assert not interval.apart(count, count)


# --- each kind ----------------------------------------------------------------------------------------------------


def of(*witnesses, status="pass", **more):
    return digest.of_document(document([record("SM+imm+same+po", status, list(witnesses), **more)]))


def kinds_of(one, other):
    return [change.kind for change in between(one, other).changes]


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (of(judged("stale", 0, 10**6)), of(judged("stale", 1, 10**6), status="fail"), ["new violation"]),
        (of(judged("stale", 0, 5)), of(judged("stale", 1, 10**9), status="fail"), ["new violation"]),
        (of(judged("stale", 50, 1000), status="fail"), of(judged("stale", 0, 10**6)), ["fixed"]),
        (of(judged("stale", 1, 10**6), status="fail"), of(judged("stale", 0, 10**6)), ["not seen again"]),
        (of(judged("stale", 5, 1000), status="fail"), of(judged("stale", 700, 1000), status="fail"), []),
        (of(judged("stale", 0, 1000, "allowed"), status="not-seen"), of(judged("stale", 1, 1000, "allowed"), status="seen"), []),
        (of(judged("stale", 0, 10**6, "allowed"), status="not-seen"), of(judged("stale", 99, 10**6, "allowed"), status="seen"),
         ["witness newly seen"]),
        (of(judged("stale", 9, 1000, "allowed"), status="seen"), of(judged("stale", 9, 1000), status="fail"), ["verdict changed"]),
        (of(judged("stale", 0, 1000, basis="inferred")), of(judged("stale", 9, 1000, basis="inferred"), status="seen"),
         ["witness newly seen"]),
        (of(judged("stale", 3, 9, "required")), of(judged("stale", 0, 9, "required"), status="fail"), ["new violation"]),
        (of(judged("stale", 0, 1000)), of(status="crash"), ["broken"]),
        (of(status="timeout"), of(judged("stale", 0, 1000)), ["repaired"]),
        (of(judged("stale", 0, 1000)), of(status="missing"), ["broken"]),
        (of(judged("stale", 0, 0), status="skip"), of(judged("stale", 0, 9)), ["skip changed"]),
        (of(judged("stale", 0, 0), status="skip"), of(judged("stale", 2, 9), status="fail"), ["new violation"]),
    ],
)
def test_kinds(before, after, kinds):
    assert kinds_of(before, after) == kinds
    assert bool(between(before, after).regressions) == bool(set(kinds) & {"new violation", "broken"})


def test_rates_need_runs():
    def runs(*rates):
        return Run("m", "x86_64", {}, {"t": Result("pass", "", Parts("S", "imm", "same"), (), rates, ())})

    assert kinds_of(runs(1e6), runs(1e3)) == []
    assert between(runs(1e6), runs(1e3)).rates == {"m": (0.001, 1)}
    assert kinds_of(runs(1e6, 1.1e6, 1.2e6), runs(1e3, 1.1e3, 1.2e3)) == ["rate changed"]
    assert kinds_of(runs(1e6, 1.1e6, 9e6), runs(0.9e6, 0.95e6, 0.99e6)) == []


# --- as a person calls it -----------------------------------------------------------------------------------------


def ci(name, *arguments, cwd=tree.root):
    argv = [str(tree.root / "ci" / name), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)


def put(path, tests, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(tests, **more)))
    return path


@pytest.fixture
def two(tmp_path):
    passing, failing = judged("stale", 0, 10**6), judged("stale", 12, 10**6)
    hostile = "SM+`|<b>\u202e\x1b[31m|`+same"
    one = put(tmp_path / "a.json", [record("SM+imm+same+po", "pass", [passing]), record(hostile, "pass", [passing])])
    other = put(
        tmp_path / "b.json",
        [record("SM+imm+same+po", "fail", [failing]), record(hostile, "fail", [failing]), record("SM+new+same")],
        facts={"vendor": "fake", "kernel": "6.13"},
    )
    return one, other


def test_regression_is_1_and_the_environment_is_first(two):
    done = ci("diff", *two)
    assert done.returncode == 1, done.stderr
    assert done.stdout.index("fact.kernel: 6.12 → 6.13") < done.stdout.index("SM+imm+same+po: stale: 0 of")
    assert "2 new violation" in done.stdout and "2 regressions" in done.stdout
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout
    assert ci("diff", two[1], two[0]).returncode == 0
    assert ci("diff", two[0], two[0]).stdout.endswith("no change; no regression\n")


def test_formats(two, tmp_path):
    made = json.loads(ci("diff", *two, "--format", "json").stdout)
    assert made["regressions"] == 2 and made["environment"][0]["key"] == "fact.kernel"
    text = ci("diff", *two, "--format", "markdown").stdout
    assert "#### new violation" in text and "<b>" not in text.replace("`` ", "").split("`")[0]
    for line in text.splitlines():
        assert not line.startswith("|") or line.replace("\\|", "").count("|") in (3, 4)
    page = tmp_path / "d.html"
    assert ci("diff", *two, "-o", page).returncode == 1
    assert "<b>" not in page.read_text() and "&lt;b&gt;" in page.read_text()


def test_by_shape(two):
    done = ci("diff", "--by", "shape", *two)
    assert done.returncode == 0 and "SM" in done.stdout and "≠" in done.stdout
    assert json.loads(ci("diff", "--by", "shape", *two, "--format", "json").stdout)["rows"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no-such", "no-such"], "no-such: no such file or folder, and no machine with a baseline"),
        (["-", "/dev/null"], "no machine with a baseline"),
        (["/dev/null", "/dev/null"], "/dev/null: empty"),
        (["--output=x:", "--format=x"], "invalid choice"),
        (["no-such-revision:", "HEAD:"], "git rev-parse"),
        (["--", "--upload-pack=x:", "HEAD:"], "git rev-parse"),
        (["results/schema.json", "."], "no document of cmodx"),
        (["cases", "cases"], "no document in this folder"),
    ],
)
def test_usage(arguments, says):
    done = ci("diff", *arguments)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_nothing_is_written_half(two, tmp_path):
    done = ci("diff", *two, "-o", tmp_path / "no" / "d.md")
    assert done.returncode == 2 and "cannot write" in done.stderr
    (two[1]).write_text(two[1].read_text()[:-5])
    done = ci("diff", *two, "-o", tmp_path / "d.md")
    assert done.returncode == 2 and "b.json:1:" in done.stderr and "cut short" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_folders_and_runs_of_one_machine_are_merged(tmp_path):
    for number in range(3):
        put(tmp_path / "a" / f"{number}.json", [record("SM+imm+same+po", rate_hz=1e6 + number)])
        put(tmp_path / "b" / f"{number}.json", [record("SM+imm+same+po", rate_hz=1e3 + number)])
    done = ci("diff", tmp_path / "a", tmp_path / "b")
    assert done.returncode == 0 and "factor 0.001" in done.stdout


def test_markdown_is_cut(two):
    many = Run("m", "x86_64", {}, {f"t{i}": Result("pass", "", Parts("S", "imm", "same"), (), (), ()) for i in range(100)})
    none = Run("m", "x86_64", {}, {})
    assert "100 tests: t0, t1, t2, …" in diff_text.markdown(between(none, many))
    few = Run("m", "x86_64", {}, {f"t{i}": Result("pass", str(i), Parts("S", "imm", "same"), (), (), ()) for i in range(100)})
    assert "50 more" in diff_text.markdown(between(none, few))


def test_by_shape_as_a_page(two, tmp_path):
    one, other = two
    assert ci("diff", "--by", "shape", one, other, "-o", tmp_path / "d.html").returncode == 0
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    rows = json.loads(ci("diff", "--by", "shape", one, other, "--format", "json").stdout)["rows"]
    assert rows and page.count("<tr><th scope=\"row\">") == len(rows)
    assert ("<h2 style=\"display:inline\">differ</h2>" in page) == any(row["differs"] for row in rows)
