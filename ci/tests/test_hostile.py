# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a file, its reader ends with what the file says, or with one line that names the file."""

import importlib.util
import io
import json
import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cmodx_ci import errata, expected, guest, labgrid_source, process, results, resume, tree
from cmodx_ci.fault import UsageFault

needs_labgrid = pytest.mark.skipif(
    importlib.util.find_spec("labgrid") is None, reason="not set up: ci/setup labgrid"
)

texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def written_toml(value):
    """A value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(written_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written_toml(k)} = {written_toml(v)}" for k, v in value.items()) + "}"
    return repr(value)


def mostly(good, keys):
    """A table that begins as a good one, with some of its values put in place of another's, or anything, or gone."""
    some = st.sampled_from(list(good.values())) | values
    return st.tuples(
        st.dictionaries(st.sampled_from(keys) | texts, some, max_size=2), st.sets(st.sampled_from(keys), max_size=1)
    ).map(lambda change: {k: v for k, v in (good | change[0]).items() if k not in change[1]})


def tables(good, keys):
    return st.lists(mostly(good, keys) | values, max_size=3)


def files(name, good, keys):
    """TOML with a list of such tables, or what is none."""
    listed = tables(good, keys).map(lambda made: f"{name} = {written_toml(made)}\n".encode())
    torn = st.tuples(listed, st.integers(0, 200), st.binary(max_size=3)).map(
        lambda t: t[0][: t[1]] + t[2] + t[0][t[1] + len(t[2]) :]
    )
    deep = st.integers(1, 3000).map(lambda n: f"{name} = {'[' * n}".encode())
    long = st.integers(1, 6000).map(lambda n: f"{name} = {'9' * n}".encode())
    return listed | torn | deep | long | values.map(lambda v: f"{name} = {written_toml(v)}\n".encode()) | st.binary(max_size=40)


def one_line_or(read, path):
    """What was read, or None after a complaint of one line."""
    try:
        return read(path)
    except UsageFault as complaint:
        said = str(complaint)
        assert said and "\n" not in said and str(path.parent) in said, said
        return None


erratum = {
    "date": "2026-11-22",
    "test": "MP.RF+*",
    "commits": ["0123abc^", "0123abc..89abcde"],
    "what": "why",
    "architecture": "arm32",
    "fact": "bare=1",
    "seconds": 10,
}


@given(files("erratum", erratum, sorted(erratum)))
def test_any_errata(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("e") / "errata.toml"
    path.write_bytes(content)
    read = one_line_or(errata.read, path)
    if read is None:
        return
    assert len(read.list) == len(tomllib.loads(content.decode()).get("erratum", []))
    for one in read.list:
        assert one.test and one.what and one.commits and one.architecture in (None, *tree.architectures)
        assert one.seconds >= 0 and hash(one) is not None


line = {"test": "MP.RF+*", "witness": "stale", "reason": "why", "link": "https://a.b/c", "chance": True}


@given(
    files("known", line, sorted(line)),
    st.lists(st.sampled_from(["../o/expected.toml", "expected.toml", "../m/expected.toml", "none.toml", "", ".", "\n", "a\0"])
             | texts, max_size=2),
)  # fmt: skip
def test_any_known_failures(tmp_path_factory, content, include):
    folder = tmp_path_factory.mktemp("k")
    for name in "mo":
        (folder / name).mkdir()
    (folder / "o" / "expected.toml").write_text('[[known]]\ntest = "o*"\nwitness = "torn"\nreason = "why"\n')
    path = folder / "m" / "expected.toml"
    path.write_bytes((f"include = {written_toml(include)}\n".encode() if include else b"") + content)
    try:
        lines = expected.lines_of("m", folder)
    except UsageFault as complaint:
        assert str(complaint) and "\n" not in str(complaint)
        return
    known = (*expected.witness_names(), *expected.ended)
    assert all(one.test and one.reason and one.witness in known and isinstance(one.chance, bool) for one in lines)
    assert len(set(lines)) == len(lines)


good_header = {"schema": "cmodx-result/1", "machine": {"name": "m"}, "budget": {"seconds_per_test": 1}, "seed": 7, "tests": 3}
good_record = {"name": "SM+imm+same+po", "status": "pass", "duration_s": 0.5}
things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def line_of(good):
    """A line of JSON, or nearly."""
    some = st.dictionaries(st.sampled_from(sorted(good)) | texts, things, max_size=2)
    one = some.map(lambda change: json.dumps(good | change)) | things.map(json.dumps)
    return (one | one.map(lambda text: text[:9]) | st.just("[" * 2000) | st.just("9" * 5000)).map(str.encode) | st.binary(max_size=20)


headers = st.dictionaries(st.sampled_from(sorted(good_header)), things, max_size=1).map(
    lambda change: json.dumps({"header": good_header | change}).encode()
)
json_lines = st.tuples(headers | line_of({"header": {}}), st.lists(line_of(good_record), max_size=4)).map(
    lambda t: b"\n".join([t[0], *t[1]]) + b"\n"
)


@given(json_lines, json_lines | line_of({**good_header, "tests": [good_record]}))
@example(b'{"header": {}}\n5\n', b"5")
@example(b'{"header": {}}\n{"name": "a"}\n', b'{"tests": [{"name": "a"}]}')
@example(b'{"header": {}}\n{"name": "a", "status": "pass", "duration_s": "x"}\n', b'{"tests": 7}')
@example(b'{"header": {}}\n' + b"[" * 2000, b"[" * 2000)
def test_any_lines_of_a_run_that_was_cut_short(tmp_path_factory, lines, document):
    """Of these, too, comes a document or none; what is no record is where it was cut."""
    work = tmp_path_factory.mktemp("r")
    (work / "results.json.jsonl").write_bytes(lines)
    (work / "results.json").write_bytes(document)
    salvaged = results.salvage(work / "results.json.jsonl")
    assert salvaged is None or not salvaged["complete"] and isinstance(salvaged["duration_s"], (int, float))
    assert salvaged is None or all(record["name"] and record["status"] for record in salvaged["tests"])
    earlier = resume.so_far(work, work / "kept.json")
    assert earlier is None or results.salvage(earlier)["tests"]


sent = line_of({"end": {"exit": 0}}) | line_of({"end": {"signal": 36}}) | headers | line_of(good_record)


@given(st.lists(sent, max_size=5), st.booleans())
@example([b'{"end": {"ex'], True)
@example([b'{"end": {"signal": 36}}'], False)
@example([b'{"header": {"budget": 7}}'], True)
def test_whatever_a_guest_sends(tmp_path_factory, lines, shared):
    """It has said how its suite ended, or it has not."""
    path = tmp_path_factory.mktemp("g") / "channel"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    channel = guest.Channel(path, io.BytesIO(), shared=shared)
    assert channel.stalled(60) is None
    ended = process.Ended(0, None)
    if channel.end is None or "signal" in channel.end:
        status, why = guest._ended_early(channel, ended, "")
        assert status == "crash" and "\n" not in why
    else:
        assert isinstance(channel.end["exit"], int)


order = {"order": {"machines": [], "budget": "quick", "seed": 7}, "binaries": {"native/cmodx": "0" * 64}}


@given(line_of(order))
@example(b'{"order": {}, "binaries": {"a\\u0000": "x"}}')
@example(b'{"order": {}, "binaries": {"\\n": false}}')
def test_any_order_of_a_run(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("o")
    (folder / ".order.json").write_bytes(content)
    try:
        assert isinstance(resume.read_order(folder), dict)
    except UsageFault as complaint:
        assert str(complaint) and "\n" not in str(complaint)


target = {"features": ["aarch64"], "resources": {}, "drivers": {"SSHDriver": {}}}


@needs_labgrid
@example(b"targets: {a: {features: [arm32], drivers: true}}")
@example(b"targets: {a: {features: [arm32], drivers: [[[]], 7]}}")
@example(b"targets: {a: {features: 7}}")
@given(
    st.dictionaries(st.sampled_from(["board", "a/b", "x y", "7"]) | texts, mostly(target, sorted(target)) | values, max_size=3)
    .map(lambda made: f"targets: {written_yaml(made)}\n".encode())
    | values.map(lambda made: written_yaml(made).encode())
    | st.binary(max_size=40)
)  # fmt: skip
def test_any_environment_of_labgrid(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("l") / "env.yaml"
    path.write_bytes(content)
    machines = one_line_or(labgrid_source.machines, path)
    for machine in machines or []:
        assert machine.architecture in tree.architectures and machine.name == f"labgrid-{machine.host}"
        assert "/" not in machine.name and "\n" not in machine.name


def written_yaml(value):
    """In YAML's flow style, which has JSON's texts; keys are marked, however long they are."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"? {written_yaml(k)} : {written_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written_yaml, value)) + "]"
    return written_toml(value)
