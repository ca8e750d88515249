# SPDX-License-Identifier: Apache-2.0
"""Every tool ends in the same way: what is wrong is one line, and exit code 1 is a violation's alone."""

import os
import subprocess
from pathlib import Path

import pytest

from cmodx_ci import entry, fault, tree

# Those that are Python; a folder, a list or shell is none.
tools = sorted(
    path.name for path in (tree.root / "ci").iterdir()
    if path.is_file() and os.access(path, os.X_OK) and "cmodx_ci import" in path.read_text(encoding="utf-8")
)  # fmt: skip
# The others stand in for a binary, whose --help it would be.
described = [tool for tool in tools if tool not in ("guest", "launch", "remote", "reproduce")]


def run(tool: str, *arguments: str, **more) -> subprocess.CompletedProcess:
    argv = [str(tree.root / "ci" / tool), *arguments]
    return subprocess.run(argv, stderr=subprocess.PIPE, text=True, timeout=60, check=False, **{"stdout": subprocess.PIPE} | more)


@pytest.mark.parametrize("tool", tools)
def test_bad_arguments(tool):
    done = run(tool, "--no-such-option")
    assert done.returncode == fault.usage and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"ci/{tool}: ")


@pytest.mark.parametrize("tool", described)
def test_no_room_on_standard_output(tool):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = run(tool, "--help", stdout=full)
    assert (done.returncode, done.stderr) == (fault.harness_failed, f"ci/{tool}: No space left on device\n")


def test_no_room_for_a_difference():
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = run("diff", "native", "native", stdout=full)
    assert (done.returncode, done.stderr) == (fault.harness_failed, "ci/diff: No space left on device\n")


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (fault.UsageFault("u"), 2, "ci/x: u\n"),
        (fault.HarnessFault("h"), 3, "ci/x: h\n"),
        (FileNotFoundError(2, "No such file or directory", "a\nb"), 3, "ci/x: a\\x0ab: No such file or directory\n"),
        (BrokenPipeError(), 3, ""),
        (subprocess.TimeoutExpired(["a"], 3), 3, "ci/x: Command '['a']' timed out after 3 seconds\n"),
        (KeyboardInterrupt(), 3, "ci/x: interrupted\n"),
    ],
)
def test_every_fault_is_one_line(problem, code, said, capsys):
    def fails(_):
        raise problem

    assert entry.guarded("ci/x", fails) == code
    assert capsys.readouterr().err == said


def test_a_bug_is_no_violation(capsys):
    assert entry.guarded("ci/x", lambda _: [][0]) == fault.harness_failed
    assert "IndexError" in capsys.readouterr().err
