// SPDX-License-Identifier: Apache-2.0
// What stands behind a breakpoint is one instruction.
#include "check.hpp"

using namespace heap_tests;  // NOLINT(google-build-using-namespace)

HEAP_TEST(breakpoint_guards_one_instruction) {
    if (!cmodx::target::live::breakpoint_first) throw skipped{"no rule for a breakpoint first"};
    codeheap_options o = usual();
    o.facts = "vendor=intel";
    o.flags |= CODEHEAP_TAKE_SIGTRAP;
    const heap h(o);
    // mov $1, %ecx; mov $1, %eax across a line; ret
    bytes b(57, 0x90);
    const bytes two = {0xb9, 1, 0, 0, 0, 0xb8, 1, 0, 0, 0}, after = {0xb9, 2, 0, 0, 0, 0xb8, 2, 0, 0, 0};
    b.insert(b.end(), two.begin(), two.end());
    b.push_back(0xc3);
    auto* code = static_cast<std::uint8_t*>(h.alloc(b, 0, 64));
    EXPECT_IS(codeheap_update(h, code + 57, after.data(), 10, 0), CODEHEAP_OUTSIDE_CLASS);
    EXPECT_IS(call(code), 1);
    EXPECT_IS(codeheap_update(h, code + 57, after.data(), 5, 0), CODEHEAP_OK);
    EXPECT_IS(codeheap_update(h, code + 62, after.data() + 5, 5, 0), CODEHEAP_OK);
    EXPECT_IS(call(code), 2);
    // One for two, and two for one.
    const bytes one = {0x48, 0xb8, 3, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_IS(codeheap_update(h, code + 57, one.data(), 10, 0), CODEHEAP_OUTSIDE_CLASS);
    EXPECT_IS(codeheap_update(h, code + 57, one.data(), 10, CODEHEAP_STOPPED), CODEHEAP_OK);
    EXPECT_IS(call(code), 3);
    EXPECT_IS(codeheap_update(h, code + 57, after.data(), 10, 0), CODEHEAP_OUTSIDE_CLASS);
    EXPECT_IS(call(code), 3);
}

HEAP_TEST(lengths_of_instructions) {
    if (!cmodx::target::live::breakpoint_first) throw skipped{"no instruction is as long as it likes"};
    const bytes whole[] = {
        {0x90},
        {0xc3},
        {0x0f, 0x05},
        {0xeb, 0xfe},
        {0x0f, 0x1f, 0x44, 0, 0},
        {0xe8, 0, 0, 0, 0},
        {0xb8, 1, 2, 3, 4},
        {0x66, 0xb8, 1, 2},
        {0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8},
        {0xff, 0x25, 0, 0, 0, 0},
        {0x8b, 0x04, 0x25, 1, 2, 3, 4},
        {0x8b, 0x44, 0x24, 8},
        {0x81, 0x05, 1, 2, 3, 4, 5, 6, 7, 8},
        {0xf6, 0xc1, 1},
        {0xf7, 0xd0},
        {0xf7, 0xc1, 1, 2, 3, 4},
        {0x66, 0x0f, 0x3a, 0x0f, 0xc1, 4},
        {0x0f, 0xf6, 0xc1},
        {0xf3, 0x0f, 0x10, 0xc1},
        {0xa1, 1, 2, 3, 4, 5, 6, 7, 8},
    };
    for (const bytes& b : whole) {
        bytes more = b;
        EXPECT_IS(cmodx::target::live::one_instruction(b.data(), b.size()), true);
        EXPECT_IS(cmodx::target::live::one_instruction(b.data(), b.size() - 1), false);
        more.push_back(0x90);
        EXPECT_IS(cmodx::target::live::one_instruction(more.data(), more.size()), false);
    }
    const bytes unknown[] = {{0xc5, 0xf8, 0x77}, {0x66, 0xe9, 0, 0}, {0x06}, {0x66, 0x48, 0x05, 1, 2}};
    for (const bytes& b : unknown) EXPECT_IS(cmodx::target::live::one_instruction(b.data(), b.size()), false);
}
