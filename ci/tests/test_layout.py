# SPDX-License-Identifier: Apache-2.0
"""The quick way of reading a document comes to what the slow one comes to, or steps aside."""

import copy
import json
import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cmodx_ci import digest, layout, packed, reader, tree
from cmodx_ci.fault import UsageFault

from synthetic import document, in_order, judged, made_up, record

_first = {"witness": "fault", "flag": 3, "observed": [1, 0], "bytes": "d20c", "signal": "SIGILL", "pc_offset": -4}
_twin = {"origin": "twin", "twin_of": "SM+imm+same+isb", "omits": {"thread": "writer", "step": "isb"}}
records = [
    record("SM+imm+same+po"),
    record("SM+imm+same+mfence", arrangement_hash="0123456789abcdef"),
    record("SM+imm@64-2+same+po", "fail", [judged("fault", 3, 1000), judged("torn", 0, 0)], at="64-2", first=_first),
    record("SM+imm+same+isb", "crash", reason="a \"reason\" \\ with é, \u0007 and\ttab", stderr="a line\nand another"),
    record("MP.RF+imm+alias+po", "not-seen", [judged("stale", 0, 10**7, "unspecified")], mapping="alias", **_twin),
    record("Exec+body+file+po", "error", writer=["a.b", "c_d"], executor=[], outcomes={}, rate_hz=0, seed=2**64 - 1),
]


def laid_out(made):
    return json.dumps(made | {"tests": list(map(in_order, made["tests"]))}, ensure_ascii=False, indent=1) + "\n"


good = laid_out(document(records))


def slow(text):
    """None if it is refused."""
    try:
        kind, made = reader.parse(text.encode("utf-8", "surrogatepass"), "f")
    except UsageFault:
        return None
    return digest.of_document(made) if kind == "result" else None


def same(text):
    """Whether the quick way reads it; what it reads is what the other one does."""
    quick, whole = layout.packed(text.encode("utf-8", "surrogatepass")), slow(text)
    if quick is None:
        return False
    assert whole is not None
    found, there = packed.unpack(quick), packed.unpack(packed.pack(whole))
    assert found.tests.unpacked() == whole.tests and list(found.tests) == list(whole.tests)
    assert (found.key, found.environment, found.details) == (whole.key, whole.environment, whole.details)
    assert (found.tests.glances, found.tests.codes, found.tests.rates, found.tests.lone) == (
        there.tests.glances, there.tests.codes, there.tests.rates, there.tests.lone)
    return True


def test_reads_what_the_runner_writes():
    """ci/tests/data/result-1.json was written by cmodx itself."""
    assert same((tree.root / "ci" / "tests" / "data" / "result-1.json").read_text(encoding="utf-8"))
    assert same(good)


@given(st.randoms(use_true_random=False), st.integers(1, 60))
@settings(max_examples=20)
def test_reads_what_is_made_up(draw, tests):
    assert same(laid_out(document([made_up(draw, number, 200) for number in range(tests)])))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: json.dumps(json.loads(t)),
        lambda t: t.replace(' "tests"', '  "tests"'),
        lambda t: t.replace('"current": 1000', '"current": 1000,\n    "current": 1000', 1),
        lambda t: t.replace('"SM+imm+same+isb",\n   "shape"', '"SM+imm+same+po",\n   "shape"'),
        lambda t: t.replace('   "twin_of": "SM+imm+same+isb",\n', ""),
        lambda t: t.replace('"status": "pass"', '"status": "skip"'),
        lambda t: t.replace('"trials": 1000,\n', '"trials": 1e999,\n', 1),
        lambda t: t.replace('"trials": 1000,\n', '"trials": 01000,\n', 1),
        lambda t: t.replace('"trials": 1000,\n', '"trials": 1000\n', 1),
        lambda t: t.replace("made up", "made\x01up").replace("a line", "a\nline"),
        lambda t: t.replace("a line", "\\ud800"),
        lambda t: t.replace('"d20c"', '"d20"'),
        lambda t: t.replace('"64-2",\n   "mapping"', '"",\n   "mapping"'),
        lambda t: t.replace('"SIGILL"', '""'),
        lambda t: t.replace("cmodx-result/1", "cmodx-result/2"),
        lambda t: t.replace('"seed": 7', '"seed": -7'),
        lambda t: t + t,
        lambda t: t[:-3],
        lambda t: t.replace("\n  },\n  {", "\n  },\n\n  {", 1),
    ],
)
def test_steps_aside(change):
    made = change(good)
    assert made != good and not same(made)


_lines = good.split("\n")
_words = ["", "0", "-1", "1.5", "null", "true", '"', "\\", ",", "{", "}", "[]", "\n", " ", "é", "\u2028", "1e5", '"a"']


@given(st.integers(0, len(good)), st.integers(0, 12), st.sampled_from(_words))
@settings(max_examples=150)
@example(0, 0, "")
def test_a_changed_text(at, length, word):
    same(good[:at] + word + good[at + length :])


@given(st.integers(0, len(_lines) - 1), st.integers(0, len(_lines) - 1), st.sampled_from(["gone", "twice", "swapped"]))
@settings(max_examples=150)
def test_changed_lines(one, other, how):
    made = list(_lines)
    if how == "gone":
        del made[min(one, other) : min(one, other) + 1 + abs(one - other) % 4]
    elif how == "twice":
        made.insert(one, made[one])
    else:
        made[one], made[other] = made[other], made[one]
    same("\n".join(made))


@given(st.data())
@settings(max_examples=150)
def test_a_changed_value(data):
    made = copy.deepcopy(document(records))
    node = made["tests"]
    while isinstance(node, (dict, list)) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.booleans()):
            if isinstance(node, dict) and data.draw(st.booleans()):
                del node[key]
            else:
                words = st.sampled_from(["pass", "fail", "error", "twin", "stale", "a b", "ä", "1-2", "\x1f", "isb"])
                node[key] = data.draw(st.one_of(words, st.none(), st.integers(), st.floats(0, 1e9), st.text(max_size=5)))
            break
        node = node[key]
    if all(isinstance(r, dict) for r in made["tests"]):
        same(laid_out(made))


def test_is_quick():
    """Ten times as fast as the other way on a quiet host; of two that are measured in turns, the quicker by far."""
    raw = laid_out(document([made_up(random.Random(1), n, 5) for n in range(500)])).encode()
    times = {"quick": [], "slow": []}
    for _ in range(4):
        for how, read in (("quick", layout.packed), ("slow", lambda raw: packed.pack(slow(raw.decode())))):
            begin = time.process_time()
            assert read(raw) is not None
            times[how].append(time.process_time() - begin)
    assert min(times["quick"]) * 2 < min(times["slow"])
