# SPDX-License-Identifier: Apache-2.0
"""Stands in for a binary that runs as /init of a guest, or in the place of its kernel: same arguments, same exit codes, same result files.

The guest sends what the binary prints through a channel of its own, so that kernel messages on the console never mix
with results. A guest that panics, hangs or is killed costs the test in flight, which is a crash or a timeout with the
end of the console, and those behind it, which are missing.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import console, fault, initramfs, process, results, scratch, subjects, tree
from .entry import guarded
from .fault import HarnessFault, UsageFault
from .fields import is_number
from .machines import Machine, read_machine

# Beyond what the runner allows a test before it ends it by itself, run.cpp.
quiet_s = float(os.environ.get("CMODX_GUEST_QUIET_S", "30"))
grace_s = 5.0

# Exit codes of a run that came to its end: then there is a document.
_over = (fault.conformant, fault.violations, fault.harness_failed, fault.nothing_to_run)


@dataclass(frozen=True)
class Words:
    """A command line of the binary, with what concerns the host taken out."""

    left: tuple[str, ...]
    output: str | None
    resume: str | None
    cpus: str | None
    globs: tuple[str, ...]


def taken_apart(words: Sequence[str]) -> Words:
    if not words or words[0] != "run":
        return Words(tuple(words), None, None, None, ())
    taken: dict[str, str | None] = {"--output": None, "--resume": None, "--cpus": None}
    left, globs = ["run"], []
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            globs.append(word)
            left.append(word)
            continue
        if not equals:
            value = next(rest, "")
        if name in taken:
            taken[name] = value
        else:
            left += [name, value]
    if taken["--output"]:
        left += ["--format", "jsonl"]
    return Words(tuple(left), taken["--output"], taken["--resume"], taken["--cpus"], tuple(globs))


def _part(line: bytes, *keys: str) -> Any:
    """Of an object on a line; None if it is not there: what a guest sends may be cut or garbled."""
    try:
        value = json.loads(line)
        for key in keys:
            value = value[key]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return value


class Channel:
    """The guest's output as it grows: whole lines go on to `sink`, all but the first process's last word. `kept`: lines
    of an earlier run that belong behind the header. `shared`: with a bare image's complaints, which are no JSON and
    stay on the line."""

    def __init__(self, path: Path, sink: Any, kept: Sequence[bytes] = (), shared: bool = False) -> None:
        self._path, self._sink, self._kept, self._shared = path, sink, kept, shared
        self._at, self._rest = 0, b""
        self.began = self.grown = time.monotonic()
        self.first_s: float | None = None  # from the launch to the first line
        self.end: dict[str, int] | None = None
        self.limit_s: float | None = None  # between two lines, once the header told the budget

    def read(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                new = file.read()
        except FileNotFoundError:
            return
        if not new:
            return
        self.grown = time.monotonic()
        if self.first_s is None:
            self.first_s = self.grown - self.began
        self._at += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            self._take(line)
        self._sink.flush()

    def _take(self, line: bytes) -> None:
        if line.startswith(b'{"end": '):
            for how in ("exit", "signal"):
                if isinstance(code := _part(line, "end", how), int):
                    self.end = {how: code}
                    return
        if self._shared and not line.startswith(b"{"):
            return
        if self.limit_s is None and line.startswith(b'{"header"'):
            seconds, scale = (_part(line, "header", "budget", key) for key in ("seconds_per_test", "time_scale"))
            if is_number(seconds) and is_number(scale):
                self.limit_s = (2 * seconds + grace_s) * scale + quiet_s
            line = b"\n".join([line, *self._kept])
        self._sink.write(line + b"\n")

    def stalled(self, start_s: float) -> str | None:
        self.read()
        quiet = time.monotonic() - self.grown
        if self.first_s is None:
            return f"no first result within {start_s:g} s" if quiet > start_s else None
        limit = self.limit_s or start_s
        return f"no result for {quiet:.0f} s" if quiet > limit else None


def _of(machine: Machine) -> list[str]:
    return ["--arch", machine.architecture, *["--bare"] * machine.bare]


def _native(binary: Path) -> Path:
    """This host's of the same subjects, or of the suite: a list is the same on any."""
    native = tree.binary("native")
    return native.with_name(binary.name) if binary.name.startswith(subjects.target_prefix) else native


def _tests(machine: Machine, binary: Path, globs: Sequence[str]) -> list[dict[str, Any]]:
    """What the binary lists."""
    command = [str(_native(binary)), "list", *_of(machine), "--json", *globs]
    return json.loads(process.captured(command, 60))


def _ended_early(channel: Channel, ended: process.Ended, said: str) -> tuple[str, str]:
    """Status of the test in flight, and why."""
    if channel.end is not None:
        return "crash", f"the suite in the guest: {process.Ended(-channel.end['signal'], None)}"
    if ended.stalled:
        return "timeout", f"the guest hung: {ended.stalled}"
    words = console.last_words(said)
    return "crash", f"the guest ended: {words}" if words else f"the guest ended without a word: its emulator: {ended}"


# What was counted of a test went with its guest; nor is it known here which bytes ran.
_unknown = {
    "code_hash": "0" * 16,
    "sequence_hash": "0" * 16,
    "arrangement_hash": "0" * 16,
    "trials": 0,
    "fresh": 0,
    "outcomes": {},
    "evidence": dict.fromkeys(
        ("writes", "transitions", "batches", "observers", "yields", "voluntary_switches", "involuntary_switches"), 0
    ),
    "witnesses": [],
    "duration_s": 0.0,
    "rate_hz": 0.0,
}


def _seed(name: str, of_run: int) -> int:
    """A test's seed, as run_tests in runner/run.cpp makes it: FNV-1a over its name."""
    seed = 0xCBF29CE484222325 ^ of_run
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    return seed


def broken_off(document: results.Document, tests: list[dict[str, Any]], status: str, why: str, said: str) -> None:
    """Adds the test in flight with the end of the console, and what did not run any more."""
    have = {record["name"] for record in document["tests"]}
    left = [test for test in tests if test["name"] not in have]
    if left:
        results.add_missing(document, left[:1], why)
        record = document["tests"][-1]
        record |= _unknown | {"seed": _seed(record["name"], document["seed"]), "status": status, "stderr": said}
    results.add_missing(document, left[1:], why)


def _document(lines: Path, began: float) -> results.Document | None:
    document = results.salvage(lines)
    if document is not None:
        # The guest's clock may be wrong.
        document["start"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
        document["duration_s"] = time.time() - began
    return document


def _with_kernel(
    machine: Machine, binary: Path, asked: Words, work: Path, beside: Mapping[str, bytes]
) -> tuple[list[str], list[bytes]]:
    left = [*asked.left, "--resume", "/resume"] if asked.resume else [*asked.left]
    more = {**beside, "arguments": "".join(word + "\0" for word in left).encode()}
    if asked.resume:
        more["resume"] = Path(asked.resume).read_bytes()
    initramfs.write(binary, work / "initrd", more)
    return machine.guest.command(machine.launch, work), []


def _bare(
    machine: Machine, binary: Path, asked: Words, work: Path, _: Mapping[str, bytes]
) -> tuple[list[str], list[bytes]]:
    """An image has no files: of an earlier run, what is left to do is its command line, and the rest is kept here."""
    left, kept = list(asked.left), []
    if asked.resume:
        earlier = results.salvage(Path(asked.resume))
        records = {record["name"]: record for record in (earlier or {"tests": []})["tests"]}
        names = [test["name"] for test in _tests(machine, binary, asked.globs)]
        # The last one once more if none is left: the header is the image's.
        todo = [name for name in names if name not in records] or names[-1:]
        kept = [json.dumps(record).encode() for name, record in records.items() if name not in todo]
        left = [word for word in left if word not in asked.globs] + todo
    return machine.guest.bare_command(machine.launch, binary, " ".join(left), work), kept


def run(
    machine: Machine,
    binary: Path,
    words: Sequence[str],
    beside: Mapping[str, bytes] = MappingProxyType({}),
    kept: Path | None = None,
) -> int:
    """The exit code of the binary; 1 if the guest ended before it, 77 if it is only a probe that did not start.
    In a guest that has a kernel, `beside`: files for the binary; `kept`: where the whole console goes."""
    asked = taken_apart(words)
    with scratch.folder("guest") as work:
        argv, earlier = (_bare if machine.bare else _with_kernel)(machine, binary, asked, work, beside)
        argv = process.bound(argv)
        if asked.cpus:
            argv = ["taskset", "-c", asked.cpus, *argv]
        lines = Path(f"{asked.output}.jsonl") if asked.output else work / "lines"
        began = time.time()
        with lines.open("wb") if asked.output else open(sys.stdout.fileno(), "wb", closefd=False) as sink:
            channel = Channel(work / "channel", sink, earlier, machine.bare)
            ended = process.run(argv, work / "log", lambda: channel.stalled(machine.guest.start_s))
            channel.read()
        if kept is not None and (work / "console").exists():
            kept.write_bytes((work / "console").read_bytes())
        if channel.first_s is not None:
            print(f"{machine.name}: first result after {channel.first_s:.1f} s", file=sys.stderr)
        said = console.complaints(work / "channel") if machine.bare else console.tail(work / "console")
        if channel.end is None or "signal" in channel.end:
            print(console.tail(work / "log"), said, sep="\n", file=sys.stderr)
            return _broken(machine, binary, asked, _ended_early(channel, ended, said), said, lines, began)
        code = channel.end["exit"]
        if code not in (fault.conformant, fault.violations):
            print(said, file=sys.stderr)  # the binary's standard error is the console
        document = _document(lines, began) if asked.output and code in _over else None
        if document is not None:
            document["complete"] = all(record["status"] != "missing" for record in document["tests"])
            results.write(Path(asked.output), document)
            lines.unlink()
        return code


def _broken(
    machine: Machine, binary: Path, asked: Words, how: tuple[str, str], said: str, lines: Path, began: float
) -> int:
    status, why = how
    document = _document(lines, began) if asked.output else None
    if document is None:
        if machine.guest.probe:
            print(f"{machine.name}: {why}", file=sys.stderr)
            return fault.nothing_to_run
        raise HarnessFault(f"{machine.name}: {why}")
    broken_off(document, _tests(machine, binary, asked.globs), status, why, said)
    results.write(Path(asked.output), document)
    lines.unlink()
    print(f"{machine.name}: {why}", file=sys.stderr)
    return fault.violations


def command(arguments: list[str]) -> int:
    if len(arguments) < 2:
        raise UsageFault("accepted: MACHINE-FILE BINARY [ARGUMENT…]")
    machine, binary, words = read_machine(Path(arguments[0])), Path(arguments[1]), arguments[2:]
    if machine.guest is None:
        raise UsageFault(f"{machine.path}: key 'kind' is '{machine.kind}'; accepted: system, bare")
    native = _native(binary)
    if words[:1] == ["list"] and native.exists():
        return subprocess.run([native, *words, *_of(machine)], check=False).returncode
    return run(machine, binary, words)


def main() -> int:
    """ci/guest MACHINE-FILE BINARY [ARGUMENT…]"""
    return guarded("ci/guest", command)
