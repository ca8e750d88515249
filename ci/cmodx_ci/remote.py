# SPDX-License-Identifier: Apache-2.0
"""Stands in for a binary that runs on another host: same arguments, same exit codes, same result files.

The document is put together here from the JSON Lines that the binary prints there, so that a lost connection costs no
more than the test in flight, and nothing has to be fetched afterwards.
"""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import fault, labgrid_source, results, ssh
from .entry import guarded
from .fault import HarnessFault, UsageFault
from .machines import Machine, fill_words, read_machine


@dataclass(frozen=True)
class Arguments:
    """A command line of the binary, with the files of this host taken out."""

    words: tuple[str, ...]
    output: str | None
    resume: str | None


def taken_apart(words: Sequence[str]) -> Arguments:
    """Takes --output FILE and --resume FILE out of `run`; what is left means the same on any host."""
    files: dict[str, str | None] = {"--output": None, "--resume": None}
    if not words or words[0] != "run":
        return Arguments(tuple(words), None, None)
    left = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name not in files:
            left.append(word)
            continue
        files[name] = value if equals else next(rest, None)
        if not files[name]:
            raise UsageFault(f"{name}: accepted is a file")
    if files["--output"] and any(word.partition("=")[0] == "--format" for word in left):
        raise UsageFault("--format with --output: accepted on another host is one of them")
    return Arguments(tuple(left), files["--output"], files["--resume"])


def _pass_on(process: subprocess.Popen, output: Path) -> None:
    """Lines as they come, each whole, into output.jsonl; other lines are a person's."""
    began = time.monotonic()
    with Path(f"{output}.jsonl").open("wb") as file:
        for line in process.stdout:
            if line.startswith(b"{") and line.endswith(b"\n"):
                file.write(line)
                file.flush()
            else:
                sys.stderr.buffer.write(line)
    if process.wait() not in (fault.conformant, fault.violations, fault.harness_failed):
        return
    document = results.salvage(Path(f"{output}.jsonl"))
    if document is None:
        return
    lost = any(record.get("status") == "missing" for record in document["tests"])
    results.write(output, document | {"duration_s": time.monotonic() - began, "complete": not lost})
    Path(f"{output}.jsonl").unlink()


def run(session: ssh.Session, launch: Sequence[str], binary: str, words: Sequence[str]) -> int:
    """`launch`: as in the machine's file. The exit code of the binary; negative for a signal."""
    arguments = taken_apart(words)
    command = fill_words(launch, session.put(binary, "cmodx"))
    more: list[str] = []
    if arguments.resume:
        more += ["--resume", session.put(arguments.resume, "resume")]
    if arguments.output:
        more += ["--format", "jsonl"]
    process = session.start(
        [*command, *arguments.words, *more], subprocess.PIPE if arguments.output else None, None
    )
    if arguments.output:
        _pass_on(process, Path(arguments.output))
    code = process.wait()
    if code == 255:
        raise HarnessFault(f"{session.name}: {session.lost()}")
    return 128 - code if code > 128 else code


@contextlib.contextmanager
def opened(machine: Machine) -> Iterator[ssh.Session]:
    if machine.kind == "labgrid":
        with labgrid_source.connected(machine) as words, ssh.Session(machine.name, words, share=False) as session:
            yield session
    else:
        with ssh.Session(machine.name, machine.client(), machine.folder) as session:
            yield session


def _end_like(code: int) -> int:
    """This process ends as the one over there did."""
    if code >= 0:
        return code
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        signal.signal(-code, signal.SIG_DFL)
    sys.stderr.flush()
    os.kill(os.getpid(), -code)
    return fault.harness_failed


def _interrupted(number: int, _: object) -> None:
    raise HarnessFault(f"ended by {signal.Signals(number).name}")


def command(words: list[str]) -> int:
    target = words.pop(0).partition("=")[2] if words and words[0].startswith("--target=") else None
    if len(words) < 2:
        raise UsageFault("accepted: MACHINE-FILE BINARY [ARGUMENT…]")
    path = Path(words[0])
    machine = labgrid_source.machine(path, target) if target else read_machine(path)
    taken_apart(words[2:])  # a fault of the user's is said before anybody is connected to
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    with opened(machine) as session:
        code = run(session, machine.launch, words[1], words[2:])
    return _end_like(code)


def main() -> int:
    """ci/remote MACHINE-FILE BINARY [ARGUMENT…], or with --target=NAME before a labgrid environment."""
    return guarded("ci/remote", command)
