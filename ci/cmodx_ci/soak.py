# SPDX-License-Identifier: Apache-2.0
"""ci/soak DURATION [GLOB…]: no false alarm? Runs every test that may show something forbidden, again and again, each
pass with another seed, and says how many observations were made and which tests failed. ci/stable [REPETITIONS]
[GLOB…]: does each test come to the same status each time?"""

import argparse
import datetime
import functools
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from . import campaign, expected, fault, process, scratch, tree
from .entry import Parser, guarded
from .fault import HarnessFault, UsageFault
from .judge import judge
from .machines import Machine, read_machine

_units = {"s": 1, "m": 60, "h": 3600}
# A status of a test for which nothing is forbidden says what the machine showed, and chance has a part in it.
_shown = {"seen", "not-seen"}
_least_s = 0.04  # a test, as in a quick run


def seconds(text: str) -> float:
    unit = _units.get(text[-1:])
    try:
        value = float(text[:-1])
    except ValueError:
        value = 0
    if unit is None or not 0 < value * unit <= 30 * 86400:
        raise UsageFault(f"'{text}' is no duration; accepted: such as 90s, 30m, 8h")
    return value * unit


def one_pass(command: list[str], names: list[str], budget_s: float, seed: int, scale: float) -> dict[str, Any]:
    with scratch.folder("soak") as folder:
        output = folder / "pass.json"
        argv = [*command, "run", *names, "--budget", f"{round(budget_s * 1000)}ms", "--seed", str(seed)]
        argv += ["--time-scale", f"{scale:g}", "--output", str(output)]
        ended = subprocess.run(
            process.bound(argv), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False
        )
        if not output.exists():
            said = " ".join(ended.stderr[-200:].split())
            raise HarnessFault(f"{command[-1]} ended with {ended.returncode} and no document: {said}")
        try:
            return json.loads(output.read_text(encoding="utf-8"))
        except ValueError as error:
            raise HarnessFault(f"{command[-1]} wrote no JSON: {error}") from None


def unexpected(record: dict[str, Any], lines: list[expected.Line]) -> bool:
    """A failure that is not a known one, as ci/matrix judges it."""
    return bool(judge({"machine": {"name": ""}, "tests": [record]}, lines, whole=False).violations)


# What ends a soak before its time: what it has found by then is told all the same.
_endings = (HarnessFault, OSError, KeyboardInterrupt)


def _why(problem: BaseException) -> str:
    return str(problem) or "interrupted"


def soak(machine: Machine, binary: Path, duration_s: float, globs: list[str], seed: int) -> dict[str, Any]:
    command = machine.command(str(binary))
    lines = expected.lines_of(machine.name)
    # The first pass is one of all tests, for what is forbidden goes by the facts of the machine that runs them.
    names, budget_s = _names(command, globs), _least_s
    begin = time.monotonic()
    figures: dict[str, Any] = {"date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    figures |= {"machine": machine.name, "seed": seed, "passes": 0, "tests": 0, "observations": 0, "fresh": 0}
    bad: Counter[str] = Counter()
    void: Counter[str] = Counter()  # proved nothing, as where others had the CPUs
    while (left := duration_s - (time.monotonic() - begin)) > 0:
        if figures["passes"]:
            # Passes of a few minutes at most: each has another seed, and one that is broken off costs no more than that.
            budget_s = max(_least_s, min(1.0, left / machine.time_scale / len(names)))
        try:
            document = one_pass(command, names, budget_s, seed + figures["passes"], machine.time_scale)
        except _endings as problem:
            if not figures["passes"]:
                raise
            figures["broken_off"] = _why(problem)
            break
        records = document["tests"]
        if not figures["passes"]:
            records = [r for r in records if r["status"] != "skip"]
            records = [r for r in records if expected.forbidden(r) or r["status"] == "error" or unexpected(r, lines)]
            names = [record["name"] for record in records]
            if not names:
                raise UsageFault("no test here may show anything forbidden")
        figures["passes"] += 1
        figures["tests"] = len(names)
        for record in records:
            figures["observations"] += record["trials"]
            figures["fresh"] += record["fresh"]
            what = f"{record['status']} {record['name']}: {record.get('reason', '')}"
            if unexpected(record, lines):
                bad[what] += 1
            elif record["status"] in ("error", "skip"):
                void[what] += 1
        figures["facts"] = document["facts"]
        figures["commit"] = document["tool"]["commit"]
        figures["duration_s"] = round(time.monotonic() - begin)
        done = f"{figures['observations']:.3g} observations, {bad.total()} alarms"
        print(f"pass {figures['passes']}, {figures['duration_s']} s: {done}", file=sys.stderr)
    figures["alarms"] = dict(bad)
    figures["void"] = dict(void)
    return figures


def _names(command: list[str], globs: list[str]) -> list[str]:
    ended = subprocess.run([*command, "list", *globs, "--json"], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise UsageFault(ended.stderr.strip())
    return [test["name"] for test in json.loads(ended.stdout)]


def stable(
    machine: Machine, binary: Path, repetitions: int, globs: list[str], budget_s: float
) -> tuple[list[str], int, int, str | None]:
    """The tests whose status differs between repetitions, a line each; how many tests and repetitions there were, and why
    those are not all."""
    command = machine.command(str(binary))
    names = _names(command, globs)
    came: dict[str, Counter[str]] = defaultdict(Counter)
    made, why = 0, None
    for seed in range(1, repetitions + 1):
        try:
            records = one_pass(command, names, budget_s, seed, machine.time_scale)["tests"]
        except _endings as problem:
            if made < 2:
                raise
            why = _why(problem)
            break
        made = seed
        status = {record["name"]: record["status"] for record in records}
        for name in names:
            came[name][status.get(name, "no record")] += 1
        print(f"repetition {seed} of {repetitions}", file=sys.stderr)
    differ = {name: counts for name, counts in came.items() if len(counts) > 1}
    shown = [name for name, counts in differ.items() if set(counts) == _shown]
    lines = [f"{name}: {', '.join(f'{k} {v}' for k, v in counts.items())}" for name, counts in differ.items()]
    print(f"{len(shown)} tests show now and then what is not forbidden", file=sys.stderr)
    return [line for line in lines if line.split(": ")[0] not in shown], len(names), made, why


def _parser(name: str) -> argparse.ArgumentParser:
    parser = Parser(f"ci/{name}", __doc__)
    parser.add_argument("--machine", default="native", help="a file in ci/machines/")
    parser.add_argument("--binary", type=Path, help="instead of the one in build/")
    return parser


def _run(name: str, arguments: list[str]) -> int:
    parser = _parser(name)
    if name == "soak":
        parser.add_argument("duration", metavar="DURATION", help="such as 90s, 30m, 8h")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--append", type=Path, metavar="FILE", help="add the figures to it, as a line of JSON")
    else:
        parser.add_argument("repetitions", nargs="?", type=int, default=30, metavar="REPETITIONS")
        parser.add_argument("--budget", default=0.04, type=float, metavar="SECONDS", help="a test")
    parser.add_argument("globs", nargs="*", metavar="GLOB")
    options = parser.parse_intermixed_args(arguments)
    if name == "stable" and options.repetitions < 2:
        raise UsageFault(f"{options.repetitions} repetitions; accepted: 2 or more")
    machine = read_machine(tree.machines / f"{options.machine}.toml")
    absent = machine.absent()
    if absent:
        print(f"ci/{name}: {machine.name} is absent: {absent}", file=sys.stderr)
        return fault.nothing_to_run
    binary = options.binary or campaign.binary_of(machine)
    if name == "stable":
        lines, tests, made, why = stable(machine, binary, options.repetitions, options.globs, options.budget)
        for line in lines:
            print(line)
        print(f"{tests} tests, {made} repetitions: {len(lines)} came out differently")
        if why is not None:
            print(f"ci/stable: {why}", file=sys.stderr)
        return fault.violations if lines else fault.conformant if why is None else fault.harness_failed
    if options.append:
        options.append.open("a", encoding="utf-8").close()  # said now, not after hours
    figures = soak(machine, binary, seconds(options.duration), options.globs, options.seed)
    line = json.dumps(figures)
    print(line, flush=True)
    if "broken_off" in figures:
        print(f"ci/soak: {figures['broken_off']}", file=sys.stderr)
    if options.append:
        with options.append.open("a", encoding="utf-8") as out:
            out.write(line + "\n")
    if figures["alarms"]:
        return fault.violations
    return fault.harness_failed if figures["void"] or "broken_off" in figures else fault.conformant


def main(name: str) -> int:
    return guarded(f"ci/{name}", functools.partial(_run, name))
