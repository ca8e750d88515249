# SPDX-License-Identifier: Apache-2.0
"""Machines without an operating system: real images on real emulators, where both are there; and how one may end."""

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


def test_what_an_image_complains_of_is_found_on_its_line(tmp_path):
    channel = tmp_path / "channel"
    channel.write_text('{"header": {}}\n{"name": "a"}\n\ncmodx: the bare image failed: a trap\n')
    said = console.complaints(channel)
    assert console.last_words(said) == "cmodx: the bare image failed: a trap" and "header" not in said
