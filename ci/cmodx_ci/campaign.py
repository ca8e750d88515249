# SPDX-License-Identifier: Apache-2.0
"""One machine's run of the suite: from the launch to a document in the folder of the run."""

import functools
import json
import os
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from . import process, results, resume, tree
from .digest import Run
from .fault import HarnessFault, UsageFault, harness_failed
from .machines import Machine, read_machine
from .process import Ended
from .results import Document
from .shards import Part, Shard
from .subjects import subject_of

list_limit_s = 60.0
# A runner ends a test that hangs by itself, and ci/guest a guest; this is for a machine that hangs as a whole.
stall_s = 60.0
stall_budgets = 20.0


@dataclass(frozen=True)
class Order:
    """What to run: as `cmodx run --budget … --seed …` takes it."""

    budget: str
    seed: int
    globs: tuple[str, ...] = ()


def binary_of(machine: Machine, part: Part = Shard()) -> Path:
    return tree.binary(machine.preset).with_name(part.target(machine))


@functools.cache
def _machine(name: str) -> Machine | None:
    path = tree.machines / f"{Path(name).name}.toml"
    return read_machine(path) if path.is_file() else None


def reproduce(run: Run, test: str, machine: Machine | None = None, part: Part | None = None) -> str:
    """The command line that runs one test again as this run did; to be read by a person. `machine`: the one of the
    run's name if it is not given; `part`: what the test belongs to, if it is known."""
    machine = machine or _machine(run.machine)
    values = {key: found[0] for key, found in run.environment.items() if len(found) == 1}
    options = ["--budget", values.get("budget", "default")]
    options += ["--seed", values["seed"]] if "seed" in values else []
    if machine and not part and subject_of(test):
        return shlex.join(["ci/matrix", machine.name, "--subject", "*", "--test", test, *options])
    options += ["--time-scale", values["time_scale"]] if values.get("time_scale", "1") != "1" else []
    argv = ["cmodx"]
    if machine:
        binary = os.path.relpath(binary_of(machine, part or Shard()), tree.root)
        named = machine.path.parent == tree.machines
        argv = ["ci/launch", machine.name, binary] if named else machine.command(binary)
    inside = f"{tree.root}{os.sep}"
    return shlex.join(word.removeprefix(inside) for word in [*argv, "run", test, *options])


def listed(command: list[str]) -> list[dict[str, Any]]:
    """What the binary lists, by `command list --json`."""
    text = process.captured([*command, "list", "--json"], list_limit_s)
    try:
        tests = json.loads(text)
        names = [test["name"] for test in tests]
    except (ValueError, TypeError, KeyError) as error:
        raise HarnessFault(f"{' '.join(command)} list --json: not a list of tests: {error!r}") from None
    if len(set(names)) != len(names):
        raise HarnessFault(f"{' '.join(command)} list --json: a name twice")
    return tests


def _watch(lines: Path, machine: Machine, limit_s: float) -> Callable[[], str | None]:
    """Says that the run stalled once its JSON Lines have not grown for too long."""
    scale = max(1.0, machine.time_scale)
    start_s = machine.guest.start_s if machine.guest else 0.0
    state = {"size": -1, "since": time.monotonic(), "limit": start_s + limit_s * scale}

    def stalled() -> str | None:
        size = lines.stat().st_size if lines.exists() else 0
        now = time.monotonic()
        if size != state["size"]:
            if size and state["size"] <= 0:
                state["limit"] += stall_budgets * _budget_s(lines) * scale - start_s
            state["size"], state["since"] = size, now
        quiet = now - state["since"]
        return f"no result for {quiet:.0f} s, killed" if quiet > state["limit"] else None

    return stalled


def _budget_s(lines: Path) -> float:
    salvaged = results.salvage(lines)
    try:
        return float(salvaged["budget"]["seconds_per_test"]) if salvaged else 0.0
    except (KeyError, TypeError, ValueError):
        return 0.0


def _last_line(log: Path) -> str:
    """What the suite said last; a guest's kernel goes on after it."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    own = [line for line in lines if line.startswith("cmodx: ")]
    return (own or lines or ["no message"])[-1][:300]


def why_nothing(machine: Machine, folder: Path, shard: Part) -> str:
    """What a run that came to no document has to say: a guest that is only probed for says why it did not start."""
    log = shard.path(folder, machine.name).with_suffix(".log")
    if machine.guest and machine.guest.probe and log.exists():
        return _last_line(log).removeprefix(f"{machine.name}: ")
    return "nothing to run here"


def _check_facts(machine: Machine, document: Document) -> None:
    """A machine that is not what its file says is not that machine."""
    real = document["machine"]["architecture"]
    if real != machine.architecture:
        raise HarnessFault(f"{machine.name}: runs {real}, expected {machine.architecture}")
    for fact, glob in machine.expect.items():
        value = document["facts"].get(fact)
        if value is None or not fnmatchcase(value, glob):
            raise HarnessFault(f"{machine.name}: fact {fact} is {value!r}, expected {glob!r} ({machine.path})")


def _selected(command: list[str], order: Order, shard: Part) -> list[dict[str, Any]]:
    tests = [t for t in listed(command) if not order.globs or any(fnmatchcase(t["name"], g) for g in order.globs)]
    return shard.of(tests)


def run(
    machine: Machine, order: Order, folder: Path, cpus: list[int], limit_s: float = stall_s, shard: Part = Shard()
) -> Document | None:
    """Runs the suite, or a shard of it, and leaves its document and log in the folder; None if there was nothing to run
    there. What an earlier run left in the folder is kept, and only the rest runs."""
    kept = shard.path(folder, machine.name)
    document = resume.complete(kept)
    if document is not None:
        _check_facts(machine, document)
        return document
    command = machine.command(binary_of(machine, shard))
    tests = _selected(command, order, shard)
    if not tests and shard.count > 1:
        return None
    globs = order.globs if shard.count == 1 else [test["name"] for test in tests]
    kept.parent.mkdir(exist_ok=True)
    log = kept.with_suffix(".log")
    work = kept.with_name(f".{kept.stem}")
    work.mkdir(exist_ok=True)
    earlier = resume.so_far(work, kept)
    output = work / "results.json"
    output.unlink(missing_ok=True)
    lines = Path(f"{output}.jsonl")
    argv = [*command, "run", *globs, "--budget", order.budget, "--seed", str(order.seed)]
    argv += ["--machine", machine.name, "--time-scale", f"{machine.time_scale:g}", "--output", str(output)]
    if not machine.elsewhere:
        argv += ["--cpus", ",".join(map(str, cpus))]
    if earlier:
        argv += ["--resume", str(earlier)]
    ended = process.run(argv, log, _watch(lines, machine, limit_s))
    if ended.code == 77 and not ended.stalled:
        document = None
    else:
        document = _document(output, lines, ended, log)
        try:
            _check_facts(machine, document)
        except HarnessFault:
            shutil.rmtree(work)  # so that no run that picks this one up takes another machine's results for its own
            raise
        _finish(document, tests, ended, kept, log)
    shutil.rmtree(work)
    return document


def _finish(document: Document, tests: list[dict[str, Any]], ended: Ended, kept: Path, log: Path) -> None:
    # A connection that is lost says so in the log, and ends the run as a harness that fails.
    why = f"{ended}: {_last_line(log)}" if ended.code == harness_failed and not ended.stalled else str(ended)
    results.add_missing(document, tests, f"the run ended before it: {why}")
    faults = results.schema_faults(document)
    if faults:
        kept = kept.with_suffix(".invalid.json")
        results.write(kept, document)
        raise HarnessFault(f"{kept}: leaves results/schema.json in {len(faults)} places, first {faults[0]}")
    results.write(kept, document)


def _document(output: Path, lines: Path, ended: Ended, log: Path) -> Document:
    if ended.code == 2:
        raise UsageFault(f"the binary refused its command line: {_last_line(log)}")
    # With 3 the document says which tests the harness failed in.
    if ended.code in (0, 1, 3) and not ended.stalled and output.exists():
        try:
            return json.loads(output.read_text(encoding="utf-8"))
        except ValueError as error:
            raise HarnessFault(f"the binary wrote no JSON: {error}") from None
    document = results.salvage(lines)
    if document is None:
        raise HarnessFault(f"no result: {ended}: {_last_line(log)}")
    return document
