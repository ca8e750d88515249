// SPDX-License-Identifier: Apache-2.0
// The AArch64 back end: the events of a test as instructions, beside its steps and sites.
#pragma once

#include "arch/aarch64/sites.hpp"
#include "arch/aarch64/steps.hpp"

namespace cmodx::aarch64 {

struct isa {
    static constexpr std::string_view name = "aarch64";
    static constexpr std::size_t word_size = 8;
    static constexpr std::size_t granule = 4;
    static constexpr std::span<const step> steps = aarch64::steps;
    static constexpr std::span<const site_layout> sites = aarch64::sites;

    // AAPCS64: X19 … X30 are the caller's, SP is a multiple of 16.
    static constexpr void prologue(code_buffer& code) {
        append(code, stp_pre(x29, x30, sp, -32), stp(x19, x20, sp, 16), mov(frame, x0), movz(last_flag, 0));
    }

    static constexpr void epilogue(code_buffer& code) {
        append(code, ldp(x19, x20, sp, 16), ldp_post(x29, x30, sp, 32), ret());
    }

    // 1, 2, 4 or 8 bytes: one store. More: words in ascending order, in a loop beyond 64 bytes, then what is left
    // over as a halfword and a byte.
    static constexpr void store_code(code_buffer& code, location x, std::size_t size) {
        append(code, load(x0, field::source, x), load(x1, field::target, x));
        if (size == 8) {
            append(code, ldr(x2, x0), str(x2, x1));
            return;
        }
        if (size > 64) {
            append(code, movz(w3, static_cast<std::uint32_t>(size / 4)));
            append(code, ldr_post(w2, x0, 4), str_post(w2, x1, 4), subs(w3, w3, 1), b(cond::ne, -12));
            size %= 4;
        }
        std::uint32_t offset = 0;
        for (; size - offset >= 4; offset += 4) append(code, ldr(w2, x0, offset), str(w2, x1, offset));
        if ((size & 2) != 0) append(code, ldrh(w2, x0, offset), strh(w2, x1, offset));
        offset += size & 2;
        if ((size & 1) != 0) append(code, ldrb(w2, x0, offset), strb(w2, x1, offset));
    }

    static constexpr void load_code(code_buffer& code, location x, std::size_t slot) {
        append(code, load(x0, field::begin, x), ldr(w0, x0), observe(x0, slot));
    }

    static constexpr void fetch(code_buffer& code, location x, std::size_t slot) {
        append(code, load(x1, field::site, x), blr(x1));
        result(code, slot);
    }
    static constexpr void fetch_chosen(code_buffer& code, std::size_t slot) {
        append(code, load(x0, field::scratch), ubfx(x1, static_cast<xreg>(last_flag), 0, 1), add(x0, x0, x1, 3));
        append(code, ldr(x1, x0), blr(x1));
        result(code, slot);
    }
    static constexpr void result(code_buffer& code, std::size_t slot) { append(code, mov(w0, w0), observe(x0, slot)); }

    static constexpr void store_flag(code_buffer& code, location x, bool release) {
        append(code, load(x0, field::flag, x), load(x1, field::value, x), release ? stlr(w1, x0) : str(w1, x0));
    }

    static constexpr void load_flag(code_buffer& code, location x, std::size_t slot, bool acquire) {
        append(code, load(x0, field::flag, x), acquire ? ldar(last_flag, x0) : ldr(last_flag, x0));
        append(code, observe(static_cast<xreg>(last_flag), slot));
    }
    static constexpr void pass_flag(code_buffer& code, location x) {
        append(code, load(x0, field::flag, x), str(last_flag, x0));
    }

    static constexpr void skip_old(code_buffer& code, std::size_t size) {
        append(code, load(x0, field::last_flag), cmp(last_flag, w0));
        append(code, b(cond::eq, static_cast<std::int64_t>(size) + 4));
    }
    static constexpr void jump(code_buffer& code, std::size_t size) {
        append(code, b(static_cast<std::int64_t>(size) + 4));
    }
    static constexpr void nop(code_buffer& code) { append(code, aarch64::nop()); }

    // mprotect(page, page_length, PROT_READ | (PROT_EXEC or PROT_WRITE)).
    static constexpr void protect(code_buffer& code, bool executable) {
        append(code, load(x0, field::page), load(x1, field::page_length), movz(x2, executable ? 1 | 4 : 1 | 2));
        system_call(code, 226);
    }

    static constexpr void trap(code_buffer& code) { append(code, brk(0)); }

    static constexpr void again(code_buffer& code, std::size_t begin, std::uint8_t flags, std::uint8_t values,
                                std::uint8_t codes) {
        append(code, load(x0, field::rounds), subs(x0, x0, 1), store(x0, field::rounds), movz(x1, 0));
        const auto compare = [&](std::uint8_t slots, field last) {
            for (std::size_t slot = 0; slot < observations; ++slot) {
                if ((slots >> slot & 1) == 0) continue;
                append(code, observed(x2, slot), load(x3, last), eor(x2, x2, x3), orr(x1, x1, x2));
            }
        };
        compare(flags, field::last_flag);
        compare(values, field::last_value);
        compare(codes, field::last_code);
        append(code, cbnz(x1, 8));
        append(code, cbnz(x0, static_cast<std::int64_t>(begin) - static_cast<std::int64_t>(code.size)));
    }
};
static_assert(back_end<isa>);

}  // namespace cmodx::aarch64
