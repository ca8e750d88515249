// SPDX-License-Identifier: Apache-2.0
// Address spaces of supervisor mode: the root is start.S's or its copy, the window hangs on an entry that is empty
// there. Sections: RISC-V Instruction Set Manual, vol. II, "Supervisor-Level ISA".
#include "arch/riscv64/boot/pages.hpp"

#include "runner/bare/machine.hpp"

extern "C" std::uint64_t cmodx_translation[512];

namespace cmodx::machine {
namespace {

using table = std::uint64_t[512];
constexpr std::size_t entry = 12;  // of 1 GiB each
constexpr std::uint64_t valid = 1, readable = 2, writable = 4, executable = 8, accessed_and_dirty = 0xc0;

alignas(4096) table copy;
alignas(4096) table middle[spaces];
alignas(4096) table pages[spaces];
bool has_tags = false;  // by ASID

std::uint64_t* root(unsigned space) { return space == 0 ? cmodx_translation : copy; }
std::uint64_t entry_of(const void* p) { return reinterpret_cast<std::uint64_t>(p) >> 2; }
std::uint64_t satp_of(unsigned space, std::uint64_t tag) {
    constexpr std::uint64_t sv39 = 8;
    return sv39 << 60 | tag << 44 | reinterpret_cast<std::uint64_t>(root(space)) >> 12;
}

}  // namespace

void prepare_pages() {
    for (std::size_t i = 0; i < std::size(copy); ++i) copy[i] = cmodx_translation[i];
    for (unsigned space = 0; space < spaces; ++space) {
        middle[space][0] = entry_of(pages[space]) | valid;
        root(space)[entry] = entry_of(middle[space]) | valid;
    }
    // "Supervisor Address Translation and Protection (satp) Register": bits of the ASID that are not there read as 0.
    std::uint64_t kept;
    asm volatile("csrw satp, %1; csrr %0, satp; csrw satp, %2; sfence.vma"
                 : "=&r"(kept)
                 : "r"(satp_of(0, 1)), "r"(satp_of(0, 0))
                 : "memory");
    has_tags = kept == satp_of(0, 1);
}

bool tagged() { return has_tags; }
std::uint8_t* window() { return reinterpret_cast<std::uint8_t*>(entry << 30); }

// "Addressing and Memory Protection": A and D are set, so that no walk writes.
void set_page(unsigned space, std::size_t page, std::uint8_t* memory, access how) {
    const std::uint64_t at = entry_of(memory) | valid | readable | accessed_and_dirty;
    std::uint64_t is = 0;
    switch (how) {
        case access::none: break;
        case access::read_write: is = at | writable; break;
        case access::read_execute: is = at | executable; break;
        case access::all: is = at | writable | executable; break;
    }
    static_cast<volatile std::uint64_t&>(pages[space][page]) = is;
    asm volatile("fence" ::: "memory");
}

void enter_space(unsigned space, unsigned tag) {
    asm volatile("csrw satp, %0" ::"r"(satp_of(space, has_tags ? tag : 0)) : "memory");
    if (!has_tags) asm volatile("sfence.vma" ::: "memory");
    synchronize_context();
}

bool invalidate_page(std::uint8_t* at) {
    asm volatile("sfence.vma %0" ::"r"(at) : "memory");
    return false;
}
bool invalidate_tag(unsigned tag) {
    asm volatile("sfence.vma zero, %0" ::"r"(std::uint64_t{has_tags ? tag : 0}) : "memory");
    return false;
}

}  // namespace cmodx::machine
