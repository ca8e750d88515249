# SPDX-License-Identifier: Apache-2.0
"""Shards of a machine's run: every test is in one of them, and their documents are one again."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmodx_ci import results
from cmodx_ci.fault import HarnessFault
from cmodx_ci.shards import Shard, dealt_back, merged, shards

seconds = st.floats(min_value=0, max_value=1e6, allow_nan=False)


def document(names, start="2026-11-22T12:00:00Z", command=("c",), duration_s=1.0, complete=True, **more):
    return {
        "schema": "cmodx-result/1",
        "tool": {"name": "cmodx", "version": "1", "commit": "c"},
        "machine": {"architecture": "arm32", "name": "m"},
        "facts": {"idc": "0", "dic": "0"},
        "seed": 1,
        "budget": {"name": "quick", "seconds_per_test": 0.06, "time_scale": 1},
        "command": list(command),
        "start": start,
        "duration_s": duration_s,
        "complete": complete,
        "tests": [{"name": name, "status": "pass"} for name in names],
    } | more


@st.composite
def parts(draw):
    """Documents of one run, no test in two of them."""
    names = draw(st.lists(st.text("abc+*", min_size=1, max_size=4), unique=True, max_size=12))
    count = draw(st.integers(1, 5))
    starts = st.sampled_from(["2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z"])
    commands = st.lists(st.sampled_from(["a", "b"]), max_size=2)
    return [
        document(s.of(names), draw(starts), draw(commands), draw(seconds), draw(st.booleans())) for s in shards(count)
    ]


@given(st.lists(st.integers(), unique=True), st.integers(1, 9))
def test_every_test_is_in_one_shard(tests, count):
    dealt = [s.of(tests) for s in shards(count)]
    assert sorted(sum(dealt, [])) == sorted(tests)
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


@given(parts(), st.data())
def test_merging_is_associative_and_whatever_the_order(documents, data):
    whole = merged(documents)
    assert merged(data.draw(st.permutations(documents))) == whole
    cut = data.draw(st.integers(0, len(documents)))
    groups = [merged(group) for group in (documents[:cut], documents[cut:]) if group]
    assert merged(groups) == whole
    assert merged([whole]) == whole and merged([whole, whole]) | {"duration_s": 0} == whole | {"duration_s": 0}


@given(parts())
def test_nothing_is_lost(documents):
    whole = merged(documents)
    assert len(whole["tests"]) == sum(len(d["tests"]) for d in documents)
    assert whole["complete"] == all(d["complete"] for d in documents)
    assert whole["start"] == min(d["start"] for d in documents)


@given(st.lists(st.text("abc", min_size=1, max_size=3), unique=True), st.integers(1, 5))
def test_the_order_of_the_list_comes_back(names, count):
    documents = [document(s.of(names)) for s in shards(count)]
    assert [record["name"] for record in dealt_back(merged(documents), documents)["tests"]] == names


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("seed", 2, "different runs: seed is 1 and 2"),
        ("tool", {"name": "cmodx", "version": "1", "commit": "d"}, "tool.commit is 'c' and 'd'"),
        ("facts", {"idc": "1", "dic": "0"}, "facts.idc is '0' and '1'"),
        ("facts", {"idc": "0"}, "facts.dic is '0' and None"),
        ("machine", {"architecture": "arm32", "name": "n"}, "machine.name is 'm' and 'n'"),
        ("budget", {"name": "quick", "seconds_per_test": 0.06, "time_scale": 2}, "budget.time_scale is 1 and 2"),
        ("schema", "cmodx-result/2", "schema is 'cmodx-result/1' and 'cmodx-result/2'"),
    ],
)
def test_documents_of_different_runs_are_refused(key, value, says):
    with pytest.raises(HarnessFault) as caught:
        merged([document(["a"]), document(["b"], **{key: value})])
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_two_results_of_one_test_are_refused():
    other = copy.deepcopy(document(["a"]))
    other["tests"][0]["status"] = "seen"
    with pytest.raises(HarnessFault, match="two results of a"):
        merged([document(["a"]), other])


def test_names():
    assert Shard().item("m") == "m" and Shard(2, 3).item("m") == "m[2of3]"


def test_a_matrix_in_shards_is_the_matrix(checkout):
    checkout.machine("m")
    assert checkout.matrix().returncode == 0
    plain = checkout.document("m")
    for count in ("3", "9"):  # more shards than tests, too
        done = checkout.matrix("--shards", count, "-n", "2")
        assert done.returncode == 0, done.stdout + done.stderr
        document = checkout.document("m")
        assert document["tests"] == plain["tests"] and document["complete"] and not results.schema_faults(document)
        assert ("nothing to run here" in done.stdout) == (count == "9")


def test_known_failures_in_shards(checkout):
    checkout.machine("bad", how="fails")
    checkout.expect("bad", '[[known]]\ntest = "MP.RF+imm+alias+*"\nwitness = "stale"\nreason = "a fake"\n')
    assert checkout.matrix("--shards", "3").returncode == 0
    checkout.expect("bad", '[[known]]\ntest = "Chain*"\nwitness = "stale"\nreason = "a fake"\n')
    done = checkout.matrix("--shards", "3")
    assert done.returncode == 1 and "remove or correct this line" in done.stdout


def test_some_shards_are_no_machine(checkout):
    checkout.machine("bad", how="fails")
    checkout.expect("bad", '[[known]]\ntest = "MP.RF+imm+alias+*"\nwitness = "stale"\nreason = "a fake"\n')
    for shard in ("1of4", "2of4"):  # the line speaks of a test of one of them
        done = checkout.matrix("--shards", "4", "-k", shard)
        assert done.returncode == 0, done.stdout + done.stderr
        document = checkout.document("bad")
        assert len(document["tests"]) == 1 and not document["complete"]


def test_a_lost_shard_is_said(checkout):
    checkout.machine("bad")
    assert checkout.matrix("--shards", "2").returncode == 0
    latest = checkout.root / "build/results/latest"
    document = json.loads((latest / "shards/bad.1of2.json").read_text())
    (latest / "shards/bad.1of2.json").write_text(json.dumps(document | {"seed": 8}))
    done = checkout.resume("latest")
    assert done.returncode == 3
    assert "bad: bad: documents of different runs: seed is 8 and 7" in done.stdout


@pytest.mark.parametrize("count", ["0", "-1", "x"])
def test_usage(checkout, count):
    checkout.machine("m")
    done = checkout.matrix("--shards", count)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--shards" in done.stderr
