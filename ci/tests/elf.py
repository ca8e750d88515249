# SPDX-License-Identifier: Apache-2.0
"""An executable with bytes of it replaced where a symbol is: faults that no build makes. System V ABI, "Object Files"."""

import struct
from pathlib import Path

_symbols = 2  # SHT_SYMTAB


class Image:
    def __init__(self, path: Path) -> None:
        self._bytes = bytearray(path.read_bytes())
        self.word = {1: 4, 2: 8}[self._bytes[4]]  # of an address, in bytes
        wide = self.word == 8
        self._phoff, self._shoff = struct.unpack_from("<QQ" if wide else "<II", self._bytes, 32 if wide else 28)
        sizes = struct.unpack_from("<HHHH", self._bytes, 54 if wide else 42)
        self._phsize, self._phcount, self._shsize, self._shcount = sizes

    def address(self, name: str) -> int:
        for index in range(self._shcount):
            section = self._section_at(index)
            if section[1] != _symbols:
                continue
            names = self._section_at(section[6])[4]
            for at in range(section[4], section[4] + section[5], section[9]):
                start, value = struct.unpack_from("<II" if self.word == 4 else "<IxxxxQ", self._bytes, at)
                end = self._bytes.index(0, names + start)
                if self._bytes[names + start : end].decode() == name:
                    return value
        raise KeyError(name)

    def put(self, name: str, new: bytes) -> None:
        address = self.address(name)
        for index in range(self._phcount):
            at = self._phoff + index * self._phsize
            offset, virtual, size = self._loaded(at)
            if virtual <= address < virtual + size:
                begin = offset + address - virtual
                self._bytes[begin : begin + len(new)] = new
                return
        raise KeyError(f"{name}: not in the file")

    def write(self, path: Path) -> Path:
        path.write_bytes(self._bytes)
        path.chmod(0o755)
        return path

    def _section_at(self, index: int) -> tuple[int, ...]:
        """Name, type, flags, address, offset in the file, size, link, information, alignment, size of an entry."""
        layout = "<10I" if self.word == 4 else "<IIQQQQIIQQ"
        return struct.unpack_from(layout, self._bytes, self._shoff + index * self._shsize)

    def _loaded(self, at: int) -> tuple[int, int, int]:
        """A segment's offset in the file, its address, its size in the file."""
        words = struct.unpack_from("<4xIIII" if self.word == 4 else "<8xQQQQ", self._bytes, at)
        return words[0], words[1], words[3]
