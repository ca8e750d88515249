# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind: one line that names file and place, exit code 2, nothing written."""

import copy
import json
import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmodx_ci import digest, reader, results, tree
from cmodx_ci.fault import UsageFault

from synthetic import document, judged, record

good = document([record("SM+imm+same+po"), record("MP.RF+imm+same+po+ctrl", "fail", [judged("stale", 3, 1000)])])
text = json.dumps(good, indent=1)


def refused(raw):
    with pytest.raises(UsageFault) as caught:
        reader.parse(raw if isinstance(raw, bytes) else raw.encode(), "f.json")
    said = str(caught.value)
    assert said.startswith("f.json:") and "\n" not in said and said.isprintable() and len(said) < 400
    return said


def changed(change):
    made = copy.deepcopy(good)
    change(made)
    return json.dumps(made)


def test_good():
    assert reader.parse(text.encode(), "f") == ("result", good)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("", "empty"),
        ("hello", "f.json:1:1: not JSON"),
        ('{"schema": "cmodx-result/1",\n "a": }', "f.json:2:7: not JSON"),
        ("[1]", "no 'schema'"),
        ('{"schema": 3}', "'schema' is 3"),
        ('{"schema": "other/1"}', "accepted: cmodx-result/1"),
        ('{"schema": "cmodx-result/2"}', "newer"),
        ('{"schema": "cmodx-result/0"}', "no longer read"),
        ('{"schema": "cmodx-result/1"}', "'tool' is a required property"),
        (b"\xff\xfe{}", "byte 0: not UTF-8"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
        ('{"a": 1, "a": 2}', "key 'a' twice"),
        (text.replace("0.06", "NaN"), "NaN is no number"),
        (text.replace("0.06", "1e999"), "1e999 is too large"),
        (text.replace("0.06", "-Infinity"), "-Infinity is no number"),
        (text.replace("fake", "\\ud800"), "surrogate"),
        (changed(lambda d: d["tests"].append(d["tests"][0])), "tests/2: SM+imm+same+po is there twice, first as tests/0"),
        (changed(lambda d: d["tests"][1].update(status="flake")), "tests/1/status: 'flake' is not one of"),
        (changed(lambda d: d["tests"][1].update(later=1)), "written by a newer one?"),
        (changed(lambda d: d["tests"][0].update({"\x1b[2J\n": 1})), "\\x1b"),
    ],
)
def test_refused(raw, says):
    assert says in refused(raw)


def test_nan_has_a_line():
    assert "f.json:" + str(text[: text.index("0.06")].count("\n") + 1) in refused(text.replace("0.06", "NaN"))


@given(st.integers(0, len(text) - 2))
def test_cut_short_anywhere(cut):
    said = refused(text[:cut])
    assert "cut short" in said or "empty" in said or "not JSON" in said


@given(st.binary(max_size=200))
def test_any_bytes(raw):
    refused(raw)


mutations = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}))


@given(st.data())
def test_both_validators_agree(data):
    """The compiled one only ever answers first."""
    made = copy.deepcopy(good)
    node = made
    while isinstance(node, (dict, list)) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.booleans()):
            node[key] = data.draw(mutations)
            break
        node = node[key]
    slow = not results.schema_faults(made)
    try:
        reader.validate(made, "result", "f")
        fast = True
    except UsageFault:
        fast = False
    assert fast == slow


def test_a_line_of_a_gigabyte(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.write(b'{"schema": "')
        os.truncate(file.fileno(), 1 << 30)  # sparse
    argv = [str(tree.root / "ci" / "diff"), str(path), str(path)]
    # The limit of memory would be met long before a gigabyte's text.
    done = subprocess.run(["bash", "-c", 'ulimit -v 1500000; exec "$@"', "-", *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "larger than 64 MiB" in done.stderr and done.stderr.count("\n") == 1


def test_an_old_document_stays_valid():
    """The promise in the schema: this one was written by the first release of the format."""
    kind, made = reader.read(tree.root / "ci" / "tests" / "data" / "result-1.json")
    assert kind == "result" and made["tests"]


def test_baseline_and_back():
    run = digest.of_document(good)
    made = digest.to_baseline(run)
    reader.validate(made, "baseline", "f")
    again = digest.of_baseline(json.loads(json.dumps(made)))
    assert digest.to_baseline(again) == made
    assert again.tests["MP.RF+imm+same+po+ctrl"].seen("stale").k == 3
