#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for the suite's binary in tests of the tools: lists four tests and "runs" them. FAKE says how it goes
wrong: died, hung, silent, invalid, forgetful, usage, nothing, passes, fails, slow. FAKE_TRACE names a file that gets a
line for each run: CPUs, begin and end."""

import argparse
import json
import os
import sys
import time
from fnmatch import fnmatchcase

how = os.environ.get("FAKE", "")
architecture = os.environ.get("FAKE_ARCHITECTURE", "x86_64")

full = "MP.RF+imm+alias+mfence+ctrl-cpuid"


def test(name, mapping, writer, executor, origin, **more):
    return {
        "name": name,
        "shape": name.partition("+")[0],
        "site": "imm",
        "mapping": mapping,
        "architecture": architecture,
        "writer": writer,
        "executor": executor,
        "origin": origin,
        **more,
    }


tests = [
    test(full, "alias", ["mfence"], ["ctrl", "cpuid"], "sufficient"),
    test("MP.RF+imm+alias+mfence+ctrl", "alias", ["mfence"], ["ctrl"], "twin", twin_of=full,
         omits={"thread": "executor", "step": "cpuid"}),
    test("MP.RF+imm+same+po+po", "same", [], [], "none"),
    test("Patch+imm.64-2+same+po+po", "same", [], [], "none", at="64-2"),
]


def record(of, k, verdict, status, witness="stale"):
    made = {key: value for key, value in of.items() if key != "architecture"}
    return made | {
        "code_hash": "0123456789abcdef",
        "trials": 1000,
        "fresh": 900,
        "outcomes": {"current": 1000 - k, "newer": 0, witness: k},
        "evidence": {
            "writes": 900,
            "transitions": 899,
            "batches": 6,
            "observers": 1,
            "yields": 0,
            "voluntary_switches": 0,
            "involuntary_switches": 1,
        },
        "sequence_hash": "fedcba9876543210",
        "witnesses": [
            {
                "witness": witness,
                "k": k,
                "n": 1000,
                "upper95": 0.003 if k == 0 else 0.1,
                "verdict": verdict,
                "basis": "arch-text",
                "source": 'SDM vol.3A "Handling Self- and Cross-Modifying Code"',
                "reason": "the executor serialized",
            }
        ],
        "status": status,
        "duration_s": 0.06,
        "rate_hz": 16666.0,
        "seed": 1,
    }


def records():
    yield record(tests[0], 7, "forbidden", "fail") if how == "fails" else record(tests[0], 0, "forbidden", "pass")
    yield record(tests[1], 3, "unspecified", "seen")
    if how == "died":
        os.kill(os.getpid(), 9)
    if how == "hung":
        time.sleep(1000)
    yield record(tests[2], 0, "forbidden", "pass")
    if how != "forgetful":
        yield record(tests[3], 5, "unspecified", "seen", "torn")


def selected(options, there):
    """What is left to do; slowly, if that is how."""
    for one in records():
        if one["name"] in there or options.globs and not any(fnmatchcase(one["name"], glob) for glob in options.globs):
            continue
        if how == "slow":
            time.sleep(0.5)
            one["seed"] = os.getpid()  # tells in which run it was made
        yield one


def run(options):
    header = {
        "schema": "cmodx-result/1",
        "tool": {"name": "cmodx", "version": "0.1.0", "commit": "unknown"},
        "machine": {"architecture": architecture, "name": options.machine},
        "facts": {"vendor": "fake"},
        "seed": options.seed,
        "budget": {"name": options.budget, "seconds_per_test": 0.06, "time_scale": float(options.time_scale or 1)},
        "command": sys.argv,
        "start": "2026-11-22T12:00:00Z",
    }
    made = []
    if options.resume:
        with open(options.resume, encoding="utf-8") as file:
            made = [json.loads(line) for line in file][1:]
    began = time.time()
    with open(options.output + ".jsonl", "w", encoding="utf-8") if options.output else sys.stdout as lines:
        if how != "silent":
            print(json.dumps({"header": header}), file=lines, flush=True)
        else:
            sys.exit("no room for a code arena")
        for one in made:
            print(json.dumps(one), file=lines, flush=True)
        for one in selected(options, {one["name"] for one in made}):
            print(json.dumps(one), file=lines, flush=True)
            made.append(one)
    document = header | {"duration_s": 0.3, "complete": True, "tests": made}
    if how == "invalid":
        document["surprise"] = 1
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(document, file)
    if "FAKE_TRACE" in os.environ:
        with open(os.environ["FAKE_TRACE"], "a", encoding="utf-8") as file:
            print(json.dumps({"cpus": options.cpus, "begin": began, "end": time.time()}), file=file)
    return 1 if how == "fails" else 0


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command")
    lister = commands.add_parser("list")
    lister.add_argument("--json", action="store_true")
    lister.add_argument("--arch")
    runner = commands.add_parser("run")
    runner.add_argument("globs", nargs="*")
    for name in ("budget", "machine", "output", "cpus", "time-scale", "format", "resume"):
        runner.add_argument("--" + name)
    runner.add_argument("--seed", type=int)
    options = parser.parse_args()
    if options.command == "list":
        json.dump(tests, sys.stdout)
        return 0
    if how == "usage":
        print("cmodx: unknown budget 'fast'; accepted: quick, default, soak", file=sys.stderr)
        return 2
    return 77 if how == "nothing" else run(options)


sys.exit(main())
