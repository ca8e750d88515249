# SPDX-License-Identifier: Apache-2.0
"""What makes two builds differ, and two runs of one seed, is not there. ci/reproducible builds twice, on demand."""

import itertools
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cmodx_ci import campaign, machines, reproducible, results, tree

from parts import lacking


@pytest.mark.parametrize("preset", ["native", *tree.architectures])
def test_no_binary_knows_where_it_was_built(preset):
    binary = tree.binary(preset)
    if not binary.exists():
        pytest.skip(f"not set up: build/{preset}/cmodx")
    assert str(tree.root).encode() not in binary.read_bytes()


def test_no_source_asks_for_the_time_of_its_build():
    for folder in ("arch", "cases", "runner"):
        for source in (tree.root / folder).rglob("*.[chS]*"):
            assert not re.search(r"__(DATE|TIME|TIMESTAMP)__", source.read_text(encoding="utf-8")), source


def test_all_that_is_carried_to_a_machine_is_compared():
    wanted = {path.name for machine in machines.select(["*"]) for path in [campaign.binary_of(machine)]}
    assert wanted == {name for preset in tree.architectures for name in reproducible.targets(preset)}
    assert reproducible.targets("native") == ["cmodx"]


def test_a_difference_is_told():
    assert reproducible.difference(b"abc", b"abc") == ""
    assert reproducible.difference(b"abc", b"ab") == "3 and 2 bytes"
    assert reproducible.difference(b"abcd", b"aXcd") == "1 of 4 bytes differ, first at 0x1: b'bcd'"


_here = ("native", "qemu-user-10-x86_64", "qemu-system-10-x86_64", "qemu-bare-10-x86_64", "qemu-user-7.2-aarch64",
         "qemu-user-10-aarch64", "qemu-bare-10-aarch64", "qemu-user-7.2-arm32", "qemu-user-10-arm32",
         "qemu-user-7.2-riscv64", "qemu-user-10-riscv64")  # fmt: skip
# nop_branch is aligned otherwise on x86_64; Discard and Wx are scripts.
_some = ("SM+imm+same+po", "SM+nop_branch+same+po", "MP.RF+imm+same+po+ctrl", "Patch+imm@64-*")


def drawn(machine, seed="7", budget="1ms"):
    """By test, the hashes of what a seed has drawn: in all, and of what architectures have in common."""
    more = {"bare": ("Chain+*", "Wx+*"), "system": ("Discard+imm*",)}.get(machine.kind, ("Chain+*", "Discard+imm*"))
    with tempfile.TemporaryDirectory() as folder:
        words = ["--budget", budget, "--seed", seed, "--time-scale", "1", "--output", f"{folder}/out"]
        argv = [*machine.command(campaign.binary_of(machine)), "run", *_some, *more, *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode in (0, 1), done.stderr  # some machines here have known failures
        records = results.read(Path(folder, "out"))["tests"]
    assert not [record for record in records if "as its seed says" in record.get("reason", "")]
    ran = [record for record in records if record["status"] not in ("skip", "error", "crash", "timeout")]
    return {record["name"]: (record["sequence_hash"], record["arrangement_hash"]) for record in ran}


def test_a_seed_draws_the_same_everywhere():
    every = [machines.read_machine(tree.machines / f"{name}.toml") for name in _here]
    missing = [why for why in map(lacking, every) if why]
    there = [machine for machine in every if not lacking(machine)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(drawn, there))
    for (one, first), (other, second) in itertools.combinations(zip(there, found, strict=True), 2):
        both = first.keys() & second.keys()
        pair = f"{one.name} {other.name}"
        assert "SM+imm+same+po" in both and "Patch+imm@64-0+same+po+po" in both, pair
        for name in both:
            assert first[name][1] == second[name][1], f"{pair} {name}"
        if one.architecture == other.architecture:
            assert len(both) > 6 and {name: first[name] for name in both} == {name: second[name] for name in both}, pair
        elif "x86_64" in (one.architecture, other.architecture):
            assert first["SM+nop_branch+same+po"][0] != second["SM+nop_branch+same+po"][0], pair
    for hashes in found:
        assert len({pair[0] for pair in hashes.values()}) == len({pair[1] for pair in hashes.values()}) == len(hashes)
    if missing:
        pytest.skip("; ".join(sorted(missing, key=lambda why: not why.startswith("not set up"))))


def test_another_seed_draws_otherwise_and_more_batches_do_not():
    native = machines.read_machine(tree.machines / "native.toml")
    if not tree.binary("native").exists():
        pytest.skip("not set up: build/native/cmodx")
    once, more, other = drawn(native), drawn(native, budget="40ms"), drawn(native, seed="8")
    assert once and once == more and once.keys() == other.keys()
    assert not any(once[name][i] == other[name][i] for name in once for i in range(2))
