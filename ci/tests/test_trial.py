# SPDX-License-Identifier: Apache-2.0
"""The commands that put the suite on trial say what they found: ci/fuzz, ci/selftests, ci/lint. What they find is found
on demand."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmodx_ci import fault, fuzz, lint, machines, selftests, tree


@given(st.binary(max_size=64))
def test_a_line_of_a_corpus_is_any_bytes(data):
    line = fuzz.escaped(data)
    assert fuzz.unescaped(line) == data and line.isascii() and "\n" not in line


@pytest.mark.parametrize("path", sorted((tree.root / "tests" / "corpus").iterdir()), ids=lambda path: path.name)
def test_a_corpus_is_small_and_says_nothing_twice(path):
    entries = fuzz.corpus(path.name)
    assert entries and len(set(entries)) == len(entries) and path.stat().st_size < 100_000


stand_in = """#!/bin/sh
for word; do case $word in -artifact_prefix=*) prefix=${{word#*=}};; esac; done
{}
echo '#5 cov: 17 ft: 20' >&2
echo 'stat::number_of_executed_units: 5' >&2
"""


@pytest.mark.parametrize(
    ("does", "held", "says"),
    [
        ("", True, "5 inputs, 17 places"),
        ("printf 'a\\001' >${prefix}crash-1; exit 77", False, "input: a\\x01"),
        ("echo out of memory >&2; exit 71", False, "out of memory"),
    ],
)
def test_what_breaks_a_parser_is_told(tmp_path, monkeypatch, does, held, says):
    program = tmp_path / "fuzzer"
    program.write_text(stand_in.format(does))
    program.chmod(0o755)
    monkeypatch.setattr(fuzz, "_program", program)
    ended, line = fuzz.fuzz("names", 1, False)
    assert ended == held and says in line


def test_a_fuzzer_that_runs_nothing_is_a_fault(tmp_path, monkeypatch):
    program = tmp_path / "fuzzer"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(fuzz, "_program", program)
    with pytest.raises(fault.HarnessFault, match="nothing was executed"):
        fuzz.fuzz("names", 1, False)


native = machines.read_machine(tree.machines / "native.toml")


@pytest.mark.parametrize(("code", "statuses", "good"), [(0, ["pass", "crash"], True), (1, ["pass"], False), (0, [], False)])
def test_self_tests_are_right_or_wrong(monkeypatch, capsys, code, statuses, good):
    def ended(argv):
        output = argv[argv.index("--output") + 1]
        with open(output, "w", encoding="utf-8") as file:
            json.dump({"tests": [{"status": status} for status in statuses]}, file)
        return subprocess.CompletedProcess(argv, code, "", "cmodx: x: has to come out pass (), came out fail ()")

    monkeypatch.setattr(selftests, "_ended", ended)
    monkeypatch.setattr(selftests.results, "read", lambda path: json.loads(path.read_text()))
    assert selftests.selftests(native) == good
    assert ("right" if good else "WRONG") in capsys.readouterr().out


def test_trouble_is_made_for_machines_that_there_are():
    known = {machine.name: machine for machine in machines.select(["*"])}
    for name in selftests.troubles:
        assert known[name].guest and not known[name].bare


def test_what_is_linted_is_part_of_the_build(monkeypatch):
    monkeypatch.setattr(lint, "commands", lambda: {tree.root / "runner" / "main.cpp": {}})
    assert lint.chosen([]) == [tree.root / "runner" / "main.cpp"]
    with pytest.raises(fault.UsageFault, match="not part of the native build"):
        lint.chosen(["none.cpp"])
