# SPDX-License-Identifier: Apache-2.0
"""Guests, by a stand-in for the emulator: every way in which one may end; and one that is real, if this host has it."""

import io
import json
import stat
import subprocess
from pathlib import Path

import pytest

from cmodx_ci import console, guest, initramfs, machines, results, tree
from cmodx_ci.fault import UsageFault

from parts import lacking

fake = Path(__file__).parent / "fake_emulator.py"


def machine(checkout, how: str, *more: str, name: str = "guest") -> Path:
    kernel = checkout.root / "vmlinuz"
    kernel.touch()
    path = checkout.root / "ci" / "machines" / f"{name}.toml"
    lines = [
        'description = "a fake"',
        'kind = "system"',
        'architecture = "x86_64"',
        f'kernel = "{kernel}"',
        f'launch = ["{fake}", "{{kernel}}", "{{initrd}}", "{{console}}", "{{channel}}", "{how}"]',
        "cpus = 1",
        *more,
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_results_come_back(checkout):
    machine(checkout, "well")
    done = checkout.matrix()
    assert done.returncode == 0, done.stdout + done.stderr
    document = checkout.document("guest")
    assert document["complete"] and len(document["tests"]) == 4
    assert not results.schema_faults(document)
    log = checkout.root / "build" / "results" / "latest" / "guest.log"
    assert "guest: first result after" in log.read_text()


@pytest.mark.parametrize(
    ("how", "status", "why"),
    [
        ("panic", "crash", "the guest ended: Kernel panic - not syncing: Attempted to kill init!"),
        ("killed", "crash", "the guest ended without a word: its emulator: ended by SIGKILL"),
        ("hang", "timeout", "the guest hung: no result for"),
        ("oom", "crash", "the suite in the guest: ended by SIGKILL"),
    ],
)
def test_a_guest_that_ends_costs_the_test_in_flight_and_those_behind_it(checkout, monkeypatch, how, status, why):
    machine(checkout, how)
    machine(checkout, "well", name="other")
    monkeypatch.setenv("CMODX_GUEST_QUIET_S", "0.5")
    done = checkout.matrix()
    assert done.returncode == 1, done.stdout + done.stderr
    document = checkout.document("guest")
    assert not results.schema_faults(document)
    assert [record["status"] for record in document["tests"]] == ["pass", status, "missing", "missing"]
    assert not document["complete"]
    for record in document["tests"][1:]:
        assert why in record["reason"]
    last = document["tests"][1]["stderr"].splitlines()
    assert len(last) == console.kept_lines and "SeaBIOS" not in last and any("line 59" in line for line in last)
    assert checkout.document("other")["complete"]


@pytest.mark.parametrize(("more", "code", "says"), [("", 3, "No working init found"), ("probe = true", 77, "nothing: the guest ended: Kernel panic - not syncing: No working init")])
def test_a_guest_that_never_starts(checkout, more, code, says):
    machine(checkout, "mute", more)
    done = checkout.matrix()
    assert done.returncode == code and says in done.stdout


@pytest.mark.parametrize(("more", "code"), [("", 3), ("probe = true", 77)])
def test_a_guest_that_says_nothing_is_ended_by_its_own_watchdog(checkout, more, code):
    """Which has the console, and knows a probe; the machine's has more patience."""
    machine(checkout, "asleep", "start_s = 2", more)
    done = checkout.matrix("--", "--cmodx-stall", "0.5")
    assert done.returncode == code and "the guest hung: no first result within 2 s" in done.stdout
    assert "line 59" in (checkout.root / "build/results/latest/guest.log").read_text()


def test_a_run_is_resumed(checkout, tmp_path):
    path = machine(checkout, "panic")
    output = tmp_path / "out.json"
    argv = [checkout.root / "ci" / "guest", path, checkout.root / "build" / "x86_64" / "cmodx"]
    run = ["run", "--budget", "quick", "--seed", "3", "--machine", "guest", "--output", output]
    assert subprocess.run([*argv, *run], check=False).returncode == 1
    lines = tmp_path / "lines"
    document = json.loads(output.read_text())
    header = {key: value for key, value in document.items() if key not in ("tests", "complete", "duration_s")}
    lines.write_text("".join(json.dumps(line) + "\n" for line in [{"header": header}, document["tests"][0]]))
    machine(checkout, "well")
    assert subprocess.run([*argv, *run, "--resume", lines], check=False).returncode == 0
    assert json.loads(output.read_text())["tests"][0] == document["tests"][0]


def test_arguments_of_the_host_stay_here():
    words = guest.taken_apart(["run", "A*", "--cpus=0,1", "--budget", "2s", "--output", "f", "B*", "--resume", "r"])
    assert words.left == ("run", "A*", "--budget", "2s", "B*", "--format", "jsonl")
    assert (words.output, words.resume, words.cpus, words.globs) == ("f", "r", "0,1", ("A*", "B*"))
    assert guest.taken_apart(["facts", "--json"]).left == ("facts", "--json")


def test_the_seed_of_a_test_is_the_runner_s():
    # As build/native/cmodx reports for --seed 7.
    assert guest._seed("", 0) == 0xCBF29CE484222325
    assert guest._seed("a", 0) == 0xAF63DC4C8601EC8C


def test_the_initramfs_holds_what_a_kernel_wants():
    archive = initramfs.archive(b"binary", {"arguments": b"run\0"})
    assert len(archive) % 512 == 0 and archive == initramfs.archive(b"binary", {"arguments": b"run\0"})
    assert f"{stat.S_IFCHR | 0o600:08X}".encode() in archive and b"dev/console\0" in archive
    assert archive.endswith(bytes(1)) and b"TRAILER!!!" in archive


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("launch", '["x", "{kernel}", "{initrd}", "{console}"]', "{channel}"),
        ("launch", '["{kernel}", "{initrd}", "{console}", "{channel}", "{binary}"]', "placeholders: {cache}, {ci}, {kernel}"),
        ("guest_cpus", "0", "1 or more"),
        ("start_s", "-1", "above 0"),
        ("probe", "1", "true for"),
        ("extends", "1", "a path relative to this file"),
        ("extends", '"guest.toml"', "leads back"),
        ("values", '["x"]', "a table of texts"),
        ("values", "{ a = 1 }", "a table of texts"),
    ],
)
def test_a_fault_names_file_key_and_what_is_accepted(tmp_path, key, value, accepted):
    table = {
        "description": '"a"',
        "kind": '"system"',
        "architecture": '"arm32"',
        "kernel": '"k"',
        "launch": '["{kernel}", "{initrd}", "{console}", "{channel}"]',
    }
    path = tmp_path / "guest.toml"
    path.write_text("".join(f"{k} = {v}\n" for k, v in (table | {key: value}).items()))
    with pytest.raises(UsageFault) as caught:
        machines.read_machine(path)
    assert all(part in str(caught.value) for part in ("guest.toml", key, accepted)), caught.value


def test_a_file_extends_another(tmp_path):
    (tmp_path / "base.toml").write_text(
        'description = "b"\nkind = "user"\narchitecture = "arm32"\nlaunch = ["{tool}", "-cpu", "{cpu}", "{binary}"]\n'
        '[values]\ntool = "qemu-{cpu}"\ncpu = "a"\n[expect]\nidc = "0"\n'
    )
    (tmp_path / "m.toml").write_text('extends = "base.toml"\ndefault = false\n[values]\ncpu = "b"\n[expect]\ndic = "1"\n')
    read = machines.read_machine(tmp_path / "m.toml")
    assert read.launch == ("qemu-b", "-cpu", "b", "{binary}") and read.expect == {"idc": "0", "dic": "1"}
    assert not read.default


real = machines.read_machine(tree.machines / "qemu-system-10-riscv64.toml")
real_binary = tree.binary("riscv64")


@pytest.mark.skipif(lacking(real) is not None, reason=lacking(real) or "")
def test_a_real_guest(tmp_path):
    argv = [*real.command(real_binary), "run", "SM+imm+same+*", "--seed", "3", "--time-scale", "3", "--cpus", "0"]
    done = subprocess.run([*argv, "--output", tmp_path / "out"], capture_output=True, text=True, check=False, timeout=200)
    document = results.read(tmp_path / "out")
    assert done.returncode in (0, 1, 3), done.stderr
    assert document["facts"]["kernel"].startswith("6.12.") and document["complete"]


@pytest.mark.parametrize("shared", [False, True])
def test_text_of_a_guest_is_passed_on_unless_complaints_are_between(tmp_path, shared):
    (tmp_path / "channel").write_bytes(b'ziccif 1\n{"name": "a"}\n{"end": {"exit": 0}}\n')
    sink = io.BytesIO()
    channel = guest.Channel(tmp_path / "channel", sink, shared=shared)
    channel.read()
    assert channel.end == {"exit": 0}
    assert sink.getvalue() == (b"" if shared else b"ziccif 1\n") + b'{"name": "a"}\n'
