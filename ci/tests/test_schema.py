# SPDX-License-Identifier: Apache-2.0
"""results/schema.json: itself, what it refuses, its agreement with arch/arch.hpp, and real output of the suite."""

import copy
import functools
import json
import re
import subprocess
import sys

import jsonschema
import pytest

from cmodx_ci import expected, results, tree

from conftest import fake

schema = results.schema()
definitions = schema["$defs"]


def walk(node, path=()):
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from walk(child, (*path, key))


def fields():
    """Every schema of a field: the values of `properties`, with references followed once."""
    for path, node in walk(schema):
        if len(path) > 1 and path[-2] == "properties" and not {"if", "then", "allOf"} & set(path):
            yield path, functools.reduce(lambda at, key: at[key], node["$ref"].split("/")[1:], schema) if "$ref" in node else node


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema)


def test_every_field_has_a_description_and_every_number_a_unit():
    seen = 0
    for path, node in fields():
        seen += 1
        assert node.get("description"), path
        if {"number", "integer"} & set(node.get("type", []) if isinstance(node.get("type"), list) else [node.get("type")]):
            assert node.get("unit"), path
    assert seen > 40


def test_every_object_is_closed():
    for path, node in walk(schema):
        if isinstance(node, dict) and node.get("type") == "object":
            assert "additionalProperties" in node, path


def array_of(file, name):
    """The texts of a C++ array: the words as results spell them."""
    source = (tree.root / file).read_text(encoding="utf-8")
    return re.findall(r'"([^"]*)"', re.search(rf"\b{name}\b[^=;]*= \{{(.*?)\}};", source, re.DOTALL)[1])


# Of tests of subjects.
own_mapping = re.search(r'own_mapping = "(\w+)"', (tree.root / "runner/subject.hpp").read_text(encoding="utf-8"))[1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("witness_name", array_of("runner/engine/outcome.hpp", "outcome_names")[3:]),
        ("verdict", array_of("runner/judge.hpp", "verdict_names")),
        ("basis", array_of("runner/judge.hpp", "basis_names")),
        ("mapping", [*array_of("runner/catalogue.hpp", "mapping_names"), own_mapping]),
    ],
)
def test_words_agree_with_the_runner(name, words):
    assert definitions[name]["enum"] == words


def test_gating_bases_agree_with_the_contract():
    source = (tree.root / "arch" / "arch.hpp").read_text(encoding="utf-8")
    gates = re.search(r"gates\(basis b\) \{ return b <= basis::(\w+) \|\| b == basis::(\w+); \}", source)
    last, also = (word.replace("_", "-") for word in gates.groups())
    every = definitions["basis"]["enum"]
    assert expected.gating == (*every[: every.index(last) + 1], also)


@pytest.fixture
def document(tmp_path):
    output = tmp_path / "r.json"
    argv = [str(fake), "run", "--budget", "quick", "--seed", "1", "--machine", "m", "--output", str(output)]
    subprocess.run(argv, check=True)
    return json.loads(output.read_text())


def test_good_document(document):
    assert results.schema_faults(document) == []


def remove(key):
    return lambda d: d.pop(key)


def put(*path_and_value):
    *path, key, value = path_and_value

    def change(document):
        node = document
        for step in path:
            node = node[step]
        node[key] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        remove("seed"),
        remove("facts"),
        put("schema", "cmodx-result/2"),
        put("extra", 1),
        put("facts", "idc", 1),
        put("seed", -1),
        put("start", "yesterday"),
        put("tests", 0, "extra", 1),
        put("tests", 0, "status", "flake"),
        put("tests", 0, "status", "skip"),
        put("tests", 0, "mapping", "other"),
        put("tests", 0, "code_hash", "xyz"),
        put("tests", 0, "outcomes", "stale", -1),
        put("tests", 0, "witnesses", 0, "verdict", "maybe"),
        put("tests", 0, "witnesses", 0, "k", 1.5),
        put("tests", 0, "origin", "twin"),
        put("tests", 0, "evidence", "batches", True),
        lambda d: d["tests"][0].pop("trials"),
        lambda d: d["tests"][1]["omits"].pop("step"),
    ],
)
def test_a_fault_in_a_document_is_found(document, change):
    broken = copy.deepcopy(document)
    change(broken)
    assert results.schema_faults(broken)


def test_salvage_of_a_cut_line(tmp_path, document):
    lines = tmp_path / "r.json.jsonl"
    text = lines.read_text()
    for cut in range(0, len(text), 97):
        lines.write_text(text[:cut])
        salvaged = results.salvage(lines)
        if salvaged is None:
            assert text[:cut].count("\n") == 0
        else:
            assert results.schema_faults(salvaged) == []
            assert len(salvaged["tests"]) >= text[:cut].count("\n") - 1 and salvaged["complete"] is False


def test_a_line_ends_with_a_newline_and_with_nothing_else(tmp_path):
    """A string of JSON may hold what Unicode calls the end of a line."""
    lines = tmp_path / "r.json.jsonl"
    stderr = "one\x85two\u2028three\u2029four"
    records = [{"header": {}}, {"name": "a", "status": "pass", "stderr": stderr}, {"name": "b", "status": "pass"}]
    lines.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    assert results.salvage(lines)["tests"] == records[1:]


real = tree.binary("native")


def listed():
    return json.loads(subprocess.run([real, "list", "--json"], capture_output=True, check=True, timeout=60).stdout)


@pytest.mark.skipif(not real.exists(), reason="not set up: build/native/cmodx")
class TestRealOutput:
    def test_document_and_lines(self, tmp_path):
        output = tmp_path / "r.json"
        argv = [real, "run", "MP.RF*", "--budget", "quick", "--seed", "3", "--machine", "native", "--output", output]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode in (0, 1), done.stderr
        made = results.read(output)
        names = [test["name"] for test in listed() if test["shape"] == "MP.RF"]
        assert [record["name"] for record in made["tests"]] == names
        assert made["complete"] and made["seed"] == 3 and made["machine"]["name"] == "native"
        assert made["machine"]["architecture"] == tree.host_architecture()
        assert [path.name for path in tmp_path.iterdir()] == ["r.json"]

    def test_killed_run_leaves_its_lines(self, tmp_path):
        output = tmp_path / "r.json"
        script = "import os,signal,subprocess,sys,time\n" \
            "p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n" \
            "time.sleep(2); p.send_signal(signal.SIGKILL); p.wait()\n"
        argv = [sys.executable, "-c", script, real, "run", "--budget", "500ms", "--seed", "3", "--output", output]
        subprocess.run(argv, check=True, timeout=60)
        assert not output.exists()
        salvaged = results.salvage(tmp_path / "r.json.jsonl")
        assert results.schema_faults(salvaged) == [] and 0 < len(salvaged["tests"]) < len(listed())

    def test_list_is_what_the_tools_expect(self):
        tests = listed()
        assert len({test["name"] for test in tests}) == len(tests)
        for test in tests:
            assert test["architecture"] == tree.host_architecture()
            assert test["name"].partition("+")[0] == test["shape"]
