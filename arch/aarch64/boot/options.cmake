# SPDX-License-Identifier: Apache-2.0
set(bare_options -mno-outline-atomics)
set(bare_trap_options -mgeneral-regs-only)
