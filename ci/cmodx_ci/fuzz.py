# SPDX-License-Identifier: Apache-2.0
"""ci/fuzz [SECONDS] [PARSER…]: every parser of the binary fed by coverage (libFuzzer, with sanitizers), so many seconds
each, from the words in tests/corpus/. What breaks one is printed as a line for that file."""

import concurrent.futures
import os
import re
import subprocess
from pathlib import Path

from . import fault, output, scratch, tree
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
        [str(_program), *argv],
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


def run(arguments: list[str]) -> int:
    options = Parser("ci/fuzz", __doc__)
    options.add_argument("seconds", nargs="?", type=float, default=60.0, help="of each parser (60)")
    options.add_argument("parsers", nargs="*", metavar="PARSER")
    options.add_argument("--keep", action="store_true", help="add what reaches more to tests/corpus/")
    given = options.parse_args(arguments)
    if not 0 < given.seconds <= 86400:
        raise UsageFault(f"'{given.seconds:g}' is no time; accepted: seconds, at most a day")
    for argv in (["cmake", "--preset", "native"], ["cmake", "--build", "--preset", "native", "--target", "cmodx_fuzzer"]):
        built = subprocess.run(argv, cwd=tree.root, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise HarnessFault(f"{' '.join(argv)}: {(built.stdout + built.stderr)[-600:]}")
    known = subprocess.run([str(_program), "list"], capture_output=True, text=True, check=False).stdout.split()
    if missing := [name for name in known if not (_corpus / name).exists()]:
        raise HarnessFault(f"tests/corpus/ has nothing for {', '.join(missing)}")
    if unknown := set(given.parsers) - set(known):
        raise UsageFault(f"no parser is called {', '.join(sorted(unknown))}; accepted: {', '.join(known)}")
    good = True
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = [pool.submit(fuzz, name, given.seconds, given.keep) for name in given.parsers or known]
        for run in runs:
            held, line = run.result()
            good &= held
            print(line, flush=True)
    return fault.conformant if good else fault.violations


def main() -> int:
    return guarded("ci/fuzz", run)
