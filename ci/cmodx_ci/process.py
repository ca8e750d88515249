# SPDX-License-Identifier: Apache-2.0
"""One child process with a limit, and its end with all its descendants."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .fault import HarnessFault


@dataclass(frozen=True)
class Ended:
    """How a process ended. `code` is negative for a signal; `stalled` says why it was killed, if it was."""

    code: int
    stalled: str | None

    def __str__(self) -> str:
        if self.stalled:
            return self.stalled
        if self.code < 0:
            named = -self.code in signal.Signals.__members__.values()
            return f"ended by {signal.Signals(-self.code).name if named else f'signal {-self.code}'}"
        return f"exit code {self.code}"


def _session(leader: int) -> Iterator[int]:
    """The processes of a session. Every test is a process group of its own, so that killing one group is not enough."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name of the program, in parentheses, may hold anything.
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == leader:
                yield int(folder.name)


def marked(word: str) -> Iterator[int]:
    """The processes with this in their environment, which children inherit into whatever session."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if word.encode() in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def _kill_session(leader: int, how: int) -> None:
    for process in _session(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, how)


def bound(argv: Sequence[str]) -> list[str]:
    """Whatever ends this process ends that one with it. A child whose parent is killed would go on, and write beside
    whoever picks the run up."""
    return ["setpriv", "--pdeathsig", "KILL", *argv]


def run(argv: Sequence[str], log: Path, stalled: Callable[[], str | None]) -> Ended:
    """Runs argv until it ends, or until `stalled` gives a reason to end it. Output goes to the log; standard error
    goes to a terminal if there is one, because that is where progress is shown."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    if shutil.which(argv[0]) is None:
        raise HarnessFault(f"cannot start {argv[0]}: no such program")
    with log.open("wb") as output:
        try:
            child = subprocess.Popen(
                bound(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if terminal else subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise HarnessFault(f"cannot start setpriv: {error.strerror}") from None
        reason = None
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return Ended(child.wait(timeout=0.2), None)
                reason = stalled()
                if reason:
                    break
        finally:
            if child.poll() is None:
                _kill_session(child.pid, signal.SIGTERM)
                time.sleep(0.3)
            # Also after an end by itself: a runner that was killed may leave a test behind.
            _kill_session(child.pid, signal.SIGKILL)
            child.wait()
        return Ended(child.returncode, reason)


def captured(argv: Sequence[str], limit_s: float) -> bytes:
    """Standard output of argv, which has to end with 0 within the limit."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s, check=False)
    except OSError as error:
        raise HarnessFault(f"cannot start {argv[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise HarnessFault(f"{' '.join(argv)}: no end within {limit_s:g} s") from None
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        stand_in, colon, why = last[0].partition(": ")
        # What stands in for the binary on another host or in a guest says all in its one line.
        if colon and stand_in.startswith("ci/"):
            raise HarnessFault(why)
        raise HarnessFault(f"{' '.join(argv)}: {Ended(done.returncode, None)}: {last[0]}")
    return done.stdout
