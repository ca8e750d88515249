# SPDX-License-Identifier: Apache-2.0
"""ci/sanitize [PRESET…]: the unit tests and a quick run of every test, built with sanitizers that end what they find:
`asan` (addresses and undefined behaviour) and `tsan` (the harness's own races)."""

import os
import subprocess

from . import fault, tree
from .entry import Parser, guarded
from .fault import HarnessFault, UsageFault

_presets = ("asan", "tsan")


def sound(preset: str) -> bool:
    jobs = str(len(os.sched_getaffinity(0)))
    for argv in (["cmake", "--preset", preset], ["cmake", "--build", "--preset", preset, "-j", jobs]):
        built = subprocess.run(argv, cwd=tree.root, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise HarnessFault(f"{' '.join(argv)}: {(built.stdout + built.stderr)[-600:]}")
    argv = ["ctest", "--preset", preset, "--no-tests=error", "--parallel", jobs, "--progress"]
    return subprocess.run(argv, cwd=tree.root, check=False).returncode == 0


def run(arguments: list[str]) -> int:
    parser = Parser("ci/sanitize", __doc__)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="both if none is given")
    presets = parser.parse_args(arguments).presets or _presets
    if unknown := set(presets) - set(_presets):
        raise UsageFault(f"'{min(unknown)}' is no preset with sanitizers; accepted: {', '.join(_presets)}")
    return fault.conformant if all([sound(preset) for preset in presets]) else fault.violations


def main() -> int:
    return guarded("ci/sanitize", run)
