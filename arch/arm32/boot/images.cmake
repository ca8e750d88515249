# SPDX-License-Identifier: Apache-2.0
bare_options()
# Above the device tree, which QEMU puts at the begin of RAM.
bare_image(cmodx_bare 0x40400000 start.S machine.cpp pages.cpp)
