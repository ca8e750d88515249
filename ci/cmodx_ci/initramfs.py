# SPDX-License-Identifier: Apache-2.0
"""A guest's initramfs: a cpio archive in the format "newc" (kernel: Documentation/driver-api/early-userspace/
buffer-format.rst) that holds the suite as /init, a console for it to complain on, and nothing else."""

import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_alignment = 4
_padding = 512  # of the whole archive, as cpio does


def _aligned(data: bytes, to: int = _alignment) -> bytes:
    return data + bytes(-len(data) % to)


def _member(number: int, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _aligned(header) + _aligned(data)


def archive(binary: bytes, more: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """The same bytes for the same contents: no times, no owners. `more`: files by name, at the top."""
    members = [
        ("dev", stat.S_IFDIR | 0o755, b"", (0, 0)),
        ("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)),
        ("init", stat.S_IFREG | 0o755, binary, (0, 0)),
        *((name, stat.S_IFREG | 0o644, data, (0, 0)) for name, data in more.items()),
    ]
    parts = [_member(number, *member) for number, member in enumerate(members, 1)]
    return _aligned(b"".join(parts) + _member(0, "TRAILER!!!", 0), _padding)


def write(binary: Path, path: Path, more: Mapping[str, bytes] = MappingProxyType({})) -> None:
    path.write_bytes(archive(binary.read_bytes(), more))
