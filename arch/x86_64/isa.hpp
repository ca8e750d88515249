// SPDX-License-Identifier: Apache-2.0
// The x86-64 back end: how a thread of a test is assembled (System V ABI, `void stub(frame*)`).
#pragma once

#include "arch/x86_64/sites.hpp"
#include "arch/x86_64/steps.hpp"

namespace cmodx::x86_64 {

struct isa {
    static constexpr std::string_view name = "x86_64";
    static constexpr std::size_t word_size = 8;
    static constexpr std::size_t granule = 1;
    static constexpr std::span<const step> steps = x86_64::steps;
    static constexpr std::span<const site_layout> sites = x86_64::sites;

    // Three pushes under the return address leave rsp a multiple of 16, as a call wants it.
    static constexpr void prologue(code_buffer& c) {
        push_r64(c, reg::bx);
        push_r64(c, frame);
        push_r64(c, flag_value);
        mov_r64_r64(c, frame, reg::di);
        xor_r32_r32(c, flag_value, flag_value);
    }
    static constexpr void epilogue(code_buffer& c) {
        pop_r64(c, flag_value);
        pop_r64(c, frame);
        pop_r64(c, reg::bx);
        ret(c);
    }

    // 1, 2, 4, 8 and 16 bytes are one store; more are stored 8 at a time in ascending order, the rest last.
    static constexpr void store_code(code_buffer& c, location x, std::size_t size) {
        mov_r64_m64(c, reg::si, word(field::source, x));
        mov_r64_m64(c, reg::di, word(field::target, x));
        std::int32_t at = 0;
        if (size == 16) {
            movdqu_xmm_m128(c, xmm::xmm0, {reg::si});
            movdqu_m128_xmm(c, {reg::di}, xmm::xmm0);
            return;
        }
        if (size > 64) {
            mov_r32_imm32(c, reg::cx, static_cast<std::uint32_t>(size / 8));
            const std::size_t loop = c.size;
            mov_r64_m64(c, reg::ax, {reg::si});
            mov_m64_r64(c, {reg::di}, reg::ax);
            add_r64_imm(c, reg::si, 8);
            add_r64_imm(c, reg::di, 8);
            dec_r32(c, reg::cx);
            jcc_rel8(c, condition::ne, static_cast<std::int32_t>(loop) - static_cast<std::int32_t>(c.size + 2));
            size %= 8;
        }
        for (; size >= 8; size -= 8, at += 8) {
            mov_r64_m64(c, reg::ax, {reg::si, at});
            mov_m64_r64(c, {reg::di, at}, reg::ax);
        }
        if (size & 4) {
            mov_r32_m32(c, reg::ax, {reg::si, at});
            mov_m32_r32(c, {reg::di, at}, reg::ax);
            at += 4;
        }
        if (size & 2) {
            movzx_r32_m16(c, reg::ax, {reg::si, at});
            mov_m16_r16(c, {reg::di, at}, reg::ax);
            at += 2;
        }
        if (size & 1) {
            movzx_r32_m8(c, reg::ax, {reg::si, at});
            mov_m8_r8(c, {reg::di, at}, reg::ax);
        }
    }

    static constexpr void load_code(code_buffer& c, location x, std::size_t slot) {
        mov_r64_m64(c, reg::si, word(field::begin, x));
        mov_r32_m32(c, reg::ax, {reg::si});
        mov_m64_r64(c, word(word_of_observed(slot)), reg::ax);
    }

    // eax is 0 (torn_token) before the call, so that what a torn site does not return is not a token.
    static constexpr void fetch(code_buffer& c, location x, std::size_t slot) {
        xor_r32_r32(c, reg::ax, reg::ax);
        call_m64(c, word(field::site, x));
        result(c, slot);
    }
    static constexpr void fetch_chosen(code_buffer& c, std::size_t slot) {
        mov_r32_r32(c, reg::cx, flag_value);
        and_r32_imm(c, reg::cx, 1);
        for (int i = 0; i < 3; ++i) add_r32_r32(c, reg::cx, reg::cx);
        mov_r64_m64(c, reg::dx, word(field::scratch));
        add_r64_r64(c, reg::dx, reg::cx);
        xor_r32_r32(c, reg::ax, reg::ax);
        call_m64(c, {reg::dx});
        result(c, slot);
    }
    static constexpr void result(code_buffer& c, std::size_t slot) {
        mov_r32_r32(c, reg::ax, reg::ax);
        mov_m64_r64(c, word(word_of_observed(slot)), reg::ax);
    }

    // A plain MOV is a release and an acquire: Intel SDM vol. 3A, "Memory Ordering in P6 and More Recent Processor
    // Families"; AMD APM vol. 2, "Multiprocessor Memory Access Ordering".
    static constexpr void store_flag(code_buffer& c, location x, bool) {
        mov_r64_m64(c, reg::si, word(field::flag, x));
        mov_r32_m32(c, reg::ax, word(field::value, x));
        mov_m32_r32(c, {reg::si}, reg::ax);
    }
    static constexpr void load_flag(code_buffer& c, location x, std::size_t slot, bool) {
        mov_r64_m64(c, reg::si, word(field::flag, x));
        mov_r32_m32(c, flag_value, {reg::si});
        mov_m64_r64(c, word(word_of_observed(slot)), flag_value);
    }
    static constexpr void pass_flag(code_buffer& c, location x) {
        mov_r64_m64(c, reg::si, word(field::flag, x));
        mov_m32_r32(c, {reg::si}, flag_value);
    }

    static constexpr void skip_old(code_buffer& c, std::size_t size) {
        mov_r64_m64(c, reg::ax, word(field::last_flag));
        cmp_r32_r32(c, flag_value, reg::ax);
        jcc_rel32(c, condition::e, static_cast<std::int32_t>(size));
    }
    static constexpr void jump(code_buffer& c, std::size_t size) { jmp_rel32(c, static_cast<std::int32_t>(size)); }
    static constexpr void nop(code_buffer& c) { x86_64::nop(c, 1); }

    static constexpr void protect(code_buffer& c, bool executable) {
        mov_r64_m64(c, reg::di, word(field::page));
        mov_r64_m64(c, reg::si, word(field::page_length));
        mov_r32_imm32(c, reg::dx, executable ? 1 | 4 : 1 | 2);  // PROT_READ, PROT_EXEC or PROT_WRITE
        system_call(c, 10);
    }

    static constexpr void trap(code_buffer& c) { int3(c); }

    static constexpr void again(code_buffer& c, std::size_t begin, std::uint8_t flags, std::uint8_t values,
                                std::uint8_t codes) {
        mov_r64_m64(c, reg::dx, word(field::rounds));
        dec_r64(c, reg::dx);
        mov_m64_r64(c, word(field::rounds), reg::dx);
        xor_r32_r32(c, reg::cx, reg::cx);
        const auto compare = [&](std::uint8_t slots, field last) {
            for (std::size_t slot = 0; slot < observations; ++slot) {
                if ((slots >> slot & 1) == 0) continue;
                mov_r64_m64(c, reg::ax, word(word_of_observed(slot)));
                mov_r64_m64(c, reg::si, word(last));
                xor_r64_r64(c, reg::ax, reg::si);
                or_r64_r64(c, reg::cx, reg::ax);
            }
        };
        compare(flags, field::last_flag);
        compare(values, field::last_value);
        compare(codes, field::last_code);
        test_r64_r64(c, reg::cx, reg::cx);
        jcc_rel8(c, condition::ne, 9);  // over TEST and JNE rel32
        test_r64_r64(c, reg::dx, reg::dx);
        jcc_rel32(c, condition::ne, static_cast<std::int32_t>(begin) - static_cast<std::int32_t>(c.size + 6));
    }
};

static_assert(back_end<isa>);

}  // namespace cmodx::x86_64
