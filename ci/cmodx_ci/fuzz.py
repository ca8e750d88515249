# SPDX-License-Identifier: Apache-2.0
"""ci/fuzz [SECONDS] [PARSER…]: every parser of the binary fed by coverage (libFuzzer, with sanitizers), so many seconds
each, from the words in tests/corpus/. What breaks one is printed as a line for that file. With --readers the properties
that the tools' own readers are held to, by hypothesis: test after test of ci/tests with other examples, so many seconds
each."""

import concurrent.futures
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import fault, output, process, scratch, tree
from .entry import Parser, guarded
from .fault import HarnessFault, UsageFault

_program = tree.build / "native" / "tests" / "cmodx_fuzz"
_corpus = tree.root / "tests" / "corpus"
_longest = 4096  # bytes of an input
_most_kept = 150  # inputs at once, the shortest
_hang_s = 10
_memory_mb = 1024
_grace_s = 60


def unescaped(line: str) -> bytes:
    """A line of a corpus: \\xNN is a byte."""
    raw = line.encode()
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), raw)


def escaped(data: bytes) -> str:
    def one(byte: int) -> str:
        return chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}"

    return "".join(map(one, data))


def corpus(parser: str) -> list[bytes]:
    return [unescaped(line) for line in (_corpus / parser).read_text(encoding="utf-8").splitlines()]


def _spread(inputs: list[bytes], folder: Path) -> Path:
    folder.mkdir()
    for number, data in enumerate(inputs):
        (folder / f"{number:04}").write_bytes(data)
    return folder


def _run(argv: list[str], limit_s: float) -> subprocess.CompletedProcess:
    return subprocess.run(
        process.bound([str(_program), *argv]),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=limit_s, check=False,
    )  # fmt: skip


def _keep(parser: str, work: Path) -> None:
    """The corpus becomes the fewest inputs that reach what has been reached: what stood in it, then what was found."""
    (work / "least").mkdir()
    argv = [parser, "-merge=1", f"-max_len={_longest}", str(work / "least"), str(work / "seeds"), str(work / "found")]
    if _run(argv, 600).returncode != 0 or not any((work / "least").iterdir()):
        raise HarnessFault(f"{parser}: its corpus could not be merged")
    had = corpus(parser)
    found = sorted({path.read_bytes() for path in (work / "least").iterdir()} - set(had), key=lambda data: (len(data), data))
    text = (_corpus / parser).read_text(encoding="utf-8")
    with output.whole(_corpus / parser) as file:
        file.write(text + "".join(escaped(data) + "\n" for data in found[:_most_kept]))


def fuzz(parser: str, seconds: float, keep: bool) -> tuple[bool, str]:
    """Whether it held, and a line about it."""
    with scratch.folder("fuzz") as work:
        _spread(corpus(parser), work / "seeds")
        (work / "found").mkdir()
        argv = [
            parser, f"-max_total_time={seconds:g}", f"-timeout={_hang_s}", f"-rss_limit_mb={_memory_mb}",
            f"-max_len={_longest}", "-print_final_stats=1", f"-artifact_prefix={work}/broken-",
            str(work / "found"), str(work / "seeds"),
        ]  # fmt: skip
        ended = _run(argv, seconds + _grace_s)
        said = ended.stderr.decode(errors="replace")
        broken = sorted(work.glob("broken-*"))
        if broken or ended.returncode != 0:
            lines = [f"input: {escaped(path.read_bytes())}" for path in broken]
            return False, "\n".join([f"{parser}: BROKEN", *said.splitlines()[-40:], *lines])
        if keep:
            _keep(parser, work)
        counted = re.search(r"number_of_executed_units:\s*(\d+)", said)
        covered = re.findall(r"cov: (\d+)", said)
        if counted is None or not covered or int(counted[1]) == 0:
            raise HarnessFault(f"{parser}: nothing was executed: {said[-400:]}")
        return True, f"{parser:<10} held: {counted[1]} inputs, {covered[-1]} places covered"


_tests = tree.root / "ci" / "tests"
_examples = 1000  # of a property at a time: their making is most of its time, and pytest's start little
_pytest = ["/usr/bin/python3", "-m", "pytest", "-c", str(tree.root / "ci" / "pytest.ini"), "-q"]


def properties(folder: Path = _tests) -> list[str]:
    argv = [*_pytest, "-m", "hypothesis", "--collect-only", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HarnessFault(f"pytest finds no property in {folder}: {' '.join(done.stdout[-400:].split())}")
    return re.findall(r"^\S*?([^/\s]+\.py::\S+)$", done.stdout, re.M)


def hold(name: str, seconds: float, folder: Path = _tests) -> tuple[bool, str]:
    """Whether the property held, and a line about it, or what pytest says of the example that breaks it."""
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        ended = subprocess.run(
            process.bound([*_pytest, str(folder / name)]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace",
            timeout=seconds + 600, check=False, env=os.environ | {"CMODX_EXAMPLES": str(_examples)},
        )  # fmt: skip
        if ended.returncode == 1:
            return False, f"{name}: BROKEN\n{ended.stdout[-6000:]}"
        if ended.returncode != 0 or " passed" not in ended.stdout:
            raise HarnessFault(f"{name}: was not tried: {' '.join(ended.stdout[-400:].split())}")
        rounds += 1
    return True, f"{name} held: {rounds} times {_examples} examples, or as many as it asks for"


def each(names: list[str], held: Callable[[str], tuple[bool, str]]) -> int:
    """The exit code; a line for each as it comes. One that cannot be tried hides none of the others."""
    code = fault.conformant
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = [pool.submit(held, name) for name in names]
        try:
            for run in runs:
                try:
                    good, line = run.result()
                    code = code if good else fault.violations
                except (HarnessFault, subprocess.SubprocessError) as problem:
                    line = f"not tried: {problem}"
                    code = code or fault.harness_failed
                print(line, flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # who interrupts it does not want the others to begin
            raise
    return code


def run(arguments: list[str]) -> int:
    options = Parser("ci/fuzz", __doc__)
    options.add_argument("seconds", nargs="?", type=float, default=60.0, help="of each parser (60)")
    options.add_argument("parsers", nargs="*", metavar="PARSER")
    options.add_argument("--keep", action="store_true", help="add what reaches more to tests/corpus/")
    options.add_argument("--readers", action="store_true", help="not the binary's parsers, but the tools' readers")
    given = options.parse_intermixed_args(arguments)
    if not 0 < given.seconds <= 86400:
        raise UsageFault(f"'{given.seconds:g}' is no time; accepted: seconds, at most a day")
    if given.readers:
        if given.keep:
            raise UsageFault("--readers with --keep; accepted is one of them")
        return each(_chosen(given.parsers, properties()), lambda name: hold(name, given.seconds))
    for argv in (["cmake", "--preset", "native"], ["cmake", "--build", "--preset", "native", "--target", "cmodx_fuzzer"]):
        built = subprocess.run(argv, cwd=tree.root, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise HarnessFault(f"{' '.join(argv)}: {(built.stdout + built.stderr)[-600:]}")
    known = subprocess.run([str(_program), "list"], capture_output=True, text=True, check=False).stdout.split()
    if missing := [name for name in known if not (_corpus / name).exists()]:
        raise HarnessFault(f"tests/corpus/ has nothing for {', '.join(missing)}")
    return each(_chosen(given.parsers, known), lambda name: fuzz(name, given.seconds, given.keep))


def _chosen(names: list[str], known: list[str]) -> list[str]:
    if unknown := set(names) - set(known):
        raise UsageFault(f"no parser is called {', '.join(sorted(unknown))}; accepted: {', '.join(known)}")
    return names or known


def main() -> int:
    return guarded("ci/fuzz", run)
