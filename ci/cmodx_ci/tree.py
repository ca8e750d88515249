# SPDX-License-Identifier: Apache-2.0
"""Where things are: the checkout, the build, the cache of emulators."""

import os
import platform
import shutil
from pathlib import Path

root = Path(__file__).resolve().parents[2]
machines = root / "ci" / "machines"
results = root / "results"
build = root / "build"

# What an architecture is called here, by what the kernel calls it.
host_names = {"x86_64": "x86_64", "aarch64": "aarch64", "riscv64": "riscv64", "armv7l": "arm32", "armv8l": "arm32"}
architectures = ("x86_64", "aarch64", "riscv64", "arm32")


def cache() -> Path:
    """The folder that ci/setup fills."""
    given = os.environ.get("CMODX_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cmodx"


def host_architecture() -> str:
    return host_names.get(platform.machine(), platform.machine())


def binary(preset: str) -> Path:
    return build / preset / "cmodx"


def copy(to: Path, *but: str) -> None:
    """The checkout without what was built, and without `but`."""
    shutil.copytree(root, to, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build", "__pycache__", *but))


def host_cpus() -> list[int]:
    """The CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))
