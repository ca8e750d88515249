# SPDX-License-Identifier: Apache-2.0
"""Machines out of a labgrid environment: a target with an SSHDriver, on a server on loopback."""

import getpass
import importlib.util
import os
import sys
import tempfile

import pytest

from cmodx_ci import labgrid_source, results
from cmodx_ci.fault import UsageFault

from loopback import loopback  # noqa: F401

needs_labgrid = pytest.mark.skipif(
    importlib.util.find_spec("labgrid") is None, reason="not set up: ci/setup labgrid"
)

target = """
  {name}:
    features: [{features}]
    resources:
      NetworkService: {{address: 127.0.0.1, port: {port}, username: {user}}}
    drivers:
      {driver}
"""


def environment(checkout, loopback, *names, features="x86_64", key="client", driver="SSHDriver"):  # noqa: F811
    path = checkout.root / "lab env.yaml"
    drivers = f"SSHDriver: {{keyfile: {loopback.folder}/{key}}}" if driver == "SSHDriver" else f"{driver}: {{}}"
    targets = [
        target.format(name=name, features=features, port=loopback.port, user=getpass.getuser(), driver=drivers)
        for name in names
    ]
    path.write_text("targets:" + "".join(targets))
    return path


def test_without_labgrid_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "labgrid", None)
    with pytest.raises(UsageFault) as caught:
        labgrid_source.machines(tmp_path / "env.yaml")
    assert "needs labgrid, which is not installed; Debian has it as python3-labgrid" in str(caught.value)


@needs_labgrid
def test_a_target_is_a_machine(checkout, loopback):  # noqa: F811
    checkout.machine("other")
    path = environment(checkout, loopback, "board", "second")
    done = checkout.matrix("--labgrid", str(path), "labgrid-b*", "--shards", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    document = checkout.document("labgrid-board")
    assert document["complete"] and len(document["tests"]) == 4 and not results.schema_faults(document)
    assert not (checkout.root / "build/results/latest/labgrid-second.json").exists()
    assert checkout.resume("latest").returncode == 0


@needs_labgrid
def test_beside_the_others(checkout, loopback):  # noqa: F811
    checkout.machine("other")
    done = checkout.matrix("--labgrid", str(environment(checkout, loopback, "board")), "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.document("labgrid-board")["complete"] and checkout.document("other")["complete"]


@needs_labgrid
def test_a_refused_key(checkout, loopback, monkeypatch):  # noqa: F811
    # Short, for sockets; and empty at the end, however often labgrid tried.
    with tempfile.TemporaryDirectory() as temporary:
        monkeypatch.setenv("TMPDIR", temporary)
        refused(checkout, loopback)
        assert os.listdir(temporary) == []


def refused(checkout, loopback):  # noqa: F811
    done = checkout.matrix("--labgrid", str(environment(checkout, loopback, "board", key="stranger")))
    assert done.returncode == 3
    (line,) = [line for line in done.stdout.splitlines() if "labgrid-board" in line]
    assert "Permission denied (publickey)" in line


@needs_labgrid
def test_a_target_without_ssh_is_absent(checkout, loopback):  # noqa: F811
    done = checkout.matrix("--labgrid", str(environment(checkout, loopback, "board", driver="ManualPowerDriver")))
    assert done.returncode == 77 and "labgrid-board: absent: its target has no SSHDriver" in done.stdout


@needs_labgrid
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no environment of labgrid"),
        ("targets: [", "no environment of labgrid"),
        ("a: 1", "key 'targets' is missing or empty"),
        ("targets: {}", "key 'targets' is missing or empty"),
        ("targets: {board: 3}", "target 'board': accepted is a table"),
        ("targets: {'a b': {}}", "accepted is a table, with a name of"),
        ("targets: {board: {}}", "key 'features' is []; accepted: one of x86_64"),
        ("targets: {board: {features: [arm32, aarch64]}}", "accepted: one of x86_64"),
    ],
)
def test_faults_of_an_environment(checkout, text, says):
    path = checkout.root / "env.yaml"
    if text is not None:
        path.write_text(text)
    done = checkout.matrix("--labgrid", str(path))
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1 and "env.yaml" in done.stderr


@needs_labgrid
def test_an_emulator_of_labgrids_uses_this_hosts_cpus(tmp_path):
    path = tmp_path / "env.yaml"
    path.write_text("targets: {q: {features: riscv64, drivers: [{cls: QEMUDriver}, {SSHDriver: {}}]}}")
    (machine,) = labgrid_source.machines(path)
    assert machine.cpus == 2 and machine.architecture == "riscv64" and machine.absent() is None
