# SPDX-License-Identifier: Apache-2.0
"""Writes results of the tools: a file appears whole or not at all, and only where the person said."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from .fault import UsageFault
from .wording import plain


@contextlib.contextmanager
def whole(path: Path) -> Iterator[TextIO]:
    """A stream into a file beside `path`, which takes its place at the end; on an error nothing is left."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
        os.replace(temporary, path)
    except OSError as error:
        raise UsageFault(f"{plain(str(path))}: cannot write: {error.strerror}") from None
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
