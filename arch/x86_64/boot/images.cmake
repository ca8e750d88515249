# SPDX-License-Identifier: Apache-2.0
bare_options(OPTIONS -fcf-protection=none TRAPS -mgeneral-regs-only -mno-red-zone)
# Above what firmware uses.
bare_image(cmodx_bare 0x100000 start.S disk.S machine.cpp pages.cpp)
