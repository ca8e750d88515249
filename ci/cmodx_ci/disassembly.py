# SPDX-License-Identifier: Apache-2.0
"""The modified bytes of an execution as instructions: by Capstone, and by objdump for RISC-V, which Debian 12's
Capstone lacks."""

import functools
import re
import shutil
import subprocess
import tempfile

import capstone

_capstone = {
    "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    "aarch64": (capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM),
    "arm32": (capstone.CS_ARCH_ARM, capstone.CS_MODE_ARM | capstone.CS_MODE_V8),
}
_objdump = {"riscv64": ("riscv64-linux-gnu-objdump", "riscv:rv64")}
# On x86 a store modifies the operand alone: the opcode in front of it, by site. See arch/x86_64/sites.hpp.
_opcodes = {("x86_64", "imm"): "b8", ("x86_64", "branch"): "e9"}
# A document may hold bytes of any length; nobody reads more than this many instructions.
_most_bytes = 64


@functools.lru_cache(maxsize=4096)
def disassembled(architecture: str, hexadecimal: str) -> tuple[str, ...]:
    """One text an instruction; bytes that are none end the list with `(not an instruction)`. Empty if nothing here
    disassembles this architecture."""
    code = bytes.fromhex(hexadecimal)[:_most_bytes]
    if architecture in _capstone:
        engine = capstone.Cs(*_capstone[architecture])
        found = list(engine.disasm(code, 0))
        done = sum(instruction.size for instruction in found)
        texts = [f"{i.mnemonic} {i.op_str}".strip() for i in found]
        return (*texts, "(not an instruction)") if done < len(code) else tuple(texts)
    return _by_objdump(architecture, code)


def _by_objdump(architecture: str, code: bytes) -> tuple[str, ...]:
    program, machine = _objdump.get(architecture, ("", ""))
    if not code or not program or shutil.which(program) is None:
        return ()
    with tempfile.NamedTemporaryFile() as file:
        file.write(code)
        file.flush()
        argv = [program, "-D", "-b", "binary", "-m", machine, "-M", "no-aliases", file.name]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    lines = re.findall(r"^\s*[0-9a-f]+:\t[0-9a-f ]+\t(.*)$", done.stdout, re.MULTILINE)
    return tuple(" ".join(line.split()) for line in lines)


def patch(architecture: str, site: str, hexadecimal: str) -> tuple[str, tuple[str, ...]]:
    """(bytes with the opcode that stands in front of them, instructions): the patch of a site as it is executed."""
    whole = _opcodes.get((architecture, site), "") + hexadecimal
    return whole, disassembled(architecture, whole)


_number = re.compile(r"0x[0-9a-f]+|(?<=#)\d+")


def with_value(instruction: str, value: int) -> str | None:
    """The same instruction with another immediate: what a site `imm` that returned `value` ran. None unless the
    instruction has exactly one immediate."""
    made, times = _number.subn(hex(value), instruction)
    return made if times == 1 else None
