# SPDX-License-Identifier: Apache-2.0
"""Makes runs up: documents of any size, valid against the schema, the same for the same seed.

    python3 ci/tests/synthetic.py FOLDER [MACHINES [TESTS [SEED]]]
"""

import json
import random
import sys
from pathlib import Path

_sites = ("imm", "branch", "nop_branch", "body")
_mappings = ("same", "alias", "flip")
_shapes = ("MP.RF", "SM", "CoFF", "Patch")
_architectures = ("x86_64", "aarch64", "riscv64", "arm32")
_schema = Path(__file__).resolve().parents[2] / "results" / "schema.json"
_fields = list(json.loads(_schema.read_text(encoding="utf-8"))["$defs"]["record"]["properties"])
_source = "A manual, edition 3, \"Handling Self- and Cross-Modifying Code\""
_reasons = ("the executing thread serialized after the modification", "a store inside an aligned quadword is seen whole")


def judged(witness, k, n, verdict="forbidden", basis="arch-text", reason=_reasons[0]):
    return {
        "witness": witness, "k": k, "n": n, "upper95": 3 / n if n and not k else None,
        "verdict": verdict, "basis": basis, "source": _source, "reason": reason,
    }


def record(name, status="pass", witnesses=None, shape=None, **more):
    """One valid record; `status` has to agree with what the caller gives as witnesses."""
    words = name.split("+")
    witnesses = [judged("stale", 0, 1000)] if witnesses is None else witnesses
    made = {
        "name": name, "shape": shape or words[0], "site": "imm", "mapping": "same", "writer": [], "executor": ["ctrl"],
        "origin": "sufficient", "code_hash": "0123456789abcdef", "trials": 1000, "fresh": 900,
        "outcomes": {"current": 1000} | {w["witness"]: w["k"] for w in witnesses if w["k"]},
        "evidence": {"writes": 900, "transitions": 899, "batches": 6, "observers": 1, "yields": 0,
                     "voluntary_switches": 0, "involuntary_switches": 1},
        "sequence_hash": "fedcba9876543210", "witnesses": witnesses, "status": status,
        "duration_s": 0.06, "rate_hz": 16666.0, "seed": 17893620412839518215,
    }
    if status in ("skip", "error", "crash", "timeout", "missing"):
        made["reason"] = f"made up: {status}"
    if status == "missing":
        made = {key: made[key] for key in ("name", "shape", "site", "mapping", "status", "reason")}
    return made | more


def document(tests, machine="m", architecture="x86_64", **more):
    return {
        "schema": "cmodx-result/1", "tool": {"name": "cmodx", "version": "0.1.0", "commit": "unknown"},
        "machine": {"architecture": architecture, "name": machine}, "facts": {"vendor": "fake", "kernel": "6.12"},
        "seed": 7, "budget": {"name": "quick", "seconds_per_test": 0.06, "time_scale": 1.0},
        "command": ["cmodx", "run"], "start": "2026-11-22T12:00:00Z", "duration_s": 0.3, "complete": True, "tests": tests,
    } | more


def made_up(draw, number, broken):
    """A record like the real ones; `broken` of a thousand fail."""
    shape, site, mapping = _shapes[number % 4], _sites[number // 4 % 4], _mappings[number // 16 % 3]
    name = f"{shape}+{site}+{mapping}+step.{number // 48}+ctrl"
    n = draw.randrange(10**4, 10**7)
    fails = draw.random() * 1000 < broken
    k = draw.randrange(1, n // 10) if fails else 0
    twin = number % 3 == 1
    first = {"first": {"witness": "stale", "flag": 1, "observed": [1, 49461, 0, 0], "bytes": "d20c02e3"}}
    return record(
        name, "fail" if fails else "not-seen" if twin else "pass",
        [judged("stale", k, n, "forbidden" if not twin or fails else "unspecified"),
         judged("torn", 0, n, reason=_reasons[1]), judged("fault", 0, n, reason=_reasons[1])],
        site=site, mapping=mapping, origin="twin" if twin else "sufficient", trials=n, fresh=n // 3,
        outcomes={"current": n - n // 3 - k, "newer": n // 3} | ({"stale": k} if k else {}),
        writer=[f"step.{number // 48}"], executor=["ctrl"], rate_hz=n / 0.06 * draw.uniform(0.5, 2),
        **({"twin_of": f"{shape}+{site}+{mapping}+step.0+ctrl", "omits": {"thread": "writer", "step": "isb"}} if twin else {}),
        **(first if fails else {}),
    )


def in_order(made):
    """A record with its fields in the order of the schema, in which the runner writes them."""
    return {field: made[field] for field in _fields if field in made}


def write(folder, machines=100, tests=2000, seed=1, broken=5):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for machine in range(machines):
        draw = random.Random(f"{seed}/{machine}")
        architecture = _architectures[machine % 4]
        records = [in_order(made_up(draw, number, broken)) for number in range(tests)]
        made = document(records, f"machine-{machine:03}", architecture)
        (folder / f"machine-{machine:03}.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(sys.argv[1], *map(int, sys.argv[2:]))
