# SPDX-License-Identifier: Apache-2.0
"""A folder for a while goes with its process, or with the next that wants one: never one that is in use."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cmodx_ci import scratch, tree

holder = """
import sys; sys.path.insert(0, sys.argv[1])
from cmodx_ci import scratch
with scratch.folder("kind") as folder:
    (folder / "file").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def held():
    argv = [sys.executable, "-c", holder, str(tree.root / "ci")]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().strip())


def test_it_goes_with_the_with(place):
    with pytest.raises(ValueError), scratch.folder("kind") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
        raise ValueError
    assert list(place.iterdir()) == []


def test_what_was_killed_goes_with_the_next_and_what_lives_stays(place):
    killed, left = held()
    living, used = held()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert left.exists()
    other = place / "cmodx.other.x"
    other.mkdir()
    with scratch.folder("kind") as folder:
        assert not left.exists() and used.exists() and other.exists()
        assert (used / "file").read_text() == "x"
        assert folder.stat().st_mode & 0o777 == 0o700
    living.communicate("")
    assert living.returncode == 0 and not used.exists()


def test_a_link_is_not_followed(place, tmp_path_factory):
    precious = tmp_path_factory.mktemp("precious")
    (precious / "file").touch()
    os.symlink(precious, place / "cmodx.kind.link")
    with scratch.folder("kind"):
        pass
    assert (precious / "file").exists()
