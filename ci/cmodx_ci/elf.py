# SPDX-License-Identifier: Apache-2.0
"""An executable of an image: where its symbols are, what of it is loaded. System V ABI, "Object Files"."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_symbols = 2  # SHT_SYMTAB
_load = 1  # PT_LOAD


@dataclass(frozen=True)
class Segment:
    address: int
    offset: int  # in the file
    size: int  # there


class Image:
    def __init__(self, path: Path) -> None:
        self.bytes = bytearray(path.read_bytes())
        self.word = {1: 4, 2: 8}[self.bytes[4]]  # of an address, in bytes
        wide = self.word == 8
        self._phoff, self._shoff = struct.unpack_from("<QQ" if wide else "<II", self.bytes, 32 if wide else 28)
        sizes = struct.unpack_from("<HHHH", self.bytes, 54 if wide else 42)
        self._phsize, self._phcount, self._shsize, self._shcount = sizes

    def address(self, name: str) -> int:
        for index in range(self._shcount):
            section = self._section_at(index)
            if section[1] != _symbols:
                continue
            names = self._section_at(section[6])[4]
            for at in range(section[4], section[4] + section[5], section[9]):
                start, value = struct.unpack_from("<II" if self.word == 4 else "<IxxxxQ", self.bytes, at)
                end = self.bytes.index(0, names + start)
                if self.bytes[names + start : end].decode() == name:
                    return value
        raise KeyError(name)

    def segments(self) -> Iterator[Segment]:
        """What is loaded out of the file."""
        for index in range(self._phcount):
            words = struct.unpack_from(
                "<IIIII" if self.word == 4 else "<IxxxxQQQQ", self.bytes, self._phoff + index * self._phsize
            )
            if words[0] == _load and words[4] != 0:
                yield Segment(words[2], words[1], words[4])

    def offset(self, name: str) -> int:
        """Of a symbol, in the file."""
        address = self.address(name)
        for segment in self.segments():
            if segment.address <= address < segment.address + segment.size:
                return segment.offset + address - segment.address
        raise KeyError(f"{name}: not in the file")

    def _section_at(self, index: int) -> tuple[int, ...]:
        """Name, type, flags, address, offset in the file, size, link, information, alignment, size of an entry."""
        layout = "<10I" if self.word == 4 else "<IIQQQQIIQQ"
        return struct.unpack_from(layout, self.bytes, self._shoff + index * self._shsize)
