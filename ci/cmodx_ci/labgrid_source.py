# SPDX-License-Identifier: Apache-2.0
"""Machines out of a labgrid environment: every target is one, driven by its own drivers.

labgrid powers a target on, waits for it and connects; the session over its SSHDriver's connection is ours. A target
names its architecture among its features: `features: [aarch64]`.
"""

import contextlib
import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import scratch, tree
from .fault import HarnessFault, UsageFault
from .fields import one_line
from .machines import Machine

_name = re.compile(r"[A-Za-z0-9._+-]+")


def _environment(path: Path) -> Any:
    try:
        import labgrid
    except ImportError:
        raise UsageFault("--labgrid: needs labgrid, which is not installed; Debian has it as python3-labgrid") from None
    try:
        environment = labgrid.Environment(str(path))
        environment.config.get_targets().items()
    except Exception as error:  # labgrid lets through whatever YAML, its own checks and the user's imports raise
        raise UsageFault(f"{path}: no environment of labgrid: {_one_line(error)}") from None
    return environment


def _one_line(error: Exception) -> str:
    return " ".join(str(getattr(error, "msg", None) or error or type(error).__name__).split())[:300]


def _names(drivers: Any) -> set[str]:
    """Names of drivers; labgrid takes a table, or a list of tables and texts. Of what else there may be, it complains."""
    names: set[str] = set()
    for entry in drivers if isinstance(drivers, list) else [drivers]:
        if isinstance(entry, dict):
            names |= {str(entry["cls"])} if "cls" in entry and entry is not drivers else set(map(str, entry))
        elif isinstance(entry, str):
            names.add(entry)
    return names


def _machine(path: Path, name: str, target: Any) -> Machine:
    where = f"{path}: target '{one_line(name)}'"
    if not isinstance(target, dict) or not _name.fullmatch(name):
        raise UsageFault(f"{where}: accepted is a table, with a name of letters, digits and . _ + -")
    features = target.get("features", [])
    features = [features] if isinstance(features, str) else features
    named = [a for a in tree.architectures if isinstance(features, list) and a in features]
    if len(named) != 1:
        raise UsageFault(f"{where}: key 'features' is {features!r}; accepted: one of {', '.join(tree.architectures)}")
    drivers = _names(target.get("drivers"))
    emulated = "QEMUDriver" in drivers
    return Machine(
        name=f"labgrid-{name}",
        path=path,
        description=f"labgrid's target {name}",
        kind="labgrid",
        architecture=named[0],
        preset=named[0],
        launch=("{binary}",),
        exists=(),
        cpus=2 if emulated else 0,
        time_scale=1.0,
        expect={},
        host=name,
        lacks=None if "SSHDriver" in drivers else "its target has no SSHDriver",
    )


def machines(path: Path) -> list[Machine]:
    """Every target, in the order of the file. UsageFault, one line, for a file that is none."""
    targets = _environment(path).config.get_targets()
    if not targets:
        raise UsageFault(f"{path}: no environment of labgrid: key 'targets' is missing or empty")
    return [_machine(path, str(name), target) for name, target in targets.items()]


def machine(path: Path, target: str) -> Machine:
    for found in machines(path):
        if found.host == target:
            return found
    raise UsageFault(f"{path}: no target '{target}'")


class _Said(logging.Handler):
    """What labgrid's drivers warned of last: their exceptions do not repeat it."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = " ".join(record.getMessage().split())[:300]


@contextlib.contextmanager
def _tidy() -> Iterator[None]:
    """labgrid leaves a temporary folder for each attempt to connect: here they go with this one."""
    before = tempfile.tempdir
    with scratch.folder("labgrid") as folder:
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


def _cleanup(environment: Any) -> None:
    """labgrid empties its ssh client's folder while the client removes its socket there: one of them comes too late."""
    with contextlib.suppress(FileNotFoundError):
        environment.cleanup()


@contextlib.contextmanager
def connected(machine: Machine) -> Iterator[list[str]]:
    """The ssh client's command line for a target that is on and logged in; off again at the end if it was put on here."""
    environment = _environment(machine.path)
    said = _Said(logging.WARNING)
    logging.getLogger().addHandler(said)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_tidy())
        stack.callback(_cleanup, environment)
        try:
            words = _connect(environment.get_target(machine.host), stack)
        except Exception as error:  # every driver raises its own
            why = f"{type(error).__name__}: {_one_line(error)}"
            raise HarnessFault(f"{machine.name}: {why}" + (f" ({said.last})" if said.last else "")) from None
        yield words


def _connect(target: Any, stack: contextlib.ExitStack) -> list[str]:
    from labgrid.exceptions import NoDriverFoundError

    try:
        # labgrid's own strategies all call the state in which a system runs programs so.
        target.get_driver("Strategy").transition("shell")
    except NoDriverFoundError:
        with contextlib.suppress(NoDriverFoundError):
            power = target.get_driver("PowerProtocol")
            power.on()
            stack.callback(power.off)
        with contextlib.suppress(NoDriverFoundError):
            target.get_driver("ShellDriver")
    driver = target.get_driver("SSHDriver")
    service = driver.networkservice
    return ["ssh", "-x", "-T", *driver.ssh_prefix, "-p", str(service.port), "-l", service.username, "--", service.address]
