# SPDX-License-Identifier: Apache-2.0
"""CPUs of this host, each lent to one machine at a time: between processes, by locked files.

pytest-xdist decides which worker runs which machine; this only keeps two stress runs off one CPU.
"""

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from . import tree


def _folder() -> Path:
    """All who run on this host have to agree on it; only tests with machines that do not compute have their own."""
    given = os.environ.get("CMODX_LOCKS")
    return Path(given) if given else tree.cache() / "cpus"


def _locked(path: Path, wait: bool) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def alone(name: str | None, folder: Path | None = None) -> Iterator[None]:
    """The only one on this host that uses what has this name, such as a board, until the block ends. Waits for it."""
    if name is None:
        yield
        return
    folder = folder or _folder()
    folder.mkdir(parents=True, exist_ok=True)
    # Hashed, since a name may hold anything.
    descriptor = _locked(folder / f"alone-{hashlib.sha256(name.encode()).hexdigest()[:16]}", wait=True)
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lent(count: int, folder: Path | None = None, available: list[int] | None = None) -> Iterator[list[int]]:
    """`count` CPU numbers that nobody else has until the block ends. Waits for them."""
    if count == 0:
        yield []
        return
    folder = folder or _folder()
    available = tree.host_cpus() if available is None else available
    if count > len(available):
        raise ValueError(f"{count} CPUs of {len(available)}")
    folder.mkdir(parents=True, exist_ok=True)
    held: dict[int, int] = {}
    # Whoever collects holds the queue, so that two who wait never hold half of what each needs.
    queue = _locked(folder / "queue", wait=True)
    try:
        while len(held) < count:
            for cpu in available:
                if cpu not in held and len(held) < count:
                    descriptor = _locked(folder / str(cpu), wait=False)
                    if descriptor is not None:
                        held[cpu] = descriptor
            if len(held) < count:
                time.sleep(0.1)
        os.close(queue)
        queue = None
        yield sorted(held)
    finally:
        for descriptor in held.values():
            os.close(descriptor)
        if queue is not None:
            os.close(queue)
