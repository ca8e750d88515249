// SPDX-License-Identifier: Apache-2.0
// Changing code that may run meanwhile: the rules of the architecture and the facts of the machine say how, if at all.
#include <string.h>

#include "heap.hpp"
#include "trap.hpp"

using namespace cmodx;        // NOLINT(google-build-using-namespace): the C type is outside
using namespace cmodx::code;  // NOLINT(google-build-using-namespace)

namespace {

using target::live;

constexpr mapping path_of(codeheap_mapping m) {
    return m == CODEHEAP_DUAL ? mapping::alias : m == CODEHEAP_POKE ? mapping::poke : mapping::same;
}

// Whether one store of `size` bytes, `offset` bytes behind an aligned block's begin, can only be seen whole or not at
// all by threads that run there; or the same of what the writer's steps lead to.
bool promised(codeheap_mapping path, std::string_view site, std::size_t offset, std::size_t size,
              std::span<const std::string_view> steps, std::span<const fact> facts) {
    question q{.between = relation::concurrent,
               .site = site,
               .at = {.boundary = 64, .before = static_cast<std::uint8_t>((64 - offset % 64) % 64)},
               .patch_size = static_cast<std::uint16_t>(size),
               .path = path_of(path),
               .writer = steps,
               .executor = {},
               .exclusive = false,
               .seen = witness::torn,
               .facts = facts};
    if (judge(live::rules, q).ruling != verdict::forbidden) return false;
    q.seen = witness::fault;
    return judge(live::rules, q).ruling == verdict::forbidden;
}

using block_word = std::conditional_t<live::block == 8, std::uint64_t, std::uint32_t>;

block_word load_block(const std::uint8_t* at) {
    block_word w;
    memcpy(&w, at, sizeof w);
    return w;
}

}  // namespace

codeheap_error codeheap::update(void* where, const void* bytes, std::size_t length, std::uint32_t flags) {
    if (const codeheap_error e = here(); e != CODEHEAP_OK) return e;
    if (where == nullptr || bytes == nullptr || length == 0) return CODEHEAP_BAD_ARGUMENT;
    const guard g(updating_);
    piece p;
    if (!slabs_.find(where, p)) return CODEHEAP_NOT_LIVE;
    auto* at = static_cast<std::uint8_t*>(where);
    if (p.is_entry()) return at == p.code ? retarget(p, bytes, length) : CODEHEAP_BAD_ARGUMENT;
    if (length > static_cast<std::size_t>(p.code + p.size - at)) return CODEHEAP_TOO_LONG;
    return exchange(p, at, static_cast<const std::uint8_t*>(bytes), length, flags);
}

codeheap_error codeheap::exchange(const piece& p, std::uint8_t* at, const std::uint8_t* bytes, std::size_t length,
                                  std::uint32_t flags) {
    if ((flags & CODEHEAP_STOPPED) != 0 || mapping_ == CODEHEAP_FLIP) {
        const codeheap_error e = gated([&] { return write(p.in->memory, at, bytes, length); });
        if (e != CODEHEAP_OK) return e;
        return live::maintain(at, at + length) ? make_visible(at, at + length, flags) : CODEHEAP_MAINTENANCE;
    }
    std::size_t first = 0, end = length;
    while (first < end && at[first] == bytes[first]) ++first;
    while (end > first && at[end - 1] == bytes[end - 1]) --end;
    if (first == end) return CODEHEAP_OK;

    const std::size_t offset = reinterpret_cast<std::uintptr_t>(at + first) % live::block;
    const bool whole = offset + (end - first) <= live::block;
    std::uint8_t* block = at + first - offset;
    block_word after = load_block(block);
    if (whole) {
        memcpy(reinterpret_cast<std::uint8_t*>(&after) + offset, bytes + first, end - first);
        const std::string_view site =
            live::site(static_cast<std::uint32_t>(load_block(block)), static_cast<std::uint32_t>(after));
        const bool one_store = mapping_ != CODEHEAP_POKE || end - first == 1;
        if (one_store && promised(mapping_, site, offset, end - first, {}, facts_.all())) {
            if (mapping_ == CODEHEAP_POKE) {
                if (const codeheap_error e = write(p.in->memory, at + first, bytes + first, 1); e != CODEHEAP_OK)
                    return e;
            } else {
                __atomic_store_n(reinterpret_cast<block_word*>(p.in->memory.writable(block)), after, __ATOMIC_RELEASE);
            }
            if (!live::maintain(block, block + live::block)) return CODEHEAP_MAINTENANCE;
            return make_visible(block, block + live::block, flags);
        }
    }
    constexpr std::string_view guarded[] = {"breakpoint", "membarrier"};
    if (live::breakpoint_first && (flags_ & CODEHEAP_TAKE_SIGTRAP) != 0 && threads.can_interrupt_all() &&
        promised(mapping_, "imm", offset, end - first, guarded, facts_.all())) {
        // A thread between two instructions would not come by the breakpoint.
        if (!live::one_instruction(at, length) || !live::one_instruction(bytes, length)) return CODEHEAP_OUTSIDE_CLASS;
        return behind_breakpoint(p, at, bytes, length);
    }

    if (mapping_ == CODEHEAP_POKE) return CODEHEAP_NOT_ATOMIC;
    if (!whole) return CODEHEAP_STRADDLES;
    return promised(mapping_, "nop_branch", offset, end - first, {}, facts_.all()) ? CODEHEAP_OUTSIDE_CLASS
                                                                                   : CODEHEAP_UNSPECIFIED;
}

// Linux arch/x86/kernel/alternative.c, text_poke_bp_batch: the breakpoint, everybody; the rest, everybody; the first
// byte, everybody. A thread that runs into the breakpoint comes back to it until it is gone.
codeheap_error codeheap::behind_breakpoint(const piece& p, std::uint8_t* at, const std::uint8_t* bytes,
                                           std::size_t length) {
    const breakpoint_in_flight meanwhile(at);
    const auto put = [&](std::size_t begin, const std::uint8_t* from, std::size_t size) {
        return size == 0 ? CODEHEAP_OK : write(p.in->memory, at + begin, from, size);
    };
    constexpr std::uint8_t breakpoint = live::breakpoint;
    std::uint8_t first = at[0];
    codeheap_error e = put(0, &breakpoint, 1);
    if (e == CODEHEAP_OK) e = threads.interrupt_all(at, at + length);
    if (e == CODEHEAP_OK) {
        e = put(1, bytes + 1, length - 1);
        if (e == CODEHEAP_OK) {
            first = bytes[0];
            e = threads.interrupt_all(at, at + length);
        }
    }
    // Whatever has failed, the old first byte stands before the old rest, the new one before the new.
    codeheap_error last = put(0, &first, 1);
    if (last == CODEHEAP_OK) last = threads.interrupt_all(at, at + length);
    return e == CODEHEAP_OK ? last : e;
}

// The new function is seen by everybody before anybody can come to it.
codeheap_error codeheap::retarget(const piece& entry, const void* bytes, std::size_t length) {
    if (mapping_ == CODEHEAP_POKE) return CODEHEAP_NOT_ATOMIC;
    if (threads.how() != CODEHEAP_TRACKED && !threads.can_interrupt_all()) return CODEHEAP_NO_MEMBARRIER;
    piece body;
    codeheap_error e = fill(bytes, length, 16, body);
    if (e != CODEHEAP_OK) return e;
    e = threads.how() == CODEHEAP_TRACKED ? threads.make_visible(body.code, body.code + body.size)
                                          : threads.interrupt_all(body.code, body.code + body.size);
    std::uintptr_t* word = target_of(entry);
    const std::uintptr_t before = __atomic_load_n(word, __ATOMIC_RELAXED);
    const auto after = reinterpret_cast<std::uintptr_t>(body.code);
    if (e == CODEHEAP_OK) {
        if (mapping_ == CODEHEAP_FLIP)
            e = gated([&] { return write(entry.in->memory, word, &after, sizeof after); });
        else
            __atomic_store_n(reinterpret_cast<std::uintptr_t*>(entry.in->memory.writable(word)), after,
                             __ATOMIC_RELEASE);
    }
    const guard g(freeing_);
    if (e != CODEHEAP_OK) {
        (void)take_back(body.code);
        return e;
    }
    piece old;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the entry held an address
    if (slabs_.retire(reinterpret_cast<void*>(before), old)) outlive(old);
    return CODEHEAP_OK;
}
