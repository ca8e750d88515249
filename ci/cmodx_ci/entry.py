# SPDX-License-Identifier: Apache-2.0
"""How every tool begins and ends: its arguments, and each fault as one line and its exit code."""

import argparse
import contextlib
import os
import subprocess
import sys
import traceback
from collections.abc import Callable

from . import fault
from .fault import HarnessFault, UsageFault
from .wording import plain


class Parser(argparse.ArgumentParser):
    """Every fault of the arguments as one line."""

    def __init__(self, tool: str, description: str | None) -> None:
        super().__init__(prog=tool, description=description, allow_abbrev=False)

    def error(self, message: str) -> None:
        raise UsageFault(f"{message}; see {self.prog} --help")


def _of_system(problem: OSError) -> str:
    with contextlib.suppress(OSError):
        # What could not be written is not tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    where = f"{plain(str(problem.filename))}: " if problem.filename else ""
    return where + (problem.strerror or str(problem))


def guarded(tool: str, run: Callable[[list[str]], int]) -> int:
    """The exit code of `run`, which gets the arguments of this process."""
    code = fault.harness_failed
    try:
        try:
            return run(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except UsageFault as problem:
        code, said = fault.usage, str(problem)
    except (HarnessFault, subprocess.SubprocessError) as problem:
        said = str(problem)
    except OSError as problem:
        said = _of_system(problem)
        if isinstance(problem, BrokenPipeError):  # who reads no further knows
            return code
    except KeyboardInterrupt:
        said = "interrupted"
    except Exception:  # a bug of ours; Python's own exit code, 1, would call it a violation
        said = traceback.format_exc().rstrip()
    with contextlib.suppress(OSError):
        print(f"{tool}: {said}", file=sys.stderr)
    return code
