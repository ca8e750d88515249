# SPDX-License-Identifier: Apache-2.0
"""Writes results of the tools: a file appears whole or not at all, and only where the person said."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .fault import HarnessFault, UsageFault
from .wording import plain


# No room is nobody's mistake; any other file that cannot be written should not have been named.
_no_room = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def whole(path: Path, mode: str = "w") -> Iterator[Any]:
    """A stream into a file beside `path`, which takes its place at the end; on an error nothing is left."""
    text = {} if "b" in mode else {"encoding": "utf-8", "errors": "backslashreplace"}
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():  # a device would be replaced by a file
        raise UsageFault(f"{plain(str(path))}: is no regular file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open(mode, **text) as stream:
            yield stream
        os.replace(temporary, path)
    except OSError as error:
        kind = HarnessFault if error.errno in _no_room else UsageFault
        raise kind(f"{plain(str(path))}: cannot write: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def put(file: str | None, text: str) -> None:
    """To standard output if no file is given."""
    if file is None:
        sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        with whole(Path(file)) as stream:
            stream.write(text)


def by_name(file: str | None, forms: dict[str, str], otherwise: str) -> str:
    """The format that the ending of a file's name stands for."""
    return forms.get(Path(file).suffix, otherwise) if file else otherwise
