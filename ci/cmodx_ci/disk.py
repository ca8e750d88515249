# SPDX-License-Identifier: Apache-2.0
"""A disk from which a PC's firmware starts a bare image: arch/x86_64/boot/disk.S, which is in the image, as the first
sector, the command line, and the image as it lies in memory."""

from pathlib import Path

from .elf import Image
from .fault import HarnessFault

_sector = 512
_arguments = 0x8000  # room for them, disk.S
_cylinder = 16 * 63 * _sector  # a disk is whole cylinders


def write(image: Path, arguments: str, path: Path) -> None:
    elf = Image(image)
    try:
        boot = elf.offset("cmodx_boot_sector")
    except KeyError:
        raise HarnessFault(f"{image}: has no boot sector, so that no disk starts it") from None
    words = arguments.encode() + b"\0"
    if len(words) > _arguments:
        raise HarnessFault(f"{image}: {len(words)} bytes of arguments; a disk has room for {_arguments}")
    segments = list(elf.segments())
    begin = min(segment.address for segment in segments)
    memory = bytearray(max(segment.address + segment.size for segment in segments) - begin)
    for segment in segments:
        at = segment.address - begin
        memory[at : at + segment.size] = elf.bytes[segment.offset : segment.offset + segment.size]
    disk = elf.bytes[boot : boot + _sector] + words.ljust(_arguments, b"\0") + memory
    path.write_bytes(disk.ljust(-(-len(disk) // _cylinder) * _cylinder, b"\0"))
