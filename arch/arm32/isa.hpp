// SPDX-License-Identifier: Apache-2.0
// The arm32 back end (Armv7-A, A32 state): the events of a test as instructions, beside its steps and sites.
#pragma once

#include "arch/arm32/sites.hpp"
#include "arch/arm32/steps.hpp"

namespace cmodx::arm32 {

struct isa {
    static constexpr std::string_view name = "arm32";
    static constexpr std::size_t word_size = 4;
    static constexpr std::size_t granule = 4;
    static constexpr std::span<const step> steps = arm32::steps;
    static constexpr std::span<const site_layout> sites = arm32::sites;

    // AAPCS: R4 … R11 are the caller's, SP is a multiple of 8.
    static constexpr std::uint32_t saved = 1u << r4 | 1u << r5 | 1u << r7;

    static constexpr void prologue(code_buffer& code) {
        append(code, push(saved | 1u << lr), mov(frame, r0), mov(last_flag, immediate{0}));
    }

    static constexpr void epilogue(code_buffer& code) { append(code, pop(saved | 1u << pc)); }

    // 1, 2 or 4 bytes: one store. More: words in ascending order, in a loop beyond 64 bytes, then what is left over
    // as a halfword and a byte. (LDRD and STRD of 8 bytes are single accesses with the Large Physical Address
    // Extension only.)
    static constexpr void store_code(code_buffer& code, location x, std::size_t size) {
        append(code, load(r0, field::source, x), load(r1, field::target, x));
        if (size > 64) {
            append(code, movw(r3, static_cast<std::uint32_t>(size / 4)));
            append(code, ldr_post(r2, r0, 4), str_post(r2, r1, 4), subs(r3, r3, immediate{1}), b(-12, cond::ne));
            size %= 4;
        }
        const auto length = static_cast<std::int32_t>(size);
        std::int32_t offset = 0;
        for (; length - offset >= 4; offset += 4) append(code, ldr(r2, r0, offset), str(r2, r1, offset));
        if ((length & 2) != 0) append(code, ldrh(r2, r0, offset), strh(r2, r1, offset));
        offset += length & 2;
        if ((length & 1) != 0) append(code, ldrb(r2, r0, offset), strb(r2, r1, offset));
    }

    static constexpr void load_code(code_buffer& code, location x, std::size_t slot) {
        append(code, load(r0, field::begin, x), ldr(r0, r0), observe(r0, slot));
    }

    static constexpr void fetch(code_buffer& code, location x, std::size_t slot) {
        append(code, load(r1, field::site, x), blx(r1));
        result(code, slot);
    }
    static constexpr void fetch_chosen(code_buffer& code, std::size_t slot) {
        append(code, load(r1, field::scratch), and_(r0, last_flag, immediate{1}), add(r1, r1, r0, 2));
        append(code, ldr(r1, r1), blx(r1));
        result(code, slot);
    }
    static constexpr void result(code_buffer& code, std::size_t slot) { append(code, observe(r0, slot)); }

    // Armv7 has neither a store-release nor a load-acquire: DMB ISH on the side that matters.
    static constexpr void store_flag(code_buffer& code, location x, bool release) {
        append(code, load(r0, field::flag, x), load(r1, field::value, x));
        if (release) append(code, dmb(barrier::ish));
        append(code, str(r1, r0));
    }

    static constexpr void load_flag(code_buffer& code, location x, std::size_t slot, bool acquire) {
        append(code, load(r0, field::flag, x), ldr(last_flag, r0));
        if (acquire) append(code, dmb(barrier::ish));
        append(code, observe(last_flag, slot));
    }
    static constexpr void pass_flag(code_buffer& code, location x) {
        append(code, load(r0, field::flag, x), str(last_flag, r0));
    }

    static constexpr void skip_old(code_buffer& code, std::size_t size) {
        append(code, load(r0, field::last_flag), cmp(last_flag, r0));
        append(code, b(static_cast<std::int64_t>(size) + 4, cond::eq));
    }
    static constexpr void jump(code_buffer& code, std::size_t size) {
        append(code, b(static_cast<std::int64_t>(size) + 4));
    }
    static constexpr void nop(code_buffer& code) { append(code, arm32::nop()); }

    // mprotect(page, page_length, PROT_READ | (PROT_EXEC or PROT_WRITE)).
    static constexpr void protect(code_buffer& code, bool executable) {
        append(code, load(r0, field::page), load(r1, field::page_length),
               mov(r2, immediate{executable ? 1u | 4u : 1u | 2u}));
        system_call(code, 125);
    }

    static constexpr void again(code_buffer& code, std::size_t begin, std::uint8_t flags, std::uint8_t values,
                                std::uint8_t codes) {
        append(code, load(r0, field::rounds), sub(r0, r0, immediate{1}), store(r0, field::rounds),
               mov(r1, immediate{0}));
        const auto compare = [&](std::uint8_t slots, field last) {
            for (std::size_t slot = 0; slot < observations; ++slot) {
                if ((slots >> slot & 1) == 0) continue;
                append(code, observed(r2, slot), load(r3, last), eor(r2, r2, r3), orr(r1, r1, r2));
            }
        };
        compare(flags, field::last_flag);
        compare(values, field::last_value);
        compare(codes, field::last_code);
        append(code, cmp(r1, immediate{0}), b(12, cond::ne), cmp(r0, immediate{0}));
        append(code, b(static_cast<std::int64_t>(begin) - static_cast<std::int64_t>(code.size), cond::ne));
    }

    static constexpr void trap(code_buffer& code) { append(code, udf(0)); }
};
static_assert(back_end<isa>);

}  // namespace cmodx::arm32
