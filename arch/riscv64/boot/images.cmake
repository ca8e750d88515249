# SPDX-License-Identifier: Apache-2.0
bare_options(OPTIONS -mcmodel=medany)
# Above the firmware.
bare_image(cmodx_bare 0x80200000 start.S trap.cpp supervisor.cpp pages.cpp)
# Machine mode alone, for simulators and cores that boot nothing else.
bare_image(cmodx_bare_htif 0x80000000 start.S trap.cpp htif.cpp)
target_compile_definitions(cmodx_bare_htif PRIVATE CMODX_MACHINE_MODE)
