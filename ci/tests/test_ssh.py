# SPDX-License-Identifier: Apache-2.0
"""Machines on another host, against a server on loopback that each test starts: what arrives, and every way to fail."""

import contextlib
import getpass
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from cmodx_ci import remote, results, ssh, tree
from cmodx_ci.fault import HarnessFault, UsageFault

from loopback import loopback  # noqa: F401
from test_small import alive

odd = ["a b", "$HOME", "'", '"', "*", ";true", "\\", "", "(", "ü"]


@pytest.fixture
def there(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


def board(checkout, loopback, there, how="", config=None, host="board", name="board"):  # noqa: F811
    path = checkout.root / "ci" / "machines" / f"{name}.toml"
    path.write_text(
        'description = "a fake on loopback"\nkind = "ssh"\narchitecture = "x86_64"\n'
        f'host = "{host}"\nssh_config = "{config or loopback.config}"\nfolder = "{there}"\n'
        f'launch = ["env", "FAKE={how}", "{{binary}}"]\n'
    )
    return path


def session(loopback, there):  # noqa: F811
    return ssh.Session("board", ssh.client("board", None, None, str(loopback.config)), str(there))


def gone(there, limit_s=15):
    """Whether no file and no process is left there; what tidies up does so after the client is gone."""
    end = time.monotonic() + limit_s
    while (any(there.iterdir()) or alive(f"{there}/cmodx.")) and time.monotonic() < end:
        time.sleep(0.1)
    return not any(there.iterdir()) and not alive(f"{there}/cmodx.")


def test_arguments_arrive_unchanged_and_codes_come_back(loopback, there):  # noqa: F811
    with session(loopback, there) as open_one:
        program = open_one.put(Path("/usr/bin/printf"), "program")
        ran = open_one.start([program, "%s\\0", *odd], subprocess.PIPE, None)
        assert ran.communicate(timeout=30)[0].decode().split("\0")[:-1] == odd
        for script, code in [("exit 3", 3), ("exit 77", 77), ("kill -11 $$", 128 + 11)]:
            ran = open_one.start(["sh", "-c", script], subprocess.PIPE, subprocess.PIPE)
            ran.communicate(timeout=30)
            assert ran.returncode == code
    assert gone(there)


def test_a_matrix_over_ssh(checkout, loopback, there):  # noqa: F811
    board(checkout, loopback, there)
    done = checkout.matrix()
    assert done.returncode == 0, done.stdout + done.stderr
    document = checkout.document("board")
    assert not results.schema_faults(document) and document["complete"] and len(document["tests"]) == 4
    assert document["machine"]["name"] == "board" and document["seed"] == 7
    assert "--cpus" not in document["command"]  # this host's CPUs say nothing there
    assert gone(there)


def test_user_and_port_of_the_machine_file(checkout, loopback, there):  # noqa: F811
    config = loopback.configure("elsewhere", "client", port=1, user="nobody")
    path = board(checkout, loopback, there, config=config)
    path.write_text(path.read_text() + f'port = {loopback.port}\nuser = "{getpass.getuser()}"\n')
    assert checkout.matrix().returncode == 0


def test_launch_and_list(checkout, loopback, there):  # noqa: F811
    board(checkout, loopback, there)
    argv = [checkout.root / "ci" / "launch", "board", checkout.root / "build/x86_64/cmodx", "list", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert len(json.loads(done.stdout)) == 4


def test_an_unreachable_host_is_absent(checkout, loopback, there):  # noqa: F811
    with socket.socket() as closed:  # bound, and never listening
        closed.bind(("127.0.0.1", 0))
        board(checkout, loopback, there, config=loopback.configure("closed", "client", closed.getsockname()[1]))
        board(checkout, loopback, there, host="no-such-host.invalid", name="nowhere")
        done = checkout.matrix()
    assert done.returncode == 77
    assert "board: absent: ssh: connect to host 127.0.0.1" in done.stdout and "Connection refused" in done.stdout
    assert "nowhere: absent: ssh: Could not resolve hostname no-such-host.invalid" in done.stdout


def test_a_refused_key(checkout, loopback, there):  # noqa: F811
    board(checkout, loopback, there, config=loopback.configure("wrong", "stranger"))
    done = checkout.matrix()
    assert done.returncode == 3
    (line,) = [line for line in done.stdout.splitlines() if "board: " in line]
    assert "Permission denied (publickey)" in line


def test_a_host_key_that_changed(checkout, loopback, there):  # noqa: F811
    loopback.known.write_text(f"[127.0.0.1]:{loopback.port} " + (loopback.folder / "stranger.pub").read_text())
    board(checkout, loopback, there)
    done = checkout.matrix()
    assert done.returncode == 3 and "board: ssh: Host key verification failed." in done.stdout


def test_a_full_disk(checkout, loopback, there):  # noqa: F811
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", there], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("cannot mount a small file system here")
    try:
        board(checkout, loopback, there)
        binary = checkout.root / "build/x86_64/cmodx"
        binary.unlink()
        binary.write_bytes(b"#!/bin/sh\n" + b"#" * 200_000)
        done = checkout.matrix()
        assert done.returncode == 3
        assert "board: cannot copy cmodx there: " in done.stdout and "No space left on device" in done.stdout
        assert gone(there)
    finally:
        subprocess.run(["umount", there], check=True)


def test_no_folder_there(checkout, loopback, there):  # noqa: F811
    board(checkout, loopback, there / "none")
    done = checkout.matrix()
    assert done.returncode == 3 and "board: no folder there: mktemp: " in done.stdout


def test_a_lost_connection_costs_only_what_was_not_there_yet(checkout, loopback, there):  # noqa: F811
    board(checkout, loopback, there, how="hung")

    def cut():
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for lines in (checkout.root / "build/results").glob("*/.board/results.json.jsonl"):
                with contextlib.suppress(OSError):
                    if lines.read_bytes().count(b"\n") == 3:
                        for process in loopback.sessions():
                            os.kill(process, signal.SIGKILL)
                        return
            time.sleep(0.05)

    cutter = threading.Thread(target=cut)
    cutter.start()
    done = checkout.matrix()
    cutter.join()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missing; the run ended before it: exit code 3: ci/remote: board: connection lost: " in done.stdout
    document = checkout.document("board")
    assert [record["status"] for record in document["tests"]] == ["pass", "seen", "missing", "missing"]
    assert not results.schema_faults(document)
    assert gone(there)  # and with it the program that hung


def test_a_binary_that_dies_there(checkout, loopback, there):  # noqa: F811
    board(checkout, loopback, there, how="died")
    done = checkout.matrix()
    assert done.returncode == 1 and "missing; the run ended before it: ended by SIGKILL" in done.stdout


def test_a_stalled_board(checkout, loopback, there):  # noqa: F811
    board(checkout, loopback, there, how="hung")
    done = checkout.matrix("--", "--cmodx-stall", "3")
    assert done.returncode == 1 and "missing; the run ended before it: no result for" in done.stdout
    assert gone(there)


@pytest.mark.parametrize(
    ("words", "says"),
    [(["run", "--output"], "--output: accepted is a file"), (["run", "--output=a", "--format", "ktap"], "--format")],
)
def test_arguments_that_do_not_travel(words, says):
    with pytest.raises(UsageFault, match=says):
        remote.taken_apart(words)


def test_arguments_that_travel():
    taken = remote.taken_apart(["run", "a*", "--output", "x", "--seed", "3", "--resume=y"])
    assert taken == remote.Arguments(("run", "a*", "--seed", "3"), "x", "y")
    assert remote.taken_apart(["list", "--output", "x"]).words == ("list", "--output", "x")


def test_no_client(monkeypatch, there):
    with pytest.raises(HarnessFault, match="cannot start no-such-ssh"), ssh.Session("b", ["no-such-ssh", "b"], str(there)):
        pass


@pytest.mark.skipif(not tree.binary("native").exists(), reason="not set up: build/native/cmodx")
def test_the_real_binary(checkout, loopback, there, tmp_path):  # noqa: F811
    path = board(checkout, loopback, there)
    argv = [checkout.root / "ci" / "remote", path, tree.binary("native"), "run", "MP.RF+imm+same*"]
    first = tmp_path / "a b.json"
    done = subprocess.run([*argv, "--budget", "10ms", "--seed", "5", "--machine", "board", "--output", first],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    made = results.read(first)
    assert made["complete"] and not Path(f"{first}.jsonl").exists()
    second = tmp_path / "second.json"
    done = subprocess.run([*argv, "--budget", "10ms", "--seed", "5", "--machine", "board", "--output", second,
                           "--resume", first], capture_output=True, text=True, timeout=120, check=False)
    assert results.read(second)["tests"] == made["tests"], done.stderr
    assert gone(there)
