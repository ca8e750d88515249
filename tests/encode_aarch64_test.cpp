// SPDX-License-Identifier: Apache-2.0
// Every A64 encoder against Capstone, over the edges of each field and all registers.
#include "arch/aarch64/encode.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/disassembly.hpp"

namespace {

using namespace cmodx::aarch64;
using cmodx::test::disassembler;
using cmodx::test::join;

constexpr std::int64_t here = disassembler::address;

std::string name(xreg r) { return r == xzr ? "xzr" : join('x', +r); }
std::string name(wreg r) { return r == wzr ? "wzr" : join('w', +r); }
std::string base(xreg r) { return r == sp ? "sp" : name(r); }
std::string base(wreg r) { return r == wzr ? "wsp" : name(r); }

// By the value of the field.
constexpr const char* barriers[] = {"", "oshld", "oshst", "osh", "", "nshld", "nshst", "nsh",
                                    "", "ishld", "ishst", "ish", "", "ld",    "st",    "sy"};

template <class F>
void each_register(F f) {
    for (std::uint8_t i = 0; i < 32; ++i) {
        f(static_cast<wreg>(i));
        f(static_cast<xreg>(i));
    }
}
template <class F>
void both_widths(F f) {
    f(w1, w2, w3);
    f(x1, x2, x3);
}

class encode_aarch64 : public testing::Test {
  protected:
    void check(word encoding, const std::string& expected, word unused = 0) const {
        a64.check(encoding, expected, unused);
    }
    disassembler a64{CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN};
};

TEST_F(encode_aarch64, wide_moves) {
    each_register([&]<class R>(R r) {
        for (unsigned shift = 0; shift < width<R>; shift += 16) {
            const std::string lsl = shift == 0 ? "" : join(", lsl #", shift);
            for (const std::uint32_t imm : {0u, 1u, 0x7fffu, 0x8000u, 0xffffu}) {
                check(movz(r, imm, shift), join("movz ", name(r), ", #", imm, lsl));
                check(movn(r, imm, shift), join("movn ", name(r), ", #", imm, lsl));
                check(movk(r, imm, shift), join("movk ", name(r), ", #", imm, lsl));
            }
        }
    });
}

TEST_F(encode_aarch64, arithmetic_with_an_immediate) {
    each_register([&]<class R>(R r) {
        const R other = R{5};
        check(add(r, other, 1), join("add ", base(r), ", ", name(other), ", #1"));
        check(add(other, r, 1), join("add ", name(other), ", ", base(r), ", #1"));
        check(sub(r, other, 1), join("sub ", base(r), ", ", name(other), ", #1"));
        check(sub(other, r, 1), join("sub ", name(other), ", ", base(r), ", #1"));
        check(subs(other, r, 1), join("subs ", name(other), ", ", base(r), ", #1"));
        if (r != 31) check(subs(r, other, 1), join("subs ", name(r), ", ", name(other), ", #1"));
        check(cmp(r, 1), join("cmp ", base(r), ", #1"));
    });
    both_widths([&](auto r, auto s, auto) {
        for (const std::uint32_t imm : {1u, 0x7ffu, 0x800u, 0xfffu})
            for (const unsigned shift : {0u, 12u}) {
                const std::string operands = join(name(s), ", #", imm, shift == 0 ? "" : ", lsl #12");
                check(add(r, s, imm, shift), join("add ", name(r), ", ", operands));
                check(sub(r, s, imm, shift), join("sub ", name(r), ", ", operands));
                check(subs(r, s, imm, shift), join("subs ", name(r), ", ", operands));
                check(cmp(s, imm, shift), join("cmp ", operands));
            }
    });
}

TEST_F(encode_aarch64, arithmetic_with_registers) {
    const auto three = [](const char* mnemonic, auto r, auto s, auto t, const std::string& lsl) {
        return join(mnemonic, " ", name(r), ", ", name(s), ", ", name(t), lsl);
    };
    const auto row = [&](auto r, auto s, auto t, unsigned amount, bool lowest) {
        const std::string lsl = amount == 0 ? "" : join(", lsl #", amount);
        check(add(r, s, t, amount), three("add", r, s, t, lsl));
        check(and_(r, s, t, amount), three("and", r, s, t, lsl));
        check(bic(r, s, t, amount), three("bic", r, s, t, lsl));
        check(eor(r, s, t, amount), three("eor", r, s, t, lsl));
        if (s != 31) {  // NEG, NEGS, MOV
            check(orr(r, s, t, amount), three("orr", r, s, t, lsl));
            check(sub(r, s, t, amount), three("sub", r, s, t, lsl));
            if (r != 31) check(subs(r, s, t, amount), three("subs", r, s, t, lsl));
            check(cmp(s, t, amount), join("cmp ", name(s), ", ", name(t), lsl));
        }
        if (lowest) check(lslv(r, s, t), three("lsl", r, s, t, ""));
    };
    each_register([&]<class R>(R r) {
        row(r, R{5}, R{6}, 0, true);
        row(R{5}, r, R{6}, 0, true);
        row(R{5}, R{6}, r, 0, true);
        check(mov(r, R{5}), join("mov ", name(r), ", ", name(R{5})));
        check(mov(R{5}, r), join("mov ", name(R{5}), ", ", name(r)));
    });
    both_widths([&](auto r, auto s, auto t) {
        constexpr auto most = width<decltype(r)> - 1;
        for (const unsigned amount : {1u, 15u, 16u, most}) row(r, s, t, amount, false);
    });
}

TEST_F(encode_aarch64, bit_fields) {
    const auto row = [&](auto r, auto s) {
        constexpr auto most = width<decltype(r)> - 1;
        const std::string both = join(name(r), ", ", name(s));
        for (const unsigned shift : {0u, 1u, 15u, 16u, most}) {
            check(lsr(r, s, shift), join("lsr ", both, ", #", shift));
            check(lsl(r, s, shift), join(shift == 0 ? "lsr " : "lsl ", both, ", #", shift));  // LSL by 0 is LSR by 0
        }
        for (const auto& [lsb, bits] : {std::pair{0u, 1u}, {0u, 5u}, {16u, 4u}, {most - 1, 1u}})
            check(ubfx(r, s, lsb, bits), join("ubfx ", both, ", #", lsb, ", #", bits));
    };
    each_register([&]<class R>(R r) {
        row(r, R{5});
        row(R{5}, r);
    });
}

TEST_F(encode_aarch64, adr) {
    for (const std::int64_t offset : {0, 1, 3, 4, -1, -4, 0xfffff, -0x100000})
        check(adr(x7, offset), join("adr x7, #", here + offset));
    for (std::uint8_t i = 0; i < 32; ++i)
        check(adr(static_cast<xreg>(i), 4), join("adr ", name(static_cast<xreg>(i)), ", #", here + 4));
}

TEST_F(encode_aarch64, loads_and_stores) {
    const auto address = [](xreg r, std::int64_t offset) {
        return offset == 0 ? join("[", base(r), "]") : join("[", base(r), ", #", offset, "]");
    };
    const auto row = [&](auto r, xreg n, std::uint32_t scaled) {
        const std::uint32_t bytes = width<decltype(r)> / 8;
        check(ldr(r, n, scaled * bytes), join("ldr ", name(r), ", ", address(n, scaled * bytes)));
        check(str(r, n, scaled * bytes), join("str ", name(r), ", ", address(n, scaled * bytes)));
    };
    const auto narrow = [&](wreg r, xreg n, std::uint32_t scaled) {
        check(ldrb(r, n, scaled), join("ldrb ", name(r), ", ", address(n, scaled)));
        check(strb(r, n, scaled), join("strb ", name(r), ", ", address(n, scaled)));
        check(ldrh(r, n, 2 * scaled), join("ldrh ", name(r), ", ", address(n, 2 * scaled)));
        check(strh(r, n, 2 * scaled), join("strh ", name(r), ", ", address(n, 2 * scaled)));
    };
    const auto post = [&](auto r, xreg n, std::int64_t offset) {
        check(ldr_post(r, n, offset), join("ldr ", name(r), ", [", base(n), "], #", offset));
        check(str_post(r, n, offset), join("str ", name(r), ", [", base(n), "], #", offset));
    };
    constexpr word should_be_one = 0x1f7c00;  // Rs and Rt2
    const auto ordered = [&](auto r, xreg n) {
        check(ldar(r, n), join("ldar ", name(r), ", [", base(n), "]"), should_be_one);
        check(stlr(r, n), join("stlr ", name(r), ", [", base(n), "]"), should_be_one);
    };
    each_register([&](auto r) {
        const auto n = static_cast<xreg>(+r);
        row(r, x5, 1);
        row(decltype(r){5}, n, 1);
        narrow(static_cast<wreg>(+r), x5, 1);
        narrow(w5, n, 1);
        if (r != 5) post(r, x5, 1);
        if (r != 5) post(decltype(r){5}, n, 1);
        ordered(r, x5);
        ordered(decltype(r){5}, n);
    });
    for (const std::uint32_t scaled : {0u, 0x7ffu, 0x800u, 0xfffu}) {
        row(w1, x2, scaled);
        row(x1, x2, scaled);
        narrow(w1, x2, scaled);
    }
    for (const std::int64_t offset : {-256, -1, 0, 255}) {
        post(w1, x2, offset);
        post(x1, sp, offset);
    }
}

TEST_F(encode_aarch64, pairs) {
    const auto row = [&](auto r, auto s, xreg n, std::int64_t offset) {
        const std::string start = join("p ", name(r), ", ", name(s), ", [", base(n));
        const std::string plain = offset == 0 ? "]" : join(", #", offset, "]");
        check(stp(r, s, n, offset), join("st", start, plain));
        check(ldp(r, s, n, offset), join("ld", start, plain));
        check(stp_pre(r, s, n, offset), join("st", start, ", #", offset, "]!"));
        check(ldp_pre(r, s, n, offset), join("ld", start, ", #", offset, "]!"));
        check(stp_post(r, s, n, offset), join("st", start, "], #", offset));
        check(ldp_post(r, s, n, offset), join("ld", start, "], #", offset));
    };
    each_register([&]<class R>(R r) {
        if (r == 5 || r == 6) return;
        row(r, R{5}, x6, 16);
        row(R{5}, r, x6, 16);
        row(R{5}, R{6}, static_cast<xreg>(+r), 16);
    });
    both_widths([&]<class R>(R r, R s, R) {
        for (const std::int64_t scaled : {-64, -1, 0, 63}) row(r, s, x7, scaled * (width<R> / 8));
    });
}

TEST_F(encode_aarch64, branches) {
    constexpr const char* conditions[] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
                                          "hi", "ls", "ge", "lt", "gt", "le", "al"};
    for (const std::int64_t offset : {0, 4, -4, 0x7fffffc, -0x8000000}) {
        check(b(offset), join("b #", here + offset));
        check(bl(offset), join("bl #", here + offset));
    }
    for (std::uint8_t c = 0; c < 15; ++c)
        for (const std::int64_t offset : {0, 4, -4, 0xffffc, -0x100000})
            check(b(static_cast<cond>(c), offset), join("b.", conditions[c], " #", here + offset));
    for (std::uint8_t i = 0; i < 32; ++i) {
        const auto r = static_cast<xreg>(i);
        check(br(r), join("br ", name(r)));
        check(blr(r), join("blr ", name(r)));
        check(ret(r), r == x30 ? "ret" : join("ret ", name(r)));
    }
    check(eret(), "eret");
    each_register([&](auto r) {
        for (const std::int64_t offset : {0, 4, -4, 0xffffc, -0x100000}) {
            check(cbz(r, offset), join("cbz ", name(r), ", #", here + offset));
            check(cbnz(r, offset), join("cbnz ", name(r), ", #", here + offset));
        }
    });
    for (std::uint8_t i = 0; i < 32; ++i)
        for (const unsigned bit : {0u, 1u, 31u, 32u, 63u})
            for (const std::int64_t offset : {0, 4, -4, 0x7ffc, -0x8000}) {
                const std::string r = bit < 32 ? name(static_cast<wreg>(i)) : name(static_cast<xreg>(i));
                check(tbz(static_cast<xreg>(i), bit, offset), join("tbz ", r, ", #", bit, ", #", here + offset));
                check(tbnz(static_cast<xreg>(i), bit, offset), join("tbnz ", r, ", #", bit, ", #", here + offset));
            }
}

TEST_F(encode_aarch64, system) {
    check(nop(), "nop");
    check(yield(), "yield");
    check(wfe(), "wfe");
    check(wfi(), "wfi");
    check(sev(), "sev");
    check(isb(), "isb");
    for (std::uint8_t i = 0; i < 16; ++i) {
        if (*barriers[i] == 0) continue;
        check(dsb(static_cast<barrier>(i)), join("dsb ", barriers[i]));
        check(dmb(static_cast<barrier>(i)), join("dmb ", barriers[i]));
    }
    for (const std::uint32_t imm : {0u, 1u, 0x7fffu, 0x8000u, 0xffffu}) {
        check(svc(imm), join("svc #", imm));
        check(hvc(imm), join("hvc #", imm));
        check(smc(imm), join("smc #", imm));
        check(brk(imm), join("brk #", imm));
    }
    constexpr word should_be_one = 0x1f;  // Rt
    check(ic_ialluis(), "ic ialluis", should_be_one);
    check(ic_iallu(), "ic iallu", should_be_one);
    check(tlbi_vmalle1is(), "tlbi vmalle1is", should_be_one);
    for (std::uint32_t bits = 0; bits < 16; ++bits) check(msr_daifset(bits), join("msr daifset, #", bits));
    check(eret(), "eret");
    for (std::uint8_t i = 0; i < 32; ++i) {
        const auto r = static_cast<xreg>(i);
        check(dc_ivac(r), join("dc ivac, ", name(r)));
        check(dc_cvac(r), join("dc cvac, ", name(r)));
        check(dc_cvau(r), join("dc cvau, ", name(r)));
        check(dc_civac(r), join("dc civac, ", name(r)));
        check(ic_ivau(r), join("ic ivau, ", name(r)));
        check(mrs(r, system_register::ctr_el0), join("mrs ", name(r), ", ctr_el0"));
        check(mrs(r, system_register::dczid_el0), join("mrs ", name(r), ", dczid_el0"));
        check(mrs(r, system_register::cntfrq_el0), join("mrs ", name(r), ", cntfrq_el0"));
        check(mrs(r, system_register::cntvct_el0), join("mrs ", name(r), ", cntvct_el0"));
        check(mrs(r, system_register::midr_el1), join("mrs ", name(r), ", midr_el1"));
        check(tlbi_vaae1is(r), join("tlbi vaae1is, ", name(r)));
        check(tlbi_aside1is(r), join("tlbi aside1is, ", name(r)));
        const std::pair<system_register, const char*> privileged[] = {
            {system_register::ttbr0_el1, "ttbr0_el1"}, {system_register::spsr_el1, "spsr_el1"},
            {system_register::elr_el1, "elr_el1"},     {system_register::spsel, "spsel"},
            {system_register::daif, "daif"},
        };
        for (const auto& [reg, text] : privileged) {
            check(mrs(r, reg), join("mrs ", name(r), ", ", text));
            check(msr(reg, r), join("msr ", text, ", ", name(r)));
        }
        check(mrs(r, system_register::currentel), join("mrs ", name(r), ", currentel"));
    }
}

// What Capstone 4 does not know, and the bits that it does not look at; the words are GNU as's.
TEST_F(encode_aarch64, golden) {
    EXPECT_EQ(ldar(w0, x1), 0x88dffc20u);
    EXPECT_EQ(ldar(x0, x1), 0xc8dffc20u);
    EXPECT_EQ(stlr(w0, x1), 0x889ffc20u);
    EXPECT_EQ(stlr(x0, x1), 0xc89ffc20u);
    EXPECT_EQ(ic_ialluis(), 0xd508711fu);
    EXPECT_EQ(ic_iallu(), 0xd508751fu);
    EXPECT_EQ(ldapr(w0, x1), 0xb8bfc020u);
    EXPECT_EQ(ldapr(wzr, sp), 0xb8bfc3ffu);
    EXPECT_EQ(ldapr(x30, x0), 0xf8bfc01eu);
    EXPECT_EQ(udf(0), 0x00000000u);
    EXPECT_EQ(udf(0xffff), 0x0000ffffu);
}

// One past each edge.
TEST(encode_aarch64_death, fields_out_of_range) {
    EXPECT_DEATH(movz(w0, 0x10000), "");
    EXPECT_DEATH(movz(w0, 0, 32), "");
    EXPECT_DEATH(movz(x0, 0, 8), "");
    EXPECT_DEATH(add(x0, x0, 0x1000), "");
    EXPECT_DEATH(add(x0, x0, x0, 64), "");
    EXPECT_DEATH(lsr(w0, w0, 32), "");
    EXPECT_DEATH(ubfx(w0, w0, 31, 2), "");
    EXPECT_DEATH(ldr(w0, x0, 2), "");
    EXPECT_DEATH(ldr(w0, x0, 0x4000), "");
    EXPECT_DEATH(ldr_post(w0, x1, 256), "");
    EXPECT_DEATH(ldr_post(w1, x1, 4), "");
    EXPECT_DEATH(stp(x0, x1, x2, 512), "");
    EXPECT_DEATH(b(2), "");
    EXPECT_DEATH(b(0x8000000), "");
    EXPECT_DEATH(cbz(w0, -0x100004), "");
    EXPECT_DEATH(tbz(x0, 64, 4), "");
    EXPECT_DEATH(adr(x0, 0x100000), "");
    EXPECT_DEATH(svc(0x10000), "");
    EXPECT_DEATH(static_cast<void>(dc_cvau(static_cast<xreg>(32))), "");
}

}  // namespace
