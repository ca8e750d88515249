# SPDX-License-Identifier: Apache-2.0
"""ci/reproducible [PRESET…]: builds what is checked out twice, in different folders and without the compiler
cache, and compares the binaries byte by byte."""

import hashlib
import os
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


def built(preset: str, root: Path) -> Path:
    tree.copy(root)
    _call(["cmake", "--preset", preset], root)
    _call(["cmake", "--build", f"build/{preset}", "-j", _jobs, "--target", "cmodx"], root)
    return root / "build" / preset / "cmodx"


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
        one, other = (built(preset, folder / name).read_bytes() for name in ("a", "another/place"))
    differ = difference(one, other)
    print(f"{preset}: {differ or 'byte-identical, SHA-256 ' + hashlib.sha256(one).hexdigest()}", flush=True)
    return not differ


def run(arguments: list[str]) -> int:
    parser = Parser("ci/reproducible", __doc__)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="native if not given")
    presets = parser.parse_args(arguments).presets or ["native"]
    return fault.conformant if all([same(preset) for preset in presets]) else fault.violations


def main() -> int:
    return guarded("ci/reproducible", run)
