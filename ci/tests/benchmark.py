# SPDX-License-Identifier: Apache-2.0
"""Prints how long the tools take for a load of made-up runs, and how much memory: two folders of a hundred machines
with two thousand tests each.

    python3 ci/tests/benchmark.py [MACHINES [TESTS]]

`first` reads and checks every document, with nothing in the cache; `again` finds what the first left there; `pretty` is
the first of documents that another program laid out. Exit code 1 if a limit is missed.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import synthetic

ci = Path(__file__).resolve().parents[1]
# Seconds, bytes, bytes: of the full load.
limits = {"diff first": 3, "diff again": 3, "report again": 20, "report first": 20, "page": 15 << 20, "memory": 500 << 20}


def timed(*argv: object) -> tuple[float, float, float]:
    """(wall time in s, CPU time in s, peak resident memory in bytes of the largest process)"""
    begin = time.monotonic()
    process = subprocess.Popen(list(map(str, argv)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{argv}: exit code {process.returncode}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main() -> int:
    machines, tests = [*map(int, sys.argv[1:3]), 100, 2000][:2] if len(sys.argv) != 2 else [int(sys.argv[1]), 2000]
    missed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CMODX_CACHE"] = str(folder / "cache")
        for seed, side in enumerate("ab"):
            synthetic.write(folder / side, machines, tests, seed)
        (folder / "pretty").mkdir()
        for path in (folder / "a").iterdir():
            made = json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=4)
            (folder / "pretty" / path.name).write_text(made, encoding="utf-8")
        size = sum(path.stat().st_size for side in "ab" for path in (folder / side).iterdir())
        time.sleep(2.5)  # what has just been written is not kept in the cache
        print(f"{machines} machines × {tests} tests, twice: {size / 1e6:.0f} MB of documents; load of the host {os.getloadavg()[0]:.1f}")
        page = folder / "r.html"
        work = {
            "report first": (ci / "report", folder / "a", "-o", page),
            "report again": (ci / "report", folder / "a", "-o", page),
            "diff first": (ci / "diff", folder / "a", folder / "b", "--format", "json"),
            "diff again": (ci / "diff", folder / "a", folder / "b", "--format", "json"),
            "report pretty": (ci / "report", folder / "pretty", "-o", page),
            "update baselines": (ci / "baseline", "update", folder / "a", "--results", folder / "results"),
        }
        for what, argv in work.items():
            if what.endswith("first"):
                shutil.rmtree(folder / "cache", ignore_errors=True)
            seconds, busy, memory = timed(*argv)
            print(f"{what:18}{seconds:7.1f} s {busy:7.1f} s of CPU {memory / 2**20:6.0f} MiB")
            missed += [what] if seconds > limits.get(what, 1e9) else []
            missed += [f"{what}: memory"] if memory > limits["memory"] else []
        print(f"{'page':18}{page.stat().st_size / 2**20:7.1f} MiB")
        missed += ["page"] if page.stat().st_size > limits["page"] else []
    print("missed: " + ", ".join(missed) if missed else "every limit is met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
