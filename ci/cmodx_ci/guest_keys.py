# SPDX-License-Identifier: Apache-2.0
"""The keys of a machine file of kind "system", how a kernel is started with the suite as its /init, and of kind "bare":
how the suite's own image is started in the place of a kernel."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import disk, tree
from .fields import Key, is_number, is_text, is_texts

# Paths: the kernel as in the machine's file, the initramfs that is made for this run, where the console's text goes and
# where the results. And the number of the guest's CPUs.
placeholders = ("cache", "ci", "kernel", "initrd", "console", "channel", "cpus")
needed = ("kernel", "initrd", "console", "channel")
_words = ", ".join("{" + name + "}" for name in placeholders)
_placeholder = re.compile(r"\{([^{}]*)\}")


# And of a bare image: the image, its command line, where its serial line goes; or a disk that is made of the first two.
bare_placeholders = ("cache", "ci", "binary", "arguments", "disk", "channel", "cpus")
bare_needed = ("binary", "arguments", "channel")
disk_needed = ("disk", "channel")


def _launches(value: Any, placeholders: tuple[str, ...], needed: tuple[str, ...]) -> bool:
    if not is_texts(value):
        return False
    found = [name for word in value for name in _placeholder.findall(word)]
    strays = any(set("{}") & set(_placeholder.sub("", word)) for word in value)
    return not strays and set(found) <= set(placeholders) and all(found.count(name) == 1 for name in needed)


def _is_launch(value: Any) -> bool:
    return _launches(value, placeholders, needed)


def _is_bare_launch(value: Any) -> bool:
    def only(*names: str) -> tuple[str, ...]:
        return (*names, "cache", "ci", "cpus")

    return _launches(value, only(*bare_needed), bare_needed) or _launches(value, only(*disk_needed), disk_needed)


def _is_image(value: Any) -> bool:
    return is_text(value) and re.fullmatch(r"cmodx_bare(_[a-z0-9_]+)?", value) is not None


def _is_cpus(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 255


keys = {
    "launch": Key(
        "a list of arguments that starts a guest, with once each "
        + ", ".join("{" + name + "}" for name in needed) + f"; placeholders: {_words}",
        _is_launch,
    ),
    "kernel": Key("a path of a kernel; placeholders: {cache}, {ci}", is_text),
    "guest_cpus": Key("a number of the guest's CPUs, 1 or more; without it, as many as `cpus`", _is_cpus, False),
    "start_s": Key("seconds to the first result, above 0", lambda v: is_number(v) and 0 < v <= 3600, False, 60),
    "probe": Key(
        "true for a machine that is not there if it does not start in time",
        lambda v: isinstance(v, bool), False, False,
    ),
}
bare_keys = {name: key for name, key in keys.items() if name != "kernel"} | {
    "launch": Key(
        "a list of arguments that starts an image, with once each "
        + ", ".join("{" + name + "}" for name in bare_needed)
        + " (or {disk} for the first two); placeholders: " + ", ".join("{" + name + "}" for name in bare_placeholders),
        _is_bare_launch,
    ),
    "image": Key("a target of the build, cmodx_bare or one that begins so", _is_image, False, "cmodx_bare"),
}


@dataclass(frozen=True)
class Guest:
    kernel: str  # empty: the image is the kernel
    cpus: int
    start_s: float
    probe: bool
    image: str = ""  # of kind "bare": the build's target

    def bare_command(self, launch: tuple[str, ...], image: Path, arguments: str, work: Path) -> list[str]:
        """`work`: a folder in which what the serial line says appears as `channel`."""
        values = {"cache": str(tree.cache()), "ci": str(tree.root / "ci"), "cpus": str(self.cpus)}
        values |= {"binary": str(image), "arguments": arguments, "channel": str(work / "channel")}
        if any("{disk}" in word for word in launch):
            values["disk"] = str(work / "disk")
            disk.write(image, arguments, work / "disk")
        return [_placeholder.sub(lambda match: values[match[1]], word) for word in launch]

    def command(self, launch: tuple[str, ...], work: Path) -> list[str]:
        """`work`: a folder with the initramfs as `initrd`; `console` and `channel` appear there."""
        values = {"cache": str(tree.cache()), "ci": str(tree.root / "ci")}
        values["kernel"] = _placeholder.sub(lambda match: values[match[1]], self.kernel)
        values |= {name: str(work / name) for name in ("initrd", "console", "channel")}
        values["cpus"] = str(self.cpus)
        return [_placeholder.sub(lambda match: values[match[1]], word) for word in launch]


def guest_of(table: dict[str, Any]) -> Guest:
    cpus = table["guest_cpus"] or table["cpus"]
    return Guest(table.get("kernel", ""), cpus, float(table["start_s"]), table["probe"], table.get("image", ""))
