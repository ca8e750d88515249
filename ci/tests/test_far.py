# SPDX-License-Identifier: Apache-2.0
"""pytest-xdist over ssh: workers on another host, here loopback, in a folder of their own."""

import pytest

from cmodx_ci import far, machines, results, tree
from cmodx_ci.fault import HarnessFault, UsageFault

from loopback import loopback  # noqa: F401
from test_guest import machine as guest


def specification(checkout, loopback, folder):  # noqa: F811
    locks = checkout.root / "far-locks"
    return f"ssh=board//ssh_config={loopback.config}//chdir={folder}//env:CMODX_LOCKS={locks}"


def test_two_hosts(checkout, loopback, tmp_path):  # noqa: F811
    """One of them this one: items go to both, and all documents are here."""
    there = tmp_path / "there"
    for number in range(4):
        checkout.machine(f"m{number}", how="slow")
    checkout.expect("m0", '[[known]]\ntest = "*"\nwitness = "stale"\nreason = "none"\n')
    done = checkout.matrix("--tx", specification(checkout, loopback, there), "--tx", "popen", "--shards", "2")
    assert done.returncode == 1, done.stdout + done.stderr  # known failures went along: one passes
    assert "m0: MP.RF+imm+alias+mfence+ctrl-cpuid: expected failure passed" in done.stdout
    places = set()
    for number in range(4):
        document = checkout.document(f"m{number}")
        assert document["complete"] and len(document["tests"]) == 4 and not results.schema_faults(document)
    for part in (checkout.root / "build/results/latest/shards").glob("*.json"):
        far_away = results.read(part)["command"][0].startswith(f"{there}/")
        assert part.with_suffix(".log").exists() != far_away  # it wrote into a folder of its own
        places.add(far_away)
    assert places == {True, False}


def test_a_violation_there(checkout, loopback, tmp_path):  # noqa: F811
    checkout.machine("bad", how="fails")
    checkout.machine("silent", how="silent")
    checkout.machine("away", 'exists = ["/no/such"]')
    done = checkout.matrix("--tx", specification(checkout, loopback, tmp_path / "there"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "bad: MP.RF+imm+alias+mfence+ctrl-cpuid: stale 7 of 1000" in done.stdout
    assert "silent: no result: exit code 1: no room for a code arena" in done.stdout
    assert "away: absent: no /no/such" in done.stdout


def test_a_guest_that_breaks_off_there(checkout, loopback, tmp_path):  # noqa: F811
    """What it has still to run is asked from the binary of the host that has it."""
    guest(checkout, "panic")
    done = checkout.matrix("--tx", specification(checkout, loopback, tmp_path / "there"))
    assert done.returncode == 1, done.stdout + done.stderr
    statuses = [record["status"] for record in checkout.document("guest")["tests"]]
    assert statuses == ["pass", "crash", "missing", "missing"]


def test_what_the_machines_run_goes_along(tmp_path, monkeypatch):
    chosen = machines.select(["qemu-bare-10-aarch64", "qemu-bare-7.2-aarch64", "qemu-system-10-riscv64"])
    root = tmp_path / "root"
    for name in ("build", "results", "root"):
        monkeypatch.setattr(tree, name, root / getattr(tree, name).relative_to(tree.root))
    for folder in ("ci", "results", "build/aarch64", "build/riscv64", "build/native"):
        (root / folder).mkdir(parents=True)
    wanted = {"aarch64/cmodx_bare", "riscv64/cmodx", "native/cmodx"}
    for name in {*wanted, "aarch64/cmodx"}:
        (root / "build" / name).touch()
    build = far.staged(tmp_path / "a", chosen) / "build"
    assert {str(path.relative_to(build)) for path in build.rglob("cmodx*")} == wanted
    (root / "build/aarch64/cmodx_bare").unlink()
    with pytest.raises(HarnessFault, match="cmodx_bare: it is not built"):
        far.staged(tmp_path / "b", chosen)


def test_specifications():
    assert far.completed("popen") == "popen" and far.completed("2*popen") == "2*popen"
    assert far.completed("ssh=a//python=py") == "ssh=a//python=py"
    assert far.completed("ssh=a") == "ssh=a//python=env PYTHONPATH=pyexecnetcache/cmodx/ci /usr/bin/python3 -P"
    with pytest.raises(UsageFault, match="key 'chdir' is '/a b'"):
        far.completed("ssh=a//chdir=/a b")


def test_a_document_stays_in_its_folder(tmp_path):
    class Report:
        cmodx_document = {"path": "../other.json", "text": "{}"}

    (tmp_path / "run").mkdir()
    with pytest.raises(HarnessFault, match="other.json"):
        far.detach(Report(), tmp_path / "run")


@pytest.mark.parametrize("more", [("-n", "2"), ("--labgrid", "x.yaml")])
def test_usage(checkout, more):
    checkout.machine("m")
    done = checkout.matrix("--tx", "popen", *more)
    assert done.returncode == 2 and "--tx with -n or --labgrid" in done.stderr and done.stderr.count("\n") == 1
