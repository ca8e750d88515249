// SPDX-License-Identifier: Apache-2.0
// The riscv64 back end: how a thread of a test is assembled (RISC-V psABI, lp64d, `void stub(frame*)`).
#pragma once

#include "arch/riscv64/sites.hpp"
#include "arch/riscv64/steps.hpp"

namespace cmodx::riscv64 {

struct isa {
    static constexpr std::string_view name = "riscv64";
    static constexpr std::size_t word_size = 8;
    static constexpr std::size_t granule = 2;
    static constexpr std::span<const step> steps = riscv64::steps;
    static constexpr std::span<const site_layout> sites = riscv64::sites;

    static constexpr void prologue(code_buffer& c) {
        put(c, addi(reg::sp, reg::sp, -32));
        put(c, sd(reg::ra, reg::sp, 24));
        put(c, sd(frame, reg::sp, 16));
        put(c, sd(flag_value, reg::sp, 8));
        put(c, addi(frame, reg::a0, 0));
        load_immediate(c, flag_value, 0);
    }
    static constexpr void epilogue(code_buffer& c) {
        put(c, ld(flag_value, reg::sp, 8));
        put(c, ld(frame, reg::sp, 16));
        put(c, ld(reg::ra, reg::sp, 24));
        put(c, addi(reg::sp, reg::sp, 32));
        put(c, jalr(reg::zero, reg::ra, 0));
    }

    // 1, 2, 4 and 8 bytes are one store; more are stored 8 at a time in ascending order, the rest last.
    static constexpr void store_code(code_buffer& c, location x, std::size_t size) {
        load_word(c, reg::t1, field::source, x);
        load_word(c, reg::t2, field::target, x);
        std::int32_t at = 0;
        if (size > 64) {
            put(c, addi(reg::t3, reg::t1, static_cast<std::int32_t>(size & ~std::size_t{7})));
            const std::size_t loop = c.size;
            put(c, ld(reg::t0, reg::t1, 0));
            put(c, sd(reg::t0, reg::t2, 0));
            put(c, addi(reg::t1, reg::t1, 8));
            put(c, addi(reg::t2, reg::t2, 8));
            put(c, bne(reg::t1, reg::t3, static_cast<std::int32_t>(loop) - static_cast<std::int32_t>(c.size)));
            size %= 8;
        }
        for (; size >= 8; size -= 8, at += 8) {
            put(c, ld(reg::t0, reg::t1, at));
            put(c, sd(reg::t0, reg::t2, at));
        }
        if (size & 4) {
            put(c, lw(reg::t0, reg::t1, at));
            put(c, sw(reg::t0, reg::t2, at));
            at += 4;
        }
        if (size & 2) {
            put(c, lhu(reg::t0, reg::t1, at));
            put(c, sh(reg::t0, reg::t2, at));
            at += 2;
        }
        if (size & 1) {
            put(c, lbu(reg::t0, reg::t1, at));
            put(c, sb(reg::t0, reg::t2, at));
        }
    }

    static constexpr void load_code(code_buffer& c, location x, std::size_t slot) {
        load_word(c, reg::t1, field::begin, x);
        put(c, lwu(reg::t0, reg::t1, 0));
        store_word(c, reg::t0, word_of_observed(slot));
    }

    // a0 is 0 (torn_token) before the call, so that what a torn site does not return is not a token.
    static constexpr void fetch(code_buffer& c, location x, std::size_t slot) {
        load_word(c, reg::t1, field::site, x);
        load_immediate(c, reg::a0, 0);
        put(c, jalr(reg::ra, reg::t1, 0));
        result(c, slot);
    }
    static constexpr void fetch_chosen(code_buffer& c, std::size_t slot) {
        put(c, andi(reg::t0, flag_value, 1));
        put(c, slli(reg::t0, reg::t0, 3));
        load_word(c, reg::t1, field::scratch);
        put(c, add(reg::t1, reg::t1, reg::t0));
        put(c, ld(reg::t1, reg::t1, 0));
        load_immediate(c, reg::a0, 0);
        put(c, jalr(reg::ra, reg::t1, 0));
        result(c, slot);
    }
    static constexpr void result(code_buffer& c, std::size_t slot) {
        zero_extend(c, reg::a0);
        store_word(c, reg::a0, word_of_observed(slot));
    }

    // RISC-V ISA vol. I, "Code Porting and Mapping Guidelines": FENCE RW,W; store and load; FENCE R,RW.
    static constexpr void store_flag(code_buffer& c, location x, bool release) {
        load_word(c, reg::t1, field::flag, x);
        load_word(c, reg::t0, field::value, x);
        if (release) put(c, fence(set_r | set_w, set_w));
        put(c, sw(reg::t0, reg::t1, 0));
    }
    static constexpr void load_flag(code_buffer& c, location x, std::size_t slot, bool acquire) {
        load_word(c, reg::t1, field::flag, x);
        put(c, lwu(flag_value, reg::t1, 0));
        if (acquire) put(c, fence(set_r, set_r | set_w));
        store_word(c, flag_value, word_of_observed(slot));
    }
    static constexpr void pass_flag(code_buffer& c, location x) {
        load_word(c, reg::t1, field::flag, x);
        put(c, sw(flag_value, reg::t1, 0));
    }

    static constexpr void skip_old(code_buffer& c, std::size_t size) {
        load_word(c, reg::t0, field::last_flag);
        put(c, beq(flag_value, reg::t0, static_cast<std::int32_t>(size) + 4));
    }
    static constexpr void jump(code_buffer& c, std::size_t size) {
        put(c, jal(reg::zero, static_cast<std::int32_t>(size) + 4));
    }
    static constexpr void nop(code_buffer& c) { put(c, riscv64::nop()); }

    static constexpr void protect(code_buffer& c, bool executable) {
        load_word(c, reg::a0, field::page);
        load_word(c, reg::a1, field::page_length);
        load_immediate(c, reg::a2, executable ? 1 | 4 : 1 | 2);  // PROT_READ, PROT_EXEC or PROT_WRITE
        system_call(c, 226);
    }

    static constexpr void trap(code_buffer& c) { put_short(c, c_ebreak()); }

    static constexpr void again(code_buffer& c, std::size_t begin, std::uint8_t flags, std::uint8_t values,
                                std::uint8_t codes) {
        load_word(c, reg::t0, field::rounds);
        put(c, addi(reg::t0, reg::t0, -1));
        store_word(c, reg::t0, word_of(field::rounds, 0));
        load_immediate(c, reg::t1, 0);
        const auto compare = [&](std::uint8_t slots, field last) {
            for (std::size_t slot = 0; slot < observations; ++slot) {
                if ((slots >> slot & 1) == 0) continue;
                load_word(c, reg::t2, word_of_observed(slot));
                load_word(c, reg::t3, last);
                put(c, xor_(reg::t2, reg::t2, reg::t3));
                put(c, or_(reg::t1, reg::t1, reg::t2));
            }
        };
        compare(flags, field::last_flag);
        compare(values, field::last_value);
        compare(codes, field::last_code);
        put(c, bne(reg::t1, reg::zero, 8 + 4));  // over BEQ and JAL, which reaches further than a branch
        put(c, beq(reg::t0, reg::zero, 8));
        put(c, jal(reg::zero, static_cast<std::int32_t>(begin) - static_cast<std::int32_t>(c.size)));
    }
};

static_assert(back_end<isa>);

}  // namespace cmodx::riscv64
