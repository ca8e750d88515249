# SPDX-License-Identifier: Apache-2.0
"""ci/reproducible [PRESET…]: builds what is checked out twice, in different folders and without the compiler
cache, and compares the binaries byte by byte: cmodx, and the images for bare machines of what is compiled for another
architecture."""

import hashlib
import os
import re
import subprocess
from pathlib import Path

from . import fault, scratch, tree
from .entry import Parser, guarded
from .fault import HarnessFault

_jobs = str(len(os.sched_getaffinity(0)))


def _call(argv: list[str], folder: Path) -> None:
    ended = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"CCACHE_DISABLE": "1"}
    )
    if ended.returncode != 0:
        raise HarnessFault(f"{' '.join(argv)}: {(ended.stdout + ended.stderr)[-600:]}")


def targets(preset: str) -> list[str]:
    images = tree.root / "arch" / preset / "boot" / "images.cmake"
    text = images.read_text(encoding="utf-8") if images.exists() else ""
    return ["cmodx", *re.findall(r"^bare_image\((\w+)", text, re.M)]


def built(preset: str, root: Path) -> dict[str, bytes]:
    """Bytes by target."""
    names = targets(preset)
    tree.copy(root)
    _call(["cmake", "--preset", preset], root)
    _call(["cmake", "--build", f"build/{preset}", "-j", _jobs, "--target", *names], root)
    return {name: (root / "build" / preset / name).read_bytes() for name in names}


def difference(one: bytes, other: bytes) -> str:
    """Empty if there is none."""
    if one == other:
        return ""
    if len(one) != len(other):
        return f"{len(one)} and {len(other)} bytes"
    at = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    return f"{len(at)} of {len(one)} bytes differ, first at {at[0]:#x}: {one[at[0] : at[0] + 32]!r}"


def same(preset: str) -> bool:
    with scratch.folder("reproducible") as folder:
        one, other = (built(preset, folder / name) for name in ("a", "another/place"))
    differ = {name: difference(one[name], other[name]) for name in one}
    for name, what in differ.items():
        say = what or f"byte-identical, {len(one[name])} bytes, SHA-256 {hashlib.sha256(one[name]).hexdigest()}"
        print(f"{preset}/{name}: {say}", flush=True)
    return not any(differ.values())


def run(arguments: list[str]) -> int:
    parser = Parser("ci/reproducible", __doc__)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="native and every architecture if none is given")
    presets = parser.parse_args(arguments).presets or ["native", *tree.architectures]
    return fault.conformant if all([same(preset) for preset in presets]) else fault.violations


def main() -> int:
    return guarded("ci/reproducible", run)
