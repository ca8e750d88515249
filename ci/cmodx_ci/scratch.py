# SPDX-License-Identifier: Apache-2.0
"""Folders for a while, of which none is left behind for long: also that of a process that was killed goes, when the
next wants one of the same kind. A folder belongs to a process for as long as that holds its lock."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def _held(path: Path) -> int | None:
    """The lock of a folder of ours; None if another holds it, or has removed it meanwhile."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_uid == os.getuid() and os.path.samestat(os.fstat(lock), os.stat(path)):
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


def _sweep(prefix: str) -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        if (lock := _held(left)) is not None:
            _remove(left, lock)


@contextlib.contextmanager
def folder(kind: str) -> Iterator[Path]:
    prefix = f"cmodx.{kind}."
    _sweep(prefix)
    while True:
        made = Path(tempfile.mkdtemp(prefix=prefix))
        if (lock := _held(made)) is not None:
            break
    try:
        yield made
    finally:
        _remove(made, lock)
