# SPDX-License-Identifier: Apache-2.0
"""Machines: places to run, one file each in ci/machines/."""

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from . import guest_keys, ssh, template, tree
from .fault import UsageFault
from .fields import Key, check_table, is_number, is_text, is_texts, text
from .guest_keys import Guest, guest_of

kinds = ("native", "user", "system", "bare", "ssh")
placeholders = ("binary", "cache", "ci")
_placeholder = re.compile(r"\{([^{}]*)\}")


def _is_launch(value: Any) -> bool:
    return is_texts(value) and _fits(value) and value.count("{binary}") == 1


def _fits(value: Any) -> bool:
    """Whether every brace in these texts belongs to a placeholder."""
    return is_texts(value) and all(
        set(_placeholder.findall(word)) <= set(placeholders) and not set("{}") & set(_placeholder.sub("", word))
        for word in value
    )


def _is_facts(value: Any) -> bool:
    return isinstance(value, dict) and all(is_text(k) and isinstance(v, str) for k, v in value.items())


_words = ", ".join("{" + name + "}" for name in placeholders)
keys = {
    "description": Key(text, is_text),
    "kind": Key("one of " + ", ".join(kinds), lambda v: v in kinds),
    "architecture": Key(
        "one of host, " + ", ".join(tree.architectures),
        lambda v: v == "host" or v in tree.architectures,
    ),
    "launch": Key(
        f"a list of arguments with {{binary}} once as an argument of its own; placeholders: {_words}", _is_launch
    ),
    "exists": Key(f"a list of paths that this machine needs; placeholders: {_words}", _fits, False, []),
    "cpus": Key(
        "a number of CPUs, 1 or more", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 1, False, 2
    ),
    "time_scale": Key(
        "a number above 0: how many times slower than a CPU",
        lambda v: is_number(v) and math.isfinite(v) and v > 0,
        False,
        1,
    ),
    "expect": Key("a table of facts, key = \"glob\"", _is_facts, False, {}),
    "default": Key(
        "true, or false for a machine that runs only when a glob names it", lambda v: isinstance(v, bool), False, True
    ),
}
# What a machine on another host has no use for: this host's CPUs and files.
_of_this_host = ("exists", "cpus")
# And what only it has.
ssh_keys = {
    "host": Key("a host as the ssh configuration has it", lambda v: is_text(v) and not v.startswith("-")),
    "user": Key(text, is_text, False),
    "port": Key("a port, 1 to 65535", lambda v: type(v) is int and 1 <= v <= 65535, False),
    "ssh_config": Key("a file for ssh -F; placeholders: {cache}, {ci}", lambda v: is_text(v) and _fits([v]), False),
    "folder": Key("a folder there that programs may run from", lambda v: is_text(v) and v.startswith("/"), False, "/tmp"),
}


@dataclass(frozen=True)
class Machine:
    """A place to run. `launch` is an argument list, never a shell's."""

    name: str
    path: Path
    description: str
    kind: str
    architecture: str  # resolved: never "host"
    preset: str  # of CMake
    launch: tuple[str, ...]
    exists: tuple[str, ...]
    cpus: int
    time_scale: float
    expect: dict[str, str]
    default: bool = True
    host: str = ""  # of another host: its name in the ssh configuration, or labgrid's target
    user: str | None = None
    port: int | None = None
    ssh_config: str | None = None
    folder: str = "/tmp"  # there
    lacks: str | None = None  # what its source knows to be missing
    guest: Guest | None = None  # of kind "system" or "bare"

    @property
    def bare(self) -> bool:
        """Whether the suite runs in the place of a kernel, as an image of its own."""
        return self.kind == "bare"

    @property
    def target(self) -> str:
        """What is built for it."""
        return self.guest.image if self.guest and self.bare else "cmodx"

    @property
    def elsewhere(self) -> bool:
        """Whether the binary runs on another host, whose CPUs are not this one's to lend."""
        return self.kind in ("ssh", "labgrid")

    @property
    def place(self) -> str | None:
        """What only one run at a time may use, besides CPUs of this host."""
        return f"{self.kind} {self.host}" if self.elsewhere else None

    def client(self) -> list[str]:
        """The ssh client's command line up to the host."""
        config = _fill(self.ssh_config, "") if self.ssh_config else None
        return ssh.client(self.host, self.user, self.port, config)

    def command(self, binary: Path | str) -> list[str]:
        """What starts the binary on this machine; the binary's own arguments follow."""
        if self.elsewhere:
            target = [f"--target={self.host}"] if self.kind == "labgrid" else []
            return [str(tree.root / "ci" / "remote"), *target, str(self.path), str(binary)]
        if self.guest:
            return [str(tree.root / "ci" / "guest"), str(self.path), str(binary)]
        return fill_words(self.launch, binary)

    def absent(self) -> str | None:
        """Why this host does not have the machine; None if it does. HarnessFault for a host that refuses a key."""
        if self.lacks:
            return self.lacks
        if self.kind == "ssh":
            return _unreachable(self.name, *self.client())
        for path in (*self.exists, *([self.guest.kernel] if self.guest and self.guest.kernel else [])):
            filled = _fill(path, "")
            if not Path(filled).exists():
                return f"no {filled}" + ("; ci/setup system gets it" if self.guest else "")
        have = len(tree.host_cpus())
        if have < self.cpus:
            return f"needs {self.cpus} CPUs, and this process may use {have}"
        return None


@functools.cache
def _unreachable(name: str, *client: str) -> str | None:
    return ssh.probe(name, client)


def fill_words(words: Sequence[str], binary: Path | str) -> list[str]:
    return [_fill(word, str(binary)) for word in words]


def _fill(word: str, binary: str) -> str:
    values = {"binary": binary, "cache": str(tree.cache()), "ci": str(tree.root / "ci")}
    return _placeholder.sub(lambda match: values[match[1]], word)


def read_machine(path: Path) -> Machine:
    raw = template.read(path)
    elsewhere, system = raw.get("kind") == "ssh", raw.get("kind") in ("system", "bare")
    accepted = {name: key for name, key in keys.items() if name not in _of_this_host} | ssh_keys if elsewhere else keys
    more = guest_keys.bare_keys if raw.get("kind") == "bare" else guest_keys.keys
    accepted = accepted | more if system else accepted
    table = {"exists": [], "cpus": 0} | check_table(str(path), raw, accepted)
    if elsewhere and set(_placeholder.findall(" ".join(table["launch"]))) != {"binary"}:
        raise UsageFault(f"{path}: key 'launch' is run on another host; accepted: {{binary}} as its only placeholder")
    host = table["architecture"] == "host"
    return Machine(
        name=path.stem,
        path=path,
        description=table["description"],
        kind=table["kind"],
        architecture=tree.host_architecture() if host else table["architecture"],
        preset="native" if host else table["architecture"],
        launch=tuple(table["launch"]),
        exists=tuple(table["exists"]),
        cpus=table["cpus"],
        time_scale=float(table["time_scale"]),
        expect=dict(table["expect"]),
        default=table["default"],
        guest=guest_of(table) if system else None,
        **{key: table[key] for key in ssh_keys if key in table},
    )


def machine_paths(folder: Path = tree.machines) -> list[Path]:
    """Sorted so that native is first and versions count up."""

    def rank(path: Path) -> tuple:
        words = re.split(r"(\d+)", path.stem)
        return path.stem != "native", [(int(w), "") if w.isdigit() else (-1, w) for w in words]

    return sorted(folder.glob("*.toml"), key=rank)


def select(globs: list[str], folder: Path = tree.machines, more: Sequence[Machine] = ()) -> list[Machine]:
    """The machines that match a glob; without one, all but those with default = false. Every file is read, so that a
    fault in any is seen. `more`: machines that are not files of the folder."""
    every = [*(read_machine(path) for path in machine_paths(folder)), *more]
    for glob in globs:
        if not any(fnmatchcase(machine.name, glob) for machine in every):
            names = ", ".join(machine.name for machine in every)
            raise UsageFault(f"no machine matches '{glob}'; there are: {names}")
    return [m for m in every if any(fnmatchcase(m.name, glob) for glob in globs) or not globs and m.default]
