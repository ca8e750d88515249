# SPDX-License-Identifier: Apache-2.0
"""Machines without an operating system: real images on real emulators, where both are there; and how one may end."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from cmodx_ci import campaign, console, disk, elf, fault, machines, results, selftests, tree

from parts import lacking

singles = machines.select(["qemu-bare-10-*-single", "bochs-2.7-x86_64"])
bochs = [m for m in singles if m.name == "bochs-2.7-x86_64"]
each_machine = pytest.mark.parametrize("machine", singles, ids=lambda m: m.name)


@pytest.fixture(autouse=True)
def _there(request):
    if "machine" not in request.fixturenames:
        return
    machine = request.getfixturevalue("machine")
    if missing := lacking(machine):
        pytest.skip(missing)


def _run(machine, image: Path, folder: Path, *words: str) -> subprocess.CompletedProcess:
    argv = [*machine.command(image), "run", *words, "--seed", "3", "--output", folder / "out"]
    impatient = os.environ | {"CMODX_GUEST_QUIET_S": "1"}
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, env=impatient)


@each_machine
def test_the_same_tests_run_on_the_bare_machine(machine, tmp_path):
    image = campaign.binary_of(machine)
    done = _run(machine, image, tmp_path, "SM+imm+same+*", "--budget", "5ms", "--time-scale", "2")
    assert done.returncode == 0, done.stderr
    document = results.read(tmp_path / "out")
    assert document["complete"] and document["facts"]["bare"] == "1" and not results.schema_faults(document)
    statuses = {record["status"] for record in document["tests"]}
    assert "pass" in statuses and statuses <= {"pass", "not-seen", "seen", "skip"}
    native = tree.binary("native")
    if native.exists():
        listed = [native, "list", "--bare", "--arch", machine.architecture, "SM+imm+same+*"]
        names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
        assert [record["name"] for record in document["tests"]] == names


@pytest.mark.parametrize("machine", machines.select(["qemu-bare-10-riscv64-single"]), ids=lambda m: m.name)
def test_what_misbehaves_comes_to_its_right_end(machine, capsys):
    if not tree.binary("native").exists():
        pytest.skip("not set up: no native build, which knows what is right")
    assert selftests.selftests(machine), capsys.readouterr().out


@each_machine
def test_what_only_a_kernel_can_do_is_enough_and_what_is_left_out_of_it_shows(machine, tmp_path):
    words = ["Remap*", "Wx+*", "--budget", "5ms", "--time-scale", "2"]
    done = _run(machine, campaign.binary_of(machine), tmp_path, *words)
    if done.returncode == fault.nothing_to_run:
        pytest.skip("no page tables")
    assert done.returncode == 0, done.stderr
    document = results.read(tmp_path / "out")
    statuses = {record["name"]: record["status"] for record in document["tests"]}
    whole = [name for name in statuses if name.startswith("Remap+") and statuses[name] == "pass"]
    # No translation is ever forgotten: the old page is still there.
    lacking = [name for name in statuses if name.startswith("Remap+imm+same+po+") and statuses[name] == "seen"]
    assert whole and lacking, statuses
    # What is kept by ASIDs or PCIDs only shows where there are some: TCG has no PCIDs.
    by_tag = {statuses[name] for name in statuses if name.startswith(("Remap.Asid", "Remap.Shared"))}
    tagged = document["facts"]["page_tables_tagged"] == "1"
    assert tagged == (machine.name != "qemu-bare-10-x86_64-single")
    assert by_tag <= {"pass", "seen", "not-seen"} if tagged else by_tag == {"skip"}


# Where one thread plays all CPUs, OpenSBI waits for another hart until the end of its turn, a tenth of a second.
@pytest.mark.parametrize(
    "machine",
    [m for m in singles if m.name != "qemu-bare-10-riscv64-single"] + machines.select(["qemu-bare-10-riscv64"]),
    ids=lambda m: m.name,
)
def test_prices_of_a_kernel_stand_beside_what_is_said_of_them(machine):
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


@pytest.mark.parametrize("machine", bochs, ids=lambda m: m.name)
def test_an_emulator_whose_clock_counts_instructions_repeats_a_run(machine, tmp_path):
    counted = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        words = ["StaticKey+*", "Patch+body+same+*", "--budget", "5ms", "--time-scale", "10"]
        done = _run(machine, campaign.binary_of(machine), folder, *words)
        assert done.returncode == 0, done.stderr
        tests = results.read(folder / "out")["tests"]
        counted.append([(test["name"], test["trials"], test["outcomes"]) for test in tests])
    assert counted[0] == counted[1] and max(trials for _, trials, _ in counted[0]) > 100


@each_machine
def test_a_run_that_has_had_all_memory_goes_on_with_what_was_used_long_ago(machine, tmp_path):
    """Each batch writes over what the memory held before, but not over the stubs that run."""
    memory = (1 << 19).to_bytes(elf.Image(campaign.binary_of(machine)).word, "little")
    image = _planted(machine, tmp_path, "cmodx_memory", memory)
    done = _run(machine, image, tmp_path, "2SM+imm+same+po", "StaticKey+*+po+po", "--budget", "200ms")
    assert done.returncode == 0, done.stderr
    for record in results.read(tmp_path / "out")["tests"]:
        assert record["status"] in ("pass", "seen", "not-seen"), record


@pytest.mark.parametrize("machine", bochs, ids=lambda m: m.name)
def test_a_disk_holds_sector_arguments_and_image(machine, tmp_path):
    image = elf.Image(campaign.binary_of(machine))
    disk.write(campaign.binary_of(machine), "run SM*", tmp_path / "disk")
    written = (tmp_path / "disk").read_bytes()
    assert written[510:512] == b"\x55\xaa" and written[512:520] == b"run SM*\0"
    assert written[512 + 0x8000 :].startswith(bytes(image.bytes[image.offset("_start") :][:4096]))
    disk.write(campaign.binary_of(machine), "x" * 0x7FFF, tmp_path / "disk")
    with pytest.raises(fault.HarnessFault, match="32769 bytes of arguments; a disk has room for 32768"):
        disk.write(campaign.binary_of(machine), "x" * 0x8000, tmp_path / "disk")


def test_an_image_that_no_disk_starts_is_refused(tmp_path):
    image = campaign.binary_of(machines.select(["qemu-bare-10-aarch64"])[0])
    if not image.exists():
        pytest.skip(f"not set up: {image}")
    with pytest.raises(fault.HarnessFault, match="has no boot sector"):
        disk.write(image, "", tmp_path / "disk")


# Faults in the way from reset to the first test, planted into a copy of the image: they end, and say something.

nowhere = (0x7F00_0000).to_bytes(8, "little")  # no board has memory there, and no translation leads to any
forever = {  # a jump to itself
    "x86_64": bytes.fromhex("ebfe"),
    "aarch64": bytes.fromhex("00000014"),
    "riscv64": bytes.fromhex("6f000000"),
    "arm32": bytes.fromhex("feffffea"),
}


def _planted(machine, folder: Path, symbol: str, new: bytes) -> Path:
    image = elf.Image(campaign.binary_of(machine))
    at = image.offset(symbol)
    image.bytes[at : at + len(new)] = new
    path = folder / "image"
    path.write_bytes(image.bytes)
    return path


def _without(machine, folder: Path, symbol: str, *words: str) -> subprocess.CompletedProcess:
    """Runs with an address in the image that leads nowhere, on a machine of less patience."""
    image = _planted(machine, folder, symbol, nowhere[: elf.Image(campaign.binary_of(machine)).word])
    short = folder / "short.toml"
    short.write_text(f'extends = "{machine.path}"\nstart_s = 3\n')
    return _run(machines.read_machine(short), image, folder, *words)


@each_machine
def test_an_image_without_a_stack_ends(machine, tmp_path):
    done = _without(machine, tmp_path, "cmodx_stacks")
    assert done.returncode == fault.harness_failed, done.stderr
    assert "the guest ended" in done.stderr or "the guest hung: no " in done.stderr


@each_machine
def test_an_image_without_vectors_ends(machine, tmp_path):
    words = ("MP.RF+imm+same+*", "--budget", "5ms", "--time-scale", "0.1")
    done = _without(machine, tmp_path, "cmodx_vectors_at", *words)
    assert done.returncode in (fault.harness_failed, fault.violations), done.stderr
    assert "the guest ended" in done.stderr or "the guest hung: no " in done.stderr
    if done.returncode == fault.violations:
        statuses = [record["status"] for record in results.read(tmp_path / "out")["tests"]]
        assert next(status for status in statuses if status != "skip") in ("timeout", "crash")


@each_machine
def test_a_cpu_that_never_answers_is_left_out_and_named(machine, tmp_path):
    start = "cmodx_trampoline" if machine.architecture == "x86_64" else "cmodx_secondary_start"
    words = ("MP.RF+imm+same+po+*", "SM+imm+same+po", "--budget", "5ms", "--time-scale", "2")
    image = _planted(machine, tmp_path, start, forever[machine.architecture])
    done = _run(machine, image, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    document = results.read(tmp_path / "out")
    assert document["facts"]["cpus"] == "1" and document["facts"]["cpus_silent"] == "1"
    records = {record["shape"]: record for record in document["tests"]}
    assert records["MP.RF"]["status"] == "skip" and records["SM"]["trials"] > 0
    assert records["MP.RF"]["reason"] == "needs 2 CPUs, has 1; did not start: CPU 1"


@pytest.mark.parametrize("machine", machines.select(["qemu-bare-10-x86_64-single"]), ids=lambda m: m.name)
def test_behind_a_cpu_that_never_answers_others_are_known_by_their_own_numbers(machine, tmp_path):
    """CPU 1 is silent, 0 and 2 run: whoever takes the second for CPU 1 interrupts nobody."""
    image = elf.Image(campaign.binary_of(machine))
    # What all CPUs but the first call last goes by way of the boot sector, which nothing reads here.
    call, room = image.address("cmodx_trampoline") - 5, image.address("cmodx_boot_sector")
    assert image.bytes[image.offset("cmodx_trampoline") - 5] == 0xE8

    def to(target: int, behind: int) -> bytes:
        return (target - behind).to_bytes(4, "little", signed=True)

    at = image.offset("cmodx_trampoline") - 4
    image.bytes[at : at + 4] = to(room, call + 5)
    asleep = bytes.fromhex("83ff01 7503 f4 ebfd e9")  # cmp $1, %edi; jne 2f; 1: hlt; jmp 1b; 2: jmp cmodx_secondary
    at = image.offset("cmodx_boot_sector")
    image.bytes[at : at + 13] = asleep + to(image.address("cmodx_secondary"), room + 13)
    (tmp_path / "image").write_bytes(image.bytes)
    three = tmp_path / "three.toml"
    three.write_text(f'extends = "{machine.path}"\ncpus = 3\n')
    words = ["LazyIpi+*", "--budget", "100ms"]
    done = _run(machines.read_machine(three), tmp_path / "image", tmp_path, *words)
    assert done.returncode == 0, done.stderr
    document = results.read(tmp_path / "out")
    assert (document["facts"]["cpus"], document["facts"]["cpus_silent"]) == ("2", "1")
    assert {record["status"] for record in document["tests"]} <= {"pass", "seen", "not-seen"}
    argv = [*machines.read_machine(three).command(tmp_path / "image"), "bench", "30"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    prices = {line["price"] for line in map(json.loads, done.stdout.splitlines()) if "what" in line}
    assert "ipi spinning 1" in prices and "ipi spinning 2" not in prices


def test_what_an_image_complains_of_is_found_on_its_line(tmp_path):
    channel = tmp_path / "channel"
    channel.write_text('{"header": {}}\n{"name": "a"}\n\ncmodx: the bare image failed: a trap\n')
    channel.write_text('{"long": "' + 70000 * "x" + '"}\n' + channel.read_text())
    said = console.complaints(channel)
    assert console.last_words(said) == said.strip() == "cmodx: the bare image failed: a trap"
