# SPDX-License-Identifier: Apache-2.0
"""Keeps what a document came to, so that a second look at a large run costs no second parsing.

An entry speaks of one file as it is now (device, inode, size, times) and of these tools as they are now; what does not
fit is read anew. Nothing here is ever an error: without a cache everything is only slower.
"""

import contextlib
import functools
import hashlib
import os
import sys
import time
from pathlib import Path

from . import output, results, tree
from .digest import Run
from .fault import HarnessFault, UsageFault
from .packed import unpack

# A file changed so recently could change again without its times telling. In seconds.
_settled_s = 2.0
# Entries not used for this long go. In seconds.
_kept_s = 14 * 24 * 3600.0


def folder() -> Path:
    return tree.cache() / "digests"


@functools.cache
def _tools() -> bytes:
    """These tools as they are now: code, schema, version of Python."""
    digest = hashlib.sha256(sys.version.encode())
    here = Path(__file__).parent
    names = ("digest.py", "packed.py", "layout.py", "expressions.py", "reader.py", "keep.py")
    for path in (*(here / name for name in names), results.schema_path):
        digest.update(path.read_bytes())
    return digest.digest()


def _entry(path: Path) -> tuple[Path, os.stat_result] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    identity = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    name = hashlib.sha256(_tools() + repr(identity).encode()).hexdigest()
    return folder() / name, stat


def get(path: Path) -> Run | None:
    found = _entry(path)
    if found is None:
        return None
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
        raw = found[0].read_bytes()
        with contextlib.suppress(OSError):
            os.utime(found[0])
        return unpack(raw)
    return None


def put(path: Path, packed: bytes) -> None:
    found = _entry(path)
    if found is None or time.time() - max(found[1].st_mtime, found[1].st_ctime) < _settled_s:
        return
    with contextlib.suppress(OSError, UsageFault, HarnessFault):
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        with output.whole(found[0], "wb") as file:
            file.write(packed)


def tidy() -> None:
    """Removes what nobody has asked for lately."""
    with contextlib.suppress(OSError):
        oldest = time.time() - _kept_s
        for entry in os.scandir(folder()):
            if entry.stat().st_mtime < oldest:
                os.unlink(entry.path)
