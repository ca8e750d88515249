// SPDX-License-Identifier: Apache-2.0
// Every A32 and T32 encoder against Capstone, over the edges of each field and all registers.
#include "arch/arm32/encode.hpp"
#include "arch/arm32/encode_t32.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/disassembly.hpp"

namespace {

using namespace cmodx::arm32;
using cmodx::test::disassembler;
using cmodx::test::join;

constexpr std::int64_t here = disassembler::address;

constexpr const char* conditions[] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
                                      "hi", "ls", "ge", "lt", "gt", "le", ""};

const char* name(reg r) {
    constexpr const char* names[] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7",
                                     "r8", "sb", "sl", "fp", "ip", "sp", "lr", "pc"};
    return names[r];
}

std::string list(std::uint32_t mask) {
    std::string out = "{";
    for (std::uint8_t i = 0; i < 16; ++i)
        if ((mask >> i & 1) != 0) out += join(out.size() == 1 ? "" : ", ", name(static_cast<reg>(i)));
    return out + "}";
}

template <class F>
void each_register(F f) {
    for (std::uint8_t i = 0; i < 16; ++i) f(static_cast<reg>(i));
}
template <class F>
void each_condition(F f) {
    for (std::uint8_t i = 0; i < 15; ++i) f(static_cast<cond>(i), conditions[i]);
}  // By the value of the field.
constexpr const char* barriers[] = {"", "oshld", "oshst", "osh", "", "nshld", "nshst", "nsh",
                                    "", "ishld", "ishst", "ish", "", "ld",    "st",    "sy"};

template <class F>
void each_barrier(F f) {
    for (std::uint8_t i = 0; i < 16; ++i)
        if (*barriers[i] != 0) f(static_cast<barrier>(i), barriers[i]);
}

class encode_arm32 : public testing::Test {
  protected:
    void check(word encoding, const std::string& expected, word unused = 0) const {
        a32.check(encoding, expected, unused);
    }
    disassembler a32{CS_ARCH_ARM, CS_MODE_ARM | CS_MODE_V8};
};

// Fields that should be zero or one and that Capstone does not look at; see `golden`.
constexpr word no_rn = 0x000f0000;
constexpr word no_rd = 0x0000f000;

TEST_F(encode_arm32, wide_moves) {
    const auto row = [&](reg r, std::uint32_t imm, cond c, const char* suffix) {
        check(movw(r, imm, c), join("movw", suffix, " ", name(r), ", #", imm));
        check(movt(r, imm, c), join("movt", suffix, " ", name(r), ", #", imm));
    };
    each_register([&](reg r) { row(r, 0x1234, cond::al, ""); });
    each_condition([&](cond c, const char* suffix) { row(r1, 1, c, suffix); });
    for (const std::uint32_t imm : {0u, 0xfffu, 0x1000u, 0x7fffu, 0x8000u, 0xffffu}) row(r7, imm, cond::al, "");
}

TEST_F(encode_arm32, data_processing_with_an_immediate) {
    const auto row = [&](reg d, reg n, std::uint32_t imm, cond c, const char* suffix) {
        const immediate i{imm};
        const std::string tail = join(", #", imm);
        const std::string unary = join(suffix, " ", name(d), tail);
        const std::string binary = join(suffix, " ", name(d), ", ", name(n), tail);
        check(mov(d, i, c), "mov" + unary);
        check(mvn(d, i, c), "mvn" + unary);
        check(and_(d, n, i, c), "and" + binary);
        check(eor(d, n, i, c), "eor" + binary);
        check(sub(d, n, i, c), "sub" + binary);
        check(subs(d, n, i, c), "subs" + binary);
        check(add(d, n, i, c), "add" + binary);
        check(orr(d, n, i, c), "orr" + binary);
        check(bic(d, n, i, c), "bic" + binary);
        check(tst(n, i, c), join("tst", suffix, " ", name(n), tail), no_rd);
        check(cmp(n, i, c), join("cmp", suffix, " ", name(n), tail), no_rd);
        check(cmn(n, i, c), join("cmn", suffix, " ", name(n), tail), no_rd);
    };
    each_register([&](reg r) {
        row(r, r5, 0x81, cond::al, "");
        row(r5, r, 0x81, cond::al, "");
    });
    each_condition([&](cond c, const char* suffix) { row(r1, r2, 0x81, c, suffix); });
    for (const std::uint32_t imm :
         {1u, 0xffu, 0x104u, 0xff0u, 0xff00u, 0xff0000u, 0xff000000u, 0xf000000fu, 0x80000001u})
        if (has_modified_immediate(imm)) row(r1, r2, imm, cond::al, "");
    for (int turn = 0; turn < 32; turn += 2) row(r1, r2, std::rotl(0xabu, turn), cond::al, "");
}

TEST_F(encode_arm32, modified_immediates) {
    for (const std::uint32_t no : {0x101u, 0x102u, 0x1feu, 0x80000002u + 0x100u, 0xffffffffu})
        EXPECT_FALSE(has_modified_immediate(no)) << std::hex << no;
    EXPECT_EQ(modified_immediate(0), 0u);
    EXPECT_EQ(modified_immediate(0xff), 0xffu);
    EXPECT_EQ(modified_immediate(0x3fc), 0xfffu);
    EXPECT_EQ(modified_immediate(0xc000003fu), 0x1ffu);
}

TEST_F(encode_arm32, data_processing_with_registers) {
    const auto row = [&](reg d, reg n, reg m, unsigned amount, cond c, const char* suffix) {
        const std::string tail = amount == 0 ? join(", ", name(m)) : join(", ", name(m), ", lsl #", amount);
        const std::string binary = join(suffix, " ", name(d), ", ", name(n), tail);
        check(and_(d, n, m, amount, c), "and" + binary);
        check(eor(d, n, m, amount, c), "eor" + binary);
        check(sub(d, n, m, amount, c), "sub" + binary);
        check(subs(d, n, m, amount, c), "subs" + binary);
        check(add(d, n, m, amount, c), "add" + binary);
        check(orr(d, n, m, amount, c), "orr" + binary);
        check(bic(d, n, m, amount, c), "bic" + binary);
        check(tst(n, m, amount, c), join("tst", suffix, " ", name(n), tail), no_rd);
        check(cmp(n, m, amount, c), join("cmp", suffix, " ", name(n), tail), no_rd);
        check(mov(d, m, c), join("mov", suffix, " ", name(d), ", ", name(m)), no_rn);
        check(mvn(d, m, c), join("mvn", suffix, " ", name(d), ", ", name(m)));
        if (amount == 0) return;
        check(lsl(d, m, amount, c), join("lsl", suffix, " ", name(d), ", ", name(m), ", #", amount));
        check(lsr(d, m, amount, c), join("lsr", suffix, " ", name(d), ", ", name(m), ", #", amount));
    };
    each_register([&](reg r) {
        row(r, r5, r6, 0, cond::al, "");
        row(r5, r, r6, 0, cond::al, "");
        row(r5, r6, r, 0, cond::al, "");
    });
    each_condition([&](cond c, const char* suffix) { row(r1, r2, r3, 1, c, suffix); });
    for (const unsigned amount : {0u, 1u, 15u, 16u, 31u}) row(r1, r2, r3, amount, cond::al, "");
}

TEST_F(encode_arm32, loads_and_stores) {
    const auto row = [&](reg t, reg n, std::int32_t offset, cond c, const char* suffix) {
        const std::string tail = offset == 0 ? join(suffix, " ", name(t), ", [", name(n), "]")
                                             : join(suffix, " ", name(t), ", [", name(n), ", #", offset, "]");
        check(ldr(t, n, offset, c), "ldr" + tail);
        check(str(t, n, offset, c), "str" + tail);
        check(ldrb(t, n, offset, c), "ldrb" + tail);
        check(strb(t, n, offset, c), "strb" + tail);
        if (offset > -256 && offset < 256) {
            check(ldrh(t, n, offset, c), "ldrh" + tail);
            check(strh(t, n, offset, c), "strh" + tail);
        }
        if (t == n || n == pc) return;
        const std::string after = join(suffix, " ", name(t), ", [", name(n), "], #", offset);
        if (n != sp || offset != 4) check(ldr_post(t, n, offset, c), "ldr" + after);  // else POP
        check(str_post(t, n, offset, c), "str" + after);
    };
    each_register([&](reg r) {
        row(r, r5, 4, cond::al, "");
        row(r5, r, 4, cond::al, "");
    });
    each_condition([&](cond c, const char* suffix) { row(r1, r2, 4, c, suffix); });
    for (const std::int32_t offset : {1, -1, 15, 16, 255, -255, 256, -256, 4095, -4095})
        row(r1, r2, offset, cond::al, "");
}

TEST_F(encode_arm32, lists_of_registers) {
    for (const std::uint32_t mask : {0x3u, 0x8001u, 0x40b0u, 0x80b0u, 0x5fffu, 0x9fffu}) {
        each_condition([&](cond c, const char* suffix) {
            check(push(mask, c), join("push", suffix, " ", list(mask)));
            check(pop(mask, c), join("pop", suffix, " ", list(mask)));
            check(stmia(r6, mask, c), join("stm", suffix, " r6, ", list(mask)));
            check(ldmia(r6, mask, c), join("ldm", suffix, " r6, ", list(mask)));
        });
    }
    each_register([&](reg r) {
        if (r == pc) return;
        check(stmia(r, 0x30), join("stm ", name(r), ", {r4, r5}"));
        check(ldmia(r, 0x30), join("ldm ", name(r), ", {r4, r5}"));
        if (r == sp) return;
        check(push(1u << r), join("stmdb sp!, ", list(1u << r)));  // so that one register is not PUSH's other form
        check(pop(1u << r), join("ldm sp!, ", list(1u << r)));
    });
}

TEST_F(encode_arm32, exclusives) {
    each_register([&](reg r) {
        if (r == pc || r == r5 || r == r6) return;
        check(ldrex(r, r5), join("ldrex ", name(r), ", [r5]"));
        check(ldrex(r5, r), join("ldrex r5, [", name(r), "]"));
        check(strex(r, r5, r6), join("strex ", name(r), ", r5, [r6]"));
        check(strex(r5, r, r6), join("strex r5, ", name(r), ", [r6]"));
        check(strex(r5, r6, r), join("strex r5, r6, [", name(r), "]"));
    });
    each_condition([&](cond c, const char* suffix) {
        check(ldrex(r1, r2, c), join("ldrex", suffix, " r1, [r2]"));
        check(strex(r0, r1, r2, c), join("strex", suffix, " r0, r1, [r2]"));
    });
}

TEST_F(encode_arm32, branches) {
    each_condition([&](cond c, const char* suffix) {
        for (const std::int64_t offset : {0, 4, 8, -4, 0x2000004, -0x1fffff8}) {
            check(b(offset, c), join("b", suffix, " #", here + offset));
            check(bl(offset, c), join("bl", suffix, " #", here + offset));
        }
        each_register([&](reg r) {
            check(bx(r, c), join("bx", suffix, " ", name(r)));
            if (r != pc) check(blx(r, c), join("blx", suffix, " ", name(r)));
        });
    });
    for (const std::int64_t offset : {0, 2, 4, 8, 10, -2, -4, 0x2000006, -0x1fffff8})
        check(blx(offset), join("blx #", here + offset));
}

TEST_F(encode_arm32, system) {
    each_condition([&](cond c, const char* suffix) {
        check(nop(c), join("nop", suffix));
        check(yield(c), join("yield", suffix));
        check(wfe(c), join("wfe", suffix));
        check(wfi(c), join("wfi", suffix));
        check(sev(c), join("sev", suffix));
        for (const std::uint32_t imm : {0u, 1u, 0x7fffffu, 0x800000u, 0xffffffu})
            check(svc(imm, c), join("svc", suffix, " #", imm));
        for (const std::uint32_t imm : {0u, 7u, 8u, 15u}) check(smc(imm, c), join("smc", suffix, " #", imm));
        check(mcr15(0, r1, 7, 5, 4, c), join("mcr", suffix, " p15, #0, r1, c7, c5, #4"));
        check(mrc15(0, r1, 7, 5, 4, c), join("mrc", suffix, " p15, #0, r1, c7, c5, #4"));
    });
    for (const std::uint32_t imm : {0u, 15u, 16u, 0x7fffu, 0x8000u, 0xffffu}) {
        check(bkpt(imm), join("bkpt #", imm));
        check(hvc(imm), join("hvc #", imm), 0xe0000000);  // the condition is "always", to Capstone any
        check(udf(imm), join("udf #", imm));
    }
    each_barrier([&](barrier option, const char* text) {
        check(dsb(option), join("dsb ", text));
        check(dmb(option), join("dmb ", text));
    });
    check(isb(), "isb sy");
    each_register([&](reg r) {
        if (r == pc) return;
        check(mcr15(7, r, 15, 0, 0), join("mcr p15, #7, ", name(r), ", c15, c0, #0"));
        check(mrc15(0, r, 0, 15, 7), join("mrc p15, #0, ", name(r), ", c0, c15, #7"));
    });
}

TEST_F(encode_arm32, t32) {
    const disassembler thumb{CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_V8};
    thumb.check(t32::nop(), "nop");
    for (const std::uint32_t imm : {0u, 1u, 0x7fu, 0x80u, 0xffu}) {
        thumb.check(t32::bkpt(imm), join("bkpt #", imm));
        thumb.check(t32::svc(imm), join("svc #", imm));
        thumb.check(t32::udf(imm), join("udf #", imm));
        for (const reg r : {r0, r1, r2, r3, r4, r5, r6, r7})
            thumb.check(t32::movs(r, imm), join("movs ", name(r), ", #", imm));
    }
    constexpr word should_be_zero = 7;
    each_register([&](reg r) {
        thumb.check(t32::bx(r), join("bx ", name(r)), should_be_zero);
        if (r != pc) thumb.check(t32::blx(r), join("blx ", name(r)), should_be_zero);
        if (r != sp && r != pc) thumb.check(t32::movw(r, 0x1234), join("movw ", name(r), ", #", 0x1234));
    });
    for (const std::uint32_t imm : {0u, 0xffu, 0x100u, 0x7ffu, 0x800u, 0xfffu, 0x1000u, 0x8000u, 0xffffu})
        thumb.check(t32::movw(r7, imm), join("movw r7, #", imm));
    for (const std::int64_t offset : {0, 2, 4, -2, 0x802, -0x7fc})
        thumb.check(t32::b(offset), join("b #", here + offset));
    for (std::uint8_t i = 0; i < 14; ++i)
        for (const std::int64_t offset : {0, 4, -2, 0x102, -0xfc})
            thumb.check(t32::b(static_cast<cond>(i), offset), join("b", conditions[i], " #", here + offset));
    for (const std::int64_t offset : {0, 2, 4, -2, 0x400004, -0x3ffffc, 0x800004, -0x7ffffc, 0x1000002, -0xfffffc}) {
        thumb.check(t32::b_w(offset), join("b.w #", here + offset));
        thumb.check(t32::bl(offset), join("bl #", here + offset));
    }
    each_barrier([&](barrier option, const char* text) {
        thumb.check(t32::dsb(option), join("dsb ", text));
        thumb.check(t32::dmb(option), join("dmb ", text));
    });
    thumb.check(t32::isb(), "isb sy");
    thumb.check(t32::nop_w(), "nop.w");
}

// The bits that Capstone 4 does not look at; the words are GNU as's.
TEST_F(encode_arm32, golden) {
    EXPECT_EQ(mov(r1, immediate{255}), 0xe3a010ffu);
    EXPECT_EQ(mvn(r1, immediate{255}), 0xe3e010ffu);
    EXPECT_EQ(mov(r1, r2), 0xe1a01002u);
    EXPECT_EQ(mvn(r1, r2), 0xe1e01002u);
    EXPECT_EQ(lsl(r1, r2, 3), 0xe1a01182u);
    EXPECT_EQ(lsr(r1, r2, 3), 0xe1a011a2u);
    EXPECT_EQ(tst(r1, immediate{255}), 0xe31100ffu);
    EXPECT_EQ(cmp(r1, immediate{255}), 0xe35100ffu);
    EXPECT_EQ(tst(r1, r2), 0xe1110002u);
    EXPECT_EQ(cmp(r1, r2), 0xe1510002u);
    EXPECT_EQ(ldrex(r1, r2), 0xe1921f9fu);
    EXPECT_EQ(strex(r0, r1, r2), 0xe1820f91u);
    EXPECT_EQ(hvc(0x1234), 0xe1412374u);
    EXPECT_EQ(t32::bx(lr), 0x4770u);
    EXPECT_EQ(t32::blx(r3), 0x4798u);
}

// One past each edge.
TEST(encode_arm32_death, fields_out_of_range) {
    EXPECT_DEATH(movw(r0, 0x10000), "");
    EXPECT_DEATH(mov(r0, immediate{0x101}), "");
    EXPECT_DEATH(add(r0, r0, r0, 32), "");
    EXPECT_DEATH(lsl(r0, r0, 0), "");
    EXPECT_DEATH(ldr(r0, r1, 4096), "");
    EXPECT_DEATH(strb(r0, r1, -4096), "");
    EXPECT_DEATH(ldrh(r0, r1, 256), "");
    EXPECT_DEATH(ldr_post(r1, r1, 4), "");
    EXPECT_DEATH(push(0), "");
    EXPECT_DEATH(pop(0x10000), "");
    EXPECT_DEATH(b(2), "");
    EXPECT_DEATH(b(0x2000008), "");
    EXPECT_DEATH(blx(std::int64_t{1}), "");
    EXPECT_DEATH(svc(0x1000000), "");
    EXPECT_DEATH(bkpt(0x10000), "");
    EXPECT_DEATH(smc(16), "");
    EXPECT_DEATH(mcr15(8, r0, 0, 0, 0), "");
    EXPECT_DEATH(t32::b(0x804), "");
    EXPECT_DEATH(t32::bl(0x1000004), "");
    EXPECT_DEATH(t32::movs(r8, 0), "");
    EXPECT_DEATH(t32::movw(r0, 0x10000), "");
}

}  // namespace
