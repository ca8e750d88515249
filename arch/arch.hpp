// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the suite and the contract of a back end: what every architecture in arch/ provides.
//
// Everything here is portable and freestanding: all four architectures compile into every binary, so that any
// host can assemble, explain and judge a test of any other. Only arch/*/facts.hpp is for the target alone.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cmodx {

// The path of the write to the code.
enum class mapping : std::uint8_t {
    same,     // one mapping, readable, writable and executable
    alias,    // a second, writable mapping of the same memory
    flip,     // one mapping, writable or executable in turn (mprotect)
    poke,     // one mapping, written by the kernel on behalf of the thread (read, /proc/self/mem)
    process,  // another process writes, by a mapping of its own or through the kernel
    file,     // paged in: code comes to lie in memory because the page is mapped
};

// What an execution shows that is neither the old code nor the new code in its ordinary order.
enum class witness : std::uint8_t {
    stale,                // old code ran although the protocol had finished
    torn,                 // something ran that is neither old nor new
    new_then_old,         // the new code was seen, then the old
    second_first,         // the later modification was seen, then the older code at the first location
    fetch_then_old_data,  // the new code was executed, then memory was as it had been before it was written
    never_new,            // the old code still ran when the bound was reached
    fault,                // a signal that the code does not raise when it is whole
    wrong_errno,          // a system call came to something else than its contract says
    mixed,                // parts of old and new code, each whole: an old instruction, then a new one; an old condition
                          // with a new target
    neither_pair,         // a new instruction, then an old one behind it, of two that were modified at once
    new_then_older,       // the new code was seen, then code that had been gone before it was written
    exposed,              // code lies in a page that is writable and executable at one address
};

// Between which two actions the order is in question; each witness of a shape belongs to one.
enum class relation : std::uint8_t {
    same_thread,    // a thread modifies code and runs it (SM)
    cross_thread,   // a thread modifies code and tells another through a flag, which runs it (MP.RF)
    third_party,    // as cross_thread, but the flag is set by a thread that has executed the new code (WRC.F)
    concurrent,     // code runs while another thread modifies it; nothing is handed over (Patch)
    data,           // as cross_thread, but what is modified is data that the code reads (Literal)
    load_to_fetch,  // a load of the new bytes, then a fetch of them: the modification is itself the flag (CoRF)
    same_location,  // two fetches of one location, in program order (CoFF)
    two_locations,  // two modifications in program order, fetched in program order (MP.FF)
    fetch_to_load,  // a fetch of the new code, then an access to the same bytes (CoFR, CoFW)
    fetch_to_data,  // data, then code is written; a fetch of the new code, then an access to the data (MP.FR, MP.FW)
};

enum class verdict : std::uint8_t { forbidden, allowed, required, unspecified, unpredictable };

// How strong a verdict is; the first three and what a subject claims of itself gate a run, the others are reported.
enum class basis : std::uint8_t { arch_text, arch_model, kernel_abi, kernel_impl, vendor_informal, inferred, claim };

constexpr bool gates(basis b) { return b <= basis::kernel_abi || b == basis::claim; }

// Where the modified bytes lie: `before` bytes in front of an address that is a multiple of `boundary` and,
// below 4096, of no larger power of two. No boundary: naturally aligned, wherever the trial puts it.
struct placement {
    std::uint16_t boundary = 0;  // bytes; 0 or a power of two from 8 to 4096
    std::uint8_t before = 0;     // bytes
    friend constexpr bool operator==(placement, placement) = default;
};

// A fact about a machine that a rule or a step depends on, such as {"dic", "0"}.
struct fact {
    std::string_view key;
    std::string_view value;
};

// ---------------------------------------------------------------------------------------------------------------
// Assembling. A test's threads are assembled, not compiled: each is one straight run of instructions, so that
// no call and no branch of the harness stands between a store to code and its maintenance, and what ran can be
// hashed, disassembled and explained.

// Instruction bytes under construction in memory of the caller's. Bytes that do not fit are dropped and counted:
// `size` may then exceed `room`, which is the error.
struct code_buffer {
    std::uint8_t* bytes;
    std::size_t room;
    std::size_t size = 0;

    constexpr void byte(std::uint8_t value) {
        if (size < room) bytes[size] = value;
        ++size;
    }
    constexpr void little(std::uint64_t value, std::size_t length) {
        for (std::size_t i = 0; i < length; ++i) byte(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    constexpr bool full() const { return size > room; }
};

// One of the code locations of a test (x, y in the literature) or of its flags.
using location = std::uint8_t;
inline constexpr std::size_t locations = 2;
inline constexpr std::size_t observations = 4;

// A thread's stub is `void stub(frame*)`; a frame is an array of the target's machine words in this order. The
// fields of location 1 follow those of location 0.
enum class field : std::uint8_t {
    clear_cache,  // address of void (char* begin, char* end), the compiler's __builtin___clear_cache
    page,         // flip: begin of the pages, by the executable address
    page_length,  // flip: bytes
    scratch,      // address of 64 bytes of the thread's own, 16-byte aligned
    status,       // bitwise or of what the system calls returned: not 0 if one failed
    rounds,       // how many rounds the stub may still make; it makes one at least
    last_flag,    // a round that observed another flag, value or code than these is the stub's last
    last_value,
    last_code,
    observed,             // `observations` words: what the events saw, in program order
    site = observed + 4,  // then, for each location: entry of the site, executable address
    target,               // first modified byte, by the writable address
    source,               // the new bytes
    begin,                // range to maintain, executable address
    end,
    flag,   // address of a 32-bit flag
    value,  // what store_flag publishes

    interrupt = site + 14,  // behind those of both locations: address of void (), which interrupts all other CPUs
};
inline constexpr std::size_t fields_per_location = 7;
inline constexpr std::size_t frame_words = static_cast<std::size_t>(field::interrupt) + 1;
static_assert(static_cast<std::size_t>(field::interrupt) ==
              static_cast<std::size_t>(field::site) + locations * fields_per_location);

// Index, in words, of a field of a location; `f` is one of site … value.
constexpr std::size_t word_of(field f, location x) { return static_cast<std::size_t>(f) + x * fields_per_location; }
constexpr std::size_t word_of_observed(std::size_t slot) { return static_cast<std::size_t>(field::observed) + slot; }

// A step of a protocol. `emit` appends its instructions; the range it maintains is begin … end of location x.
// It may change no register but the scratch registers that the back end's stub reserves for it.
struct step {
    std::string_view name;     // the mnemonic, as in a test's name
    std::string_view meaning;  // one sentence for `cmodx explain`
    std::string_view needs;    // key of the fact that must be "1" for the step to run here; empty: always there
    void (*emit)(code_buffer& code, location x);
};

// Whether it is only for where no operating system is, or only for where one is.
constexpr bool is_privileged(const step& s) { return s.needs == "privileged" || s.needs == "sbi"; }
constexpr bool is_system_call(const step& s) {
    for (const std::string_view of : {"linux", "membarrier_sync_core", "cacheflush", "flush_icache", "prctl_icache"})
        if (s.needs == of) return true;
    return false;
}

// ---------------------------------------------------------------------------------------------------------------
// Sites: the pieces of code that are modified. Executed whole, generation g of a site returns token(g mod
// generations); see token.hpp for how a torn one is told from a stale one.

// By which shapes a site is tried.
enum class tried : std::uint8_t {
    everywhere,  // by all that are not about another
    briefly,     // by the plainest shapes alone, with one protocol
    by_its_own,  // by those alone that name it
    one_way,     // by those that modify it once, from generation 0 to 1: the way back is another matter
};

struct site_layout {
    std::string_view name;
    std::string_view meaning;
    std::uint16_t size;            // bytes of the whole position-independent block, landing pads included
    std::uint16_t entry;           // offset of the first instruction, bytes
    std::uint16_t patch;           // offset of the modified bytes
    std::uint16_t patch_size;      // how many; 1, 2, 4 or 8 are written by one store
    std::uint16_t alignment;       // natural alignment of `patch`, bytes
    std::uint16_t generations;     // how many can be told apart: 256, 16 or 2
    std::uint8_t token_bits;       // width of the tokens it returns
    std::uint8_t straight = 0;     // bytes from the entry to the return, when no branch is among them; else 0
    bool data = false;             // what is modified is read by the code, not executed
    tried by = tried::everywhere;  // by which shapes
    std::uint8_t state = 0;        // added to the address of the entry when it is called: 1 is T32 on arm32
    std::uint8_t first_bits = 0;   // of two instructions that are modified at once: how many low bits of the token are
                                   // the first one's; else 0
    placement at{};                // where it lies unless a test says otherwise

    void (*emit)(code_buffer& code);                                 // the whole block at generation 0
    void (*emit_patch)(code_buffer& code, std::uint8_t generation);  // patch_size bytes
};

// ---------------------------------------------------------------------------------------------------------------
// The contract. `isa` is a type without state in arch/NAME/, namespace cmodx::NAME.

template <class A>
concept back_end = requires(code_buffer& code, location x, std::size_t slot, std::size_t size, bool flag,
                            std::uint8_t slots) {
    { A::name } -> std::convertible_to<std::string_view>;
    { A::word_size } -> std::convertible_to<std::size_t>;  // bytes of a frame's word
    { A::granule } -> std::convertible_to<std::size_t>;    // bytes: instructions start at multiples of it
    { A::steps } -> std::convertible_to<std::span<const step>>;
    { A::sites } -> std::convertible_to<std::span<const site_layout>>;
    // A thread's stub: prologue, events and steps in program order, perhaps again, epilogue.
    {A::prologue(code)};
    {A::epilogue(code)};
    {A::store_code(code, x, size)};       // copy `size` bytes from source to target
    {A::load_code(code, x, slot)};        // observe the first patched bytes (at most 4) by a load at begin
    {A::fetch(code, x, slot)};            // call the site, observe what it returns
    {A::fetch_chosen(code, slot)};        // the same by the table of two at `scratch`, by the flag's last bit
    {A::result(code, slot)};              // observe what a site in the stub itself has left to return
    {A::store_flag(code, x, flag)};       // publish value in flag; true: as a release
    {A::load_flag(code, x, slot, flag)};  // observe the flag; true: as an acquire
    {A::pass_flag(code, x)};              // publish the flag last loaded as the flag of x
    {A::skip_old(code, size)};            // pass over `size` bytes if the flag last loaded is last_flag
    {A::jump(code, size)};                // a direct jump over `size` bytes
    {A::nop(code)};                       // one instruction that does nothing
    {A::protect(code, flag)};             // mprotect the page range: true: read+execute, false: read+write
    {A::trap(code)};                      // one instruction of `granule` bytes that raises a signal
    // Subtracts 1 from `rounds`; goes back to offset `size` in the code unless it is 0 then, or an observation of the
    // set (bit = slot) of flags differs from last_flag, one of fetched values from last_value, or one of loaded code
    // from last_code.
    {A::again(code, size, slots, slots, slots)};
};

// A back end behind values, for code that walks all four.
struct architecture {
    std::string_view name;
    std::size_t word_size;
    std::size_t granule;
    std::span<const step> steps;
    std::span<const site_layout> sites;
    void (*prologue)(code_buffer&);
    void (*epilogue)(code_buffer&);
    void (*store_code)(code_buffer&, location, std::size_t size);
    void (*load_code)(code_buffer&, location, std::size_t slot);
    void (*fetch)(code_buffer&, location, std::size_t slot);
    void (*fetch_chosen)(code_buffer&, std::size_t slot);
    void (*result)(code_buffer&, std::size_t slot);
    void (*store_flag)(code_buffer&, location, bool release);
    void (*load_flag)(code_buffer&, location, std::size_t slot, bool acquire);
    void (*pass_flag)(code_buffer&, location);
    void (*skip_old)(code_buffer&, std::size_t size);
    void (*jump)(code_buffer&, std::size_t size);
    void (*nop)(code_buffer&);
    void (*protect)(code_buffer&, bool executable);
    void (*trap)(code_buffer&);
    void (*again)(code_buffer&, std::size_t begin, std::uint8_t flags, std::uint8_t values, std::uint8_t codes);
};

// Of what the addresses of a site's instructions are multiples, bytes.
constexpr std::size_t granule_of(const architecture& isa, const site_layout& site) {
    return site.state != 0 ? 2 : isa.granule;
}

template <back_end A>
constexpr architecture describe() {
    return {.name = A::name,
            .word_size = A::word_size,
            .granule = A::granule,
            .steps = A::steps,
            .sites = A::sites,
            .prologue = A::prologue,
            .epilogue = A::epilogue,
            .store_code = A::store_code,
            .load_code = A::load_code,
            .fetch = A::fetch,
            .fetch_chosen = A::fetch_chosen,
            .result = A::result,
            .store_flag = A::store_flag,
            .load_flag = A::load_flag,
            .pass_flag = A::pass_flag,
            .skip_old = A::skip_old,
            .jump = A::jump,
            .nop = A::nop,
            .protect = A::protect,
            .trap = A::trap,
            .again = A::again};
}

}  // namespace cmodx
