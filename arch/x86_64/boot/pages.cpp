// SPDX-License-Identifier: Apache-2.0
// Address spaces of x86-64: the two upper levels of tables are start.S's or their copies, the window hangs on an entry
// that is empty there. Sections: Intel SDM vol. 3A, "4-Level Paging", "Process-Context Identifiers (PCIDs)".
#include "arch/x86_64/boot/pages.hpp"

#include <cpuid.h>

#include "runner/bare/machine.hpp"

extern "C" std::uint64_t cmodx_translation[512];
extern "C" std::uint64_t cmodx_gibibytes[512];

namespace cmodx::machine {
namespace {

using table = std::uint64_t[512];
constexpr std::size_t entry = 12;  // of 1 GiB each
constexpr std::uint64_t present = 1, writable = 2, accessed_and_dirty = 0x60, never_executed = std::uint64_t{1} << 63;

alignas(4096) table copy;
alignas(4096) table copied_gibibytes;
alignas(4096) table middle[spaces];
alignas(4096) table pages[spaces];
bool has_tags = false;  // by PCID

std::uint64_t address(const void* p) { return reinterpret_cast<std::uint64_t>(p); }

void invalidate(std::uint64_t kind, std::uint64_t tag, std::uint64_t at) {
    const std::uint64_t descriptor[2] = {tag, at};
    asm volatile("invpcid %1, %0" ::"r"(kind), "m"(descriptor) : "memory");
}

}  // namespace

void prepare_pages() {
    for (std::size_t i = 0; i < std::size(copy); ++i) copied_gibibytes[i] = cmodx_gibibytes[i];
    copy[0] = address(copied_gibibytes) | present | writable;
    cmodx_gibibytes[entry] = address(middle[0]) | present | writable;
    copied_gibibytes[entry] = address(middle[1]) | present | writable;
    for (unsigned space = 0; space < spaces; ++space) middle[space][0] = address(pages[space]) | present | writable;
}

void prepare_tags() {
    constexpr std::uint32_t has_pcid = 1 << 17, has_invpcid = 1 << 10;
    std::uint32_t a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & has_pcid) == 0) return;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & has_invpcid) == 0) return;
    std::uint64_t control;
    asm volatile("movq %%cr4, %0" : "=r"(control));
    asm volatile("movq %0, %%cr4" ::"r"(control | 1 << 17) : "memory");
    has_tags = true;
}

bool tagged() { return has_tags; }
std::uint8_t* window() { return reinterpret_cast<std::uint8_t*>(entry << 30); }

void set_page(unsigned space, std::size_t page, std::uint8_t* memory, access how) {
    const std::uint64_t at = address(memory) | present | accessed_and_dirty;
    std::uint64_t is = 0;
    switch (how) {
        case access::none: break;
        case access::read_write: is = at | writable | never_executed; break;
        case access::read_execute: is = at; break;
        case access::all: is = at | writable; break;
    }
    static_cast<volatile std::uint64_t&>(pages[space][page]) = is;
    asm volatile("mfence" ::: "memory");
}

// Bit 63: what is kept by the tag stays.
void enter_space(unsigned space, unsigned tag) {
    std::uint64_t root = address(space == 0 ? cmodx_translation : copy);
    if (has_tags) root |= std::uint64_t{1} << 63 | tag;
    asm volatile("movq %0, %%cr3" ::"r"(root) : "memory");
}

bool invalidate_page(std::uint8_t* at) {
    if (!has_tags) asm volatile("invlpg %0" ::"m"(*at) : "memory");
    for (unsigned tag = 0; has_tags && tag < spaces; ++tag) invalidate(0, tag, address(at));
    return false;
}
bool invalidate_tag(unsigned tag) {
    if (has_tags) {
        invalidate(1, tag, 0);
    } else {
        std::uint64_t root;
        asm volatile("movq %%cr3, %0; movq %0, %%cr3" : "=r"(root)::"memory");
    }
    return false;
}

}  // namespace cmodx::machine
