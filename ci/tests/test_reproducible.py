# SPDX-License-Identifier: Apache-2.0
"""What makes two builds differ, and two runs of one seed, is not there. ci/reproducible builds twice, on demand."""

import json
import re
import subprocess

import pytest

from cmodx_ci import machines, reproducible, tree


@pytest.mark.parametrize("preset", ["native", *tree.architectures])
def test_no_binary_knows_where_it_was_built(preset):
    binary = tree.binary(preset)
    if not binary.exists():
        pytest.skip(f"build/{preset}/cmodx is not built")
    assert str(tree.root).encode() not in binary.read_bytes()


def test_no_source_asks_for_the_time_of_its_build():
    for folder in ("arch", "cases", "runner"):
        for source in (tree.root / folder).rglob("*.[chS]*"):
            assert not re.search(r"__(DATE|TIME|TIMESTAMP)__", source.read_text(encoding="utf-8")), source


def test_a_difference_is_told():
    assert reproducible.difference(b"abc", b"abc") == ""
    assert reproducible.difference(b"abc", b"ab") == "3 and 2 bytes"
    assert reproducible.difference(b"abcd", b"aXcd") == "1 of 4 bytes differ, first at 0x1: b'bcd'"


def hashes(machine, *more):
    """By test, of what a seed has drawn."""
    names = ["SM+imm+same+*", "MP.RF+imm+same+po+*", "Patch+imm@*", "Chain+*", "Discard+*"]
    argv = [*machine.command(tree.binary(machine.preset)), "run", *names, "--budget", "10ms", "--format", "jsonl", *more]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    records = [json.loads(line) for line in done.stdout.splitlines()[1:]]
    return {record["name"]: record["sequence_hash"] for record in records if record["status"] not in ("skip", "error")}


@pytest.mark.parametrize(("one", "other"), [("native", "qemu-user-10-x86_64"), ("qemu-user-7.2-riscv64", "qemu-user-10-riscv64")])
def test_a_seed_draws_the_same_everywhere(one, other):
    pair = [machines.read_machine(tree.machines / f"{name}.toml") for name in (one, other)]
    if any(machine.absent() or not tree.binary(machine.preset).exists() for machine in pair):
        pytest.skip("a machine or a binary is not here")
    first, second = (hashes(machine, "--seed", "7") for machine in pair)
    both = first.keys() & second.keys()
    assert len(both) > 20
    assert {name: first[name] for name in both} == {name: second[name] for name in both}
    assert len({first[name] for name in both}) > len(both) // 2
    third = hashes(pair[0], "--seed", "8")
    assert sum(third.get(name) == first[name] for name in both) < len(both) // 4
