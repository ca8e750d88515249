# SPDX-License-Identifier: Apache-2.0
"""ci/lint [FILE…]: clang-tidy (.clang-tidy) and cppcheck (.cppcheck) on the C++ of the native build, or on some of its files."""

import concurrent.futures
import functools
import json
import os
import subprocess
from pathlib import Path

from . import fault, tree
from .entry import Parser, guarded
from .fault import HarnessFault, UsageFault

_native = tree.build / "native"
# What GCC knows and clang does not is no finding; nor is what the libraries' headers do.
_tidy = ["clang-tidy", "-p", str(_native), "--quiet", "--extra-arg=-Wno-unknown-warning-option"]
_cppcheck = [
    "cppcheck", "--quiet", "--enable=warning,performance,portability", "--inline-suppr", "--error-exitcode=1",
    f"--suppressions-list={tree.root}/.cppcheck", "--library=googletest",
    f"--cppcheck-build-dir={_native}/cppcheck",
]  # fmt: skip


@functools.cache
def commands() -> dict[Path, dict[str, str]]:
    configured = subprocess.run(["cmake", "--preset", "native"], cwd=tree.root, capture_output=True, text=True, check=False)
    if configured.returncode != 0:
        raise HarnessFault(f"cmake --preset native: {configured.stderr[-600:]}")
    path = _native / "compile_commands.json"
    return {Path(entry["file"]): entry for entry in json.loads(path.read_text(encoding="utf-8"))}


def _run(argv: list[str]) -> tuple[bool, str]:
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tree.root)
    said = [line for line in (ended.stdout + ended.stderr).splitlines() if " warnings generated" not in line]
    said = [line for line in said if not line.startswith(("Suppressed ", "Use -header-filter", "Use -system-headers"))]
    return ended.returncode == 0, "\n".join(said)


def chosen(words: list[str]) -> list[Path]:
    known = commands()
    files = [Path(word).absolute() for word in words]
    if unknown := [str(file) for file in files if file not in known]:
        raise UsageFault(f"not part of the native build: {', '.join(unknown)}")
    return files or sorted(known)


def lint(files: list[Path]) -> bool:
    (_native / "cppcheck").mkdir(exist_ok=True)
    project = _native / "cppcheck" / "project.json"
    project.write_text(json.dumps([commands()[file] for file in files]), encoding="utf-8")
    jobs = len(os.sched_getaffinity(0))
    good, said = _run([*_cppcheck, "-j", str(jobs), f"--project={project}"])
    if not good:
        print(said, flush=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for file, (clean, found) in zip(files, pool.map(lambda file: _run([*_tidy, str(file)]), files), strict=True):
            good &= clean
            if not clean:
                print(f"{file.relative_to(tree.root)}:\n{found}", flush=True)
    print(f"{len(files)} files, {'clean' if good else 'NOT clean'}")
    return good


def run(arguments: list[str]) -> int:
    parser = Parser("ci/lint", __doc__)
    parser.add_argument("files", nargs="*", metavar="FILE")
    return fault.conformant if lint(chosen(parser.parse_args(arguments).files)) else fault.violations


def main() -> int:
    return guarded("ci/lint", run)
