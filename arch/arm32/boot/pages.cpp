// SPDX-License-Identifier: Apache-2.0
// Address spaces of AArch32: the first level of tables is start.S's or its copy, and in both one section of what is no
// memory makes room for the window. Sections: Arm ARM for Armv7-A, DDI0406C.
#include "arch/arm32/boot/pages.hpp"

#include "runner/bare/machine.hpp"

extern "C" std::uint32_t cmodx_translation[4096];

namespace cmodx::machine {
namespace {

constexpr std::uintptr_t window_at = 0x20000000;
constexpr std::size_t entry = window_at >> 20;

alignas(16384) std::uint32_t copy[4096];
alignas(1024) std::uint32_t pages[spaces][256];

std::uint32_t* root(unsigned space) { return space == 0 ? cmodx_translation : copy; }
std::uint32_t address(const void* p) { return reinterpret_cast<std::uint32_t>(p); }

void complete() { asm volatile("dsb ishst; isb" ::: "memory"); }
void set_asid(std::uint32_t asid) { asm volatile("mcr p15, 0, %0, c13, c0, 1; isb" ::"r"(asid) : "memory"); }
// 0 stands between two spaces.
std::uint32_t asid_of(unsigned tag) { return tag + 1; }

}  // namespace

void prepare_pages() {
    constexpr std::uint32_t is_table = 1;
    for (std::size_t i = 0; i < std::size(copy); ++i) copy[i] = cmodx_translation[i];
    for (unsigned space = 0; space < spaces; ++space) root(space)[entry] = address(pages[space]) | is_table;
    asm volatile("dsb ishst; mcr p15, 0, %0, c8, c3, 0; dsb ish; isb" ::"r"(0) : "memory");  // TLBIALLIS
}

void prepare_tags() { set_asid(asid_of(0)); }

bool tagged() { return true; }
std::uint8_t* window() { return reinterpret_cast<std::uint8_t*>(window_at); }

// B3.5.1 "Short-descriptor translation table format descriptors": a small page of normal memory, shareable, for this
// level, not global.
void set_page(unsigned space, std::size_t page, std::uint8_t* memory, access how) {
    constexpr std::uint32_t normal = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 10 | 1 << 11;
    constexpr std::uint32_t read_only = 1 << 9, never_executed = 1;
    std::uint32_t is = 0;
    switch (how) {
        case access::none: break;
        case access::read_write: is = address(memory) | normal | never_executed; break;
        case access::read_execute: is = address(memory) | normal | read_only; break;
        case access::all: is = address(memory) | normal; break;
    }
    static_cast<volatile std::uint32_t&>(pages[space][page]) = is;
    complete();
}

// B3.10.4 "Synchronization of changes of ASID and TTBR", by an ASID that nothing else has.
void enter_space(unsigned space, unsigned tag) {
    constexpr std::uint32_t walks = 1 << 6 | 1 << 3 | 1 << 1;  // as in start.S
    set_asid(0);
    asm volatile("mcr p15, 0, %0, c2, c0, 0; isb" ::"r"(address(root(space)) | walks) : "memory");
    set_asid(asid_of(tag));
}

// TLBIMVAAIS, TLBIASIDIS
bool invalidate_page(std::uint8_t* at) {
    asm volatile("dsb ishst; mcr p15, 0, %0, c8, c3, 3; dsb ish; isb" ::"r"(address(at) & ~0xfffu) : "memory");
    return true;
}
bool invalidate_tag(unsigned tag) {
    asm volatile("dsb ishst; mcr p15, 0, %0, c8, c3, 2; dsb ish; isb" ::"r"(asid_of(tag)) : "memory");
    return true;
}

}  // namespace cmodx::machine
