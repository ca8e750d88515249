# SPDX-License-Identifier: Apache-2.0
"""Machines without an operating system: real images on real emulators, where both are there; and how one may end."""

import json
import subprocess
from pathlib import Path

import pytest

from cmodx_ci import campaign, console, machines, results, tree

singles = [m for m in machines.select(["qemu-bare-10-*-single"])]


def _missing(machine) -> str | None:
    image = campaign.binary_of(machine)
    return machine.absent() or (None if image.exists() else f"not built: {image}")


def _run(machine, folder: Path, *words: str) -> tuple[subprocess.CompletedProcess, results.Document]:
    argv = [*machine.command(campaign.binary_of(machine)), "run", *words, "--seed", "3", "--output", folder / "out"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    return done, results.read(folder / "out")


@pytest.mark.parametrize("machine", singles, ids=lambda m: m.name)
def test_the_same_tests_run_on_the_bare_machine(machine, tmp_path):
    if missing := _missing(machine):
        pytest.skip(missing)
    done, document = _run(machine, tmp_path, "SM+imm+same+*", "--budget", "5ms", "--time-scale", "2")
    assert done.returncode == 0, done.stderr
    assert document["complete"] and document["facts"]["bare"] == "1" and not results.schema_faults(document)
    statuses = {record["status"] for record in document["tests"]}
    assert "pass" in statuses and statuses <= {"pass", "not-seen", "seen", "skip"}
    native = tree.binary("native")
    if native.exists():
        listed = [native, "list", "--bare", "--arch", machine.architecture, "SM+imm+same+*"]
        names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
        assert [record["name"] for record in document["tests"]] == names


@pytest.mark.parametrize("machine", singles, ids=lambda m: m.name)
def test_what_only_a_kernel_can_do_is_enough_and_what_is_left_out_of_it_shows(machine, tmp_path):
    if missing := _missing(machine):
        pytest.skip(missing)
    words = ["Remap*", "Wx+*", "--budget", "5ms", "--time-scale", "2"]
    done, document = _run(machine, tmp_path, *words)
    if document["facts"].get("page_tables", "1") != "1":
        pytest.skip("no page tables")
    assert done.returncode == 0, done.stderr
    statuses = {record["name"]: record["status"] for record in document["tests"]}
    whole = [name for name in statuses if name.startswith("Remap+") and statuses[name] == "pass"]
    # No translation is ever forgotten: the old page is still there.
    assert whole and statuses["Remap+imm+same+po+ctrl"] == "seen", statuses


@pytest.mark.parametrize("machine", singles, ids=lambda m: m.name)
def test_prices_of_a_kernel_stand_beside_what_is_said_of_them(machine):
    if missing := _missing(machine):
        pytest.skip(missing)
    argv = [*machine.command(campaign.binary_of(machine)), "bench", "30"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    prices = {line["price"]: line["ns"] for line in lines if "what" in line}
    assert {"ipi spinning 1", "ipi asleep 1"} <= prices.keys() and len(prices) > 10
    for price in prices.values():
        assert price["least"] <= price["median"] <= price["p99"]
    assert prices["ipi spinning 1"]["least"] > 0
    assert sum("claim" in line for line in lines) >= 2


def test_what_an_image_complains_of_is_found_on_its_line(tmp_path):
    channel = tmp_path / "channel"
    channel.write_text('{"header": {}}\n{"name": "a"}\n\ncmodx: the bare image failed: a trap\n')
    said = console.complaints(channel)
    assert console.last_words(said) == "cmodx: the bare image failed: a trap" and "header" not in said
