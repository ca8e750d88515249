# SPDX-License-Identifier: Apache-2.0
"""A session on another host through the OpenSSH client: a folder there, files put into it, programs run in it.

The folder's keeper is a process on that host whose standard input is this session: whatever ends the session, a lost
connection included, the keeper sees the end of its input, ends the program that runs there, and removes the folder.
Arguments travel as lists; what the other host's shell sees is quoted here, and nowhere else.
"""

import contextlib
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from . import scratch
from .fault import HarnessFault

connect_s = 10  # to a host that does not answer
# A host that is silent for twice this is lost.
alive_s = 5
put_s = 300.0
probe_s = 60.0

# One line each, without single quotes or "!": a login shell that is no POSIX shell has to pass them on unchanged.
_keeper = (
    'd=$(mktemp -d "$1") || exit 3; trap "" HUP TERM INT; echo "cmodx-folder $d"; cat >/dev/null; '
    'p=$(cat "$d/pid" 2>/dev/null); if [ "$p" ]; then kill -TERM "$p"; i=0; '
    'while kill -0 "$p" && [ $i -lt 3 ]; do sleep 1; i=$((i+1)); done; kill -KILL "$p"; fi 2>/dev/null; rm -rf "$d"'
)
_runner = (
    'd=$1; shift; "$@" </dev/null & p=$!; echo $p >"$d/pid" || { kill $p; exit 3; }; '
    'wait $p; c=$?; rm -f "$d/pid"; exit $c'
)
_put = 'cat >"$1" && chmod 700 "$1"'

# What the client says when the host answered and something is wrong with keys: no reason to call the host absent.
_refusals = ("Permission denied", "Host key verification failed", "Too many authentication")


class Unreachable(HarnessFault):
    """The host does not answer; one line that says why."""


def _shell(script: str, *words: str) -> str:
    return shlex.join(["sh", "-c", script, "sh", *words])


def last_line(text: bytes) -> str:
    """The last line that says something: notes of the client about host keys do not."""
    lines = [line.strip() for line in text.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("Warning: Permanently added")]
    return lines[-1][:300] if lines else "no message"


def client(host: str, user: str | None, port: int | None, config: str | None) -> list[str]:
    """The client's command line up to the host; user, port and identity not given here are the ssh configuration's."""
    words = ["ssh", "-x", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={connect_s}"]
    words += ["-o", f"ServerAliveInterval={alive_s}", "-o", "ServerAliveCountMax=2"]
    words += ["-F", config] if config else []
    words += ["-p", str(port)] if port else []
    words += ["-l", user] if user else []
    return [*words, "--", host]


def failure(name: str, text: bytes) -> Exception:
    """What the client's last words mean: Unreachable, or a HarnessFault."""
    said = text.decode(errors="replace")
    for line in said.splitlines():
        if any(refusal in line for refusal in _refusals):
            return HarnessFault(f"{name}: ssh: {line.strip()[:300]}")
    return Unreachable(f"ssh: {last_line(text).removeprefix('ssh: ')}")


def probe(name: str, words: Sequence[str]) -> str | None:
    """Why the host cannot be reached; None if it can. HarnessFault if it answers and refuses."""
    try:
        done = subprocess.run(
            [*words, "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=probe_s, check=False
        )
    except OSError as error:
        return f"cannot start {words[0]}: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"ssh: no answer within {probe_s:g} s"
    if done.returncode == 255:
        problem = failure(name, done.stderr)
        if isinstance(problem, Unreachable):
            return str(problem)
        raise problem
    return None


class Session(contextlib.AbstractContextManager):
    """`words`: the client's command line up to the host. `parent`: the folder there that gets the session's own."""

    def __init__(self, name: str, words: Sequence[str], parent: str = "/tmp", share: bool = True) -> None:
        self.name = name
        self._words = list(words)
        self._template = parent.rstrip("/") + "/cmodx.XXXXXX"
        self._share = share
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Session":
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _open(self) -> None:
        self._said = self._stack.enter_context(tempfile.TemporaryFile())
        if self._share:
            # One connection for everything. The path of a socket has to be short, hence not below the run's folder.
            folder = self._stack.enter_context(scratch.folder("ssh"))
            self._words[1:1] = ["-o", "ControlMaster=auto", "-o", f"ControlPath={folder}/control"]
        try:
            self._keeper = subprocess.Popen(
                [*self._words, _shell(_keeper, self._template)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
            )
        except OSError as error:
            raise HarnessFault(f"{self.name}: cannot start {self._words[0]}: {error.strerror}") from None
        self._stack.callback(self._close)
        for line in self._keeper.stdout:  # a login may greet first
            if line.startswith(b"cmodx-folder "):
                self.folder = line.decode().split(maxsplit=1)[1].rstrip("\n")
                return
        code = self._keeper.wait()
        if code == 255:
            raise failure(self.name, self._words_said())
        raise HarnessFault(f"{self.name}: no folder there: {last_line(self._words_said())}")

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._keeper.stdin.close()
        try:
            self._keeper.wait(timeout=alive_s * 3)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        self._keeper.stdout.close()

    def _words_said(self) -> bytes:
        self._said.seek(0)
        return self._said.read()

    def put(self, local: Path | str, name: str) -> str:
        """Copies a file into the folder there, executable; its path there. HarnessFault names what the host said."""
        path = f"{self.folder}/{name}"
        try:
            with open(local, "rb") as file:
                done = subprocess.run(
                    [*self._words, _shell(_put, path)], stdin=file, capture_output=True, timeout=put_s, check=False
                )
        except OSError as error:
            raise HarnessFault(f"{self.name}: cannot read {local}: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise HarnessFault(f"{self.name}: copying {local} took longer than {put_s:g} s") from None
        if done.returncode == 255:
            raise HarnessFault(f"{self.name}: {self.lost(done.stderr)}")
        if done.returncode != 0:
            raise HarnessFault(f"{self.name}: cannot copy {Path(local).name} there: {last_line(done.stderr)}")
        return path

    def start(self, argv: Sequence[str], stdout: int | IO[Any] | None, stderr: int | IO[Any] | None) -> subprocess.Popen:
        """A program there. Its client ends with the program's code, 128 + N for signal N, 255 for a lost connection."""
        command = _shell(_runner, self.folder, *argv)
        return subprocess.Popen([*self._words, command], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)

    def lost(self, text: bytes = b"") -> str:
        """One line on a connection that is lost."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(timeout=1)
        said = self._words_said() or text
        return f"connection lost: {last_line(said)}"
