// SPDX-License-Identifier: Apache-2.0
// Address spaces of AArch64: the first level of tables is start.S's or its copy, the window hangs on an entry that is
// empty there. Sections: Arm ARM, DDI0487.
#include "runner/bare/machine.hpp"

extern "C" std::uint64_t cmodx_translation[512];

namespace cmodx::machine {
namespace {

using table = std::uint64_t[512];
constexpr std::size_t entry = 6;  // of 1 GiB each
constexpr std::uint64_t is_table = 3;

alignas(4096) table copy;
alignas(4096) table middle[spaces];
alignas(4096) table pages[spaces];

std::uint64_t* root(unsigned space) { return space == 0 ? cmodx_translation : copy; }
std::uint64_t address(const void* p) { return reinterpret_cast<std::uint64_t>(p); }

// What was written to the tables is there for walks and for what follows: D8.17 "TLB maintenance", "Ordering of
// translation table updates".
void complete() { asm volatile("dsb ishst; isb" ::: "memory"); }

}  // namespace

void prepare_pages() {
    for (std::size_t i = 0; i < std::size(copy); ++i) copy[i] = cmodx_translation[i];
    for (unsigned space = 0; space < spaces; ++space) {
        middle[space][0] = address(pages[space]) | is_table;
        root(space)[entry] = address(middle[space]) | is_table;
    }
    complete();
}

bool tagged() { return true; }
std::uint8_t* window() { return reinterpret_cast<std::uint8_t*>(entry << 30); }

// D8.3 "Translation table descriptor formats": normal memory, inner shareable, accessed, not global.
void set_page(unsigned space, std::size_t page, std::uint8_t* memory, access how) {
    constexpr std::uint64_t normal = 3 | 1 << 2 | 3 << 8 | 1 << 10 | 1 << 11;
    constexpr std::uint64_t read_only = std::uint64_t{1} << 7;
    constexpr std::uint64_t never_executed = std::uint64_t{3} << 53;
    std::uint64_t is = 0;
    switch (how) {
        case access::none: break;
        case access::read_write: is = address(memory) | normal | never_executed; break;
        case access::read_execute: is = address(memory) | normal | read_only; break;
        case access::all: is = address(memory) | normal; break;
    }
    static_cast<volatile std::uint64_t&>(pages[space][page]) = is;
    complete();
}

void enter_space(unsigned space, unsigned tag) {
    asm volatile("msr ttbr0_el1, %0; isb" ::"r"(address(root(space)) | std::uint64_t{tag} << 48) : "memory");
}

bool invalidate_page(std::uint8_t* at) {
    asm volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" ::"r"(address(at) >> 12) : "memory");
    return true;
}
bool invalidate_tag(unsigned tag) {
    asm volatile("dsb ishst; tlbi aside1is, %0; dsb ish; isb" ::"r"(std::uint64_t{tag} << 48) : "memory");
    return true;
}

}  // namespace cmodx::machine
