# SPDX-License-Identifier: Apache-2.0
"""ci/reproduce MACHINE PROGRAM.c [VALUE=TEXT…]: compiles a program of its own, beside the suite, and runs it on a machine.

In a guest it is /init, with the console as its output; it has to power off by itself. VALUE=TEXT sets one of the values
of the machine's file, such as cpu=max.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from . import console, fault, initramfs, machines, process, scratch, tree
from .entry import guarded
from .fault import HarnessFault, UsageFault

limit_s = 300.0
_said = "reproducer: "


def compiler(architecture: str) -> str:
    """The C compiler of an architecture, as its CMake file has it; this host's own for the host's."""
    file = tree.root / "arch" / architecture / "toolchain.cmake"
    found = re.search(r"CMAKE_C_COMPILER (\S+?)\)", file.read_text(encoding="utf-8"))
    if found is None:
        raise HarnessFault(f"{file}: no CMAKE_C_COMPILER")
    return found[1]


def compiled(machine: machines.Machine, source: Path, work: Path) -> Path:
    program = work / "init"
    argv = [compiler(machine.architecture), "-O2", "-Wall", "-static", "-pthread", str(source), "-o", str(program)]
    if subprocess.run(argv, check=False).returncode != 0:
        raise HarnessFault(f"cannot compile: {' '.join(argv)}")
    return program


def run(machine: machines.Machine, source: Path, work: Path) -> int:
    program = compiled(machine, source, work)
    if machine.guest is None:
        return subprocess.run(machine.command(program), timeout=limit_s, check=False).returncode
    initramfs.write(program, work / "initrd")
    until = time.monotonic() + limit_s
    late = f"no end within {limit_s:g} s"
    argv = machine.guest.command(machine.launch, work)
    ended = process.run(argv, work / "log", lambda: late if time.monotonic() > until else None)
    text = console.tail(work / "console")
    said = [line for line in text.splitlines() if line.startswith(_said)]
    if not said:
        raise HarnessFault(f"{machine.name}: {ended}\n{text}")
    print("\n".join(said))
    return fault.conformant


def varied(name: str, values: list[str], work: Path) -> machines.Machine:
    """The machine of that name, with some of its values set."""
    found = machines.select([name])
    if len(found) != 1 or found[0].elsewhere:
        raise UsageFault(f"{name}: accepted is one machine of this host")
    if not values:
        return found[0]
    path = work / found[0].path.name
    # A string of JSON is one of TOML.
    lines = [f"extends = {json.dumps(str(found[0].path))}", "[values]"]
    for word in values:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageFault(f"{word}: accepted is VALUE=TEXT")
        lines.append(f"{key} = {json.dumps(value)}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return machines.read_machine(path)


def command(arguments: list[str]) -> int:
    if len(arguments) < 2:
        raise UsageFault("accepted: MACHINE PROGRAM.c [VALUE=TEXT…]")
    with scratch.folder("reproduce") as folder:
        machine = varied(arguments[0], arguments[2:], folder)
        absent = machine.absent()
        if absent:
            print(f"ci/reproduce: {machine.name} is absent: {absent}", file=sys.stderr)
            return fault.nothing_to_run
        return run(machine, Path(arguments[1]), folder)


def main() -> int:
    return guarded("ci/reproduce", command)
