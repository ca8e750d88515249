// SPDX-License-Identifier: Apache-2.0
// Every riscv64 encoder against the GNU assembler's words, and over the edges of each field against the GNU
// disassembler; and the disassembler against a flip of every bit.
//
// Debian 12's Capstone (4.0.2) does not know RISC-V at all.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "arch/riscv64/encode.hpp"

namespace {

using namespace cmodx::riscv64;

constexpr reg x(unsigned n) { return reg{static_cast<std::uint8_t>(n)}; }

// What riscv64-linux-gnu-as -march=rv64gc_zihintpause and ld (binutils 2.40) make of the text beside each.
constexpr struct {
    std::uint32_t encoded, golden;
    const char* text;
} golden[] = {
    {lui(x(10), 0xfffff), 0xfffff537, "lui a0,0xfffff"},
    {auipc(x(31), 0x80000), 0x80000f97, "auipc t6,0x80000"},
    {addi(x(2), x(2), -32), 0xfe010113, "addi sp,sp,-32"},
    {addiw(x(10), x(11), 2047), 0x7ff5851b, "addiw a0,a1,2047"},
    {xori(x(1), x(2), -1), 0xfff14093, "xori ra,sp,-1"},
    {ori(x(10), x(10), 0x555), 0x55556513, "ori a0,a0,0x555"},
    {andi(x(5), x(6), -2048), 0x80037293, "andi t0,t1,-2048"},
    {slli(x(10), x(10), 63), 0x03f51513, "slli a0,a0,63"},
    {srli(x(10), x(10), 32), 0x02055513, "srli a0,a0,32"},
    {srliw(x(10), x(10), 12), 0x00c5551b, "srliw a0,a0,12"},
    {add(x(1), x(2), x(3)), 0x003100b3, "add ra,sp,gp"},
    {sub(x(1), x(2), x(3)), 0x403100b3, "sub ra,sp,gp"},
    {xor_(x(1), x(2), x(3)), 0x003140b3, "xor ra,sp,gp"},
    {or_(x(1), x(2), x(3)), 0x003160b3, "or ra,sp,gp"},
    {and_(x(1), x(2), x(3)), 0x003170b3, "and ra,sp,gp"},
    {lb(x(5), x(8), -1), 0xfff40283, "lb t0,-1(s0)"},
    {lh(x(5), x(8), 2), 0x00241283, "lh t0,2(s0)"},
    {lw(x(5), x(8), 4), 0x00442283, "lw t0,4(s0)"},
    {ld(x(5), x(8), 2040), 0x7f843283, "ld t0,2040(s0)"},
    {lbu(x(5), x(8), 0), 0x00044283, "lbu t0,0(s0)"},
    {lhu(x(5), x(8), 0), 0x00045283, "lhu t0,0(s0)"},
    {lwu(x(5), x(8), -2048), 0x80046283, "lwu t0,-2048(s0)"},
    {sb(x(5), x(8), 31), 0x00540fa3, "sb t0,31(s0)"},
    {sh(x(5), x(8), 32), 0x02541023, "sh t0,32(s0)"},
    {sw(x(5), x(8), -4), 0xfe542e23, "sw t0,-4(s0)"},
    {sd(x(5), x(8), 24), 0x00543c23, "sd t0,24(s0)"},
    {jal(x(0), 4096 + 32), 0x0200106f, "j .+4128"},
    {jal(x(1), -2), 0xfffff0ef, "jal ra,.-2"},
    {jalr(x(0), x(1), 0), 0x00008067, "ret"},
    {jalr(x(1), x(6), 0), 0x000300e7, "jalr t1"},
    {beq(x(10), x(11), 16), 0x00b50863, "beq a0,a1,.+16"},
    {bne(x(9), x(0), 4), 0x00049263, "bne s1,zero,.+4"},
    {bltu(x(10), x(11), -4096), 0x80b56063, "bltu a0,a1,.-4096"},
    {bgeu(x(10), x(11), 4094), 0x7eb57fe3, "bgeu a0,a1,.+4094"},
    {fence(set_r | set_w, set_w), 0x0310000f, "fence rw,w"},
    {fence(set_r, set_r | set_w), 0x0230000f, "fence r,rw"},
    {fence(set_i | set_o, set_i), 0x0c80000f, "fence io,i"},
    {fence_i(), 0x0000100f, "fence.i"},
    {cmodx::riscv64::pause(), 0x0100000f, "pause"},
    {ecall(), 0x00000073, "ecall"},
    {ebreak(), 0x00100073, "ebreak"},
    {sfence_vma(x(0), x(0)), 0x12000073, "sfence.vma"},
    {sfence_vma(x(10), x(11)), 0x12b50073, "sfence.vma a0,a1"},
    {nop(), 0x00000013, "nop"},
    {lr_w(x(10), x(11), order::relaxed), 0x1005a52f, "lr.w a0,(a1)"},
    {lr_d(x(10), x(11), order::acquire), 0x1405b52f, "lr.d.aq a0,(a1)"},
    {sc_w(x(10), x(12), x(11), order::release), 0x1ac5a52f, "sc.w.rl a0,a2,(a1)"},
    {sc_d(x(10), x(12), x(11), order::relaxed), 0x18c5b52f, "sc.d a0,a2,(a1)"},
    {amoswap_w(x(10), x(12), x(11), order::acquire_release), 0x0ec5a52f, "amoswap.w.aqrl a0,a2,(a1)"},
    {amoor_w(x(10), x(12), x(11), order::relaxed), 0x40c5a52f, "amoor.w a0,a2,(a1)"},
    {c_nop(), 0x0001, "c.nop"},
    {c_ebreak(), 0x9002, "c.ebreak"},
    {c_addi(x(2), -32), 0x1101, "c.addi sp,-32"},
    {c_li(x(10), 31), 0x457d, "c.li a0,31"},
    {c_lui(x(10), -32), 0x7501, "c.lui a0,0xfffe0"},
    {c_mv(x(8), x(10)), 0x842a, "c.mv s0,a0"},
    {c_jr(x(1)), 0x8082, "c.jr ra"},
    {c_j(-2048), 0xb001, "c.j .-2048"},
    {c_j(2046), 0xaffd, "c.j .+2046"},
};

TEST(encode_riscv64, the_assembler_agrees) {
    for (const auto& g : golden) EXPECT_EQ(g.encoded, g.golden) << g.text;
}

// ---------------------------------------------------------------------------------------------------------------
// The sweep. Each instruction is disassembled at the start of a cell of its own, long enough that a wrong length does
// not disturb the next.

constexpr std::uint64_t base = 0x40000000;
constexpr std::size_t cell = 32;

struct sample {
    std::uint32_t word;
    std::string text;       // as objdump -M no-aliases,numeric prints it, a blank for the tab
    bool relative = false;  // a target follows the text: the instruction's address plus `offset`
    std::int32_t offset = 0;
};

bool have_objdump() { return std::system("riscv64-linux-gnu-objdump --version > /dev/null 2>&1") == 0; }

// The text of the instruction in each cell.
std::vector<std::string> disassemble(const std::vector<std::uint32_t>& words) {
    std::string bytes;
    for (const std::uint32_t word : words) {
        const bool compressed = (word & 3) != 3 && word <= 0xffff;
        for (std::size_t i = 0; i < cell; i += 2) {
            const std::uint32_t half = i == 0 ? word : i == 2 && !compressed ? word >> 16 : c_nop();
            bytes += {static_cast<char>(half), static_cast<char>(half >> 8)};
        }
    }
    const std::string file = testing::TempDir() + "cmodx_riscv64_" + std::to_string(getpid());
    std::ofstream(file, std::ios::binary) << bytes;
    const std::string command =
        "riscv64-linux-gnu-objdump -z -D -b binary -m riscv:rv64 -M no-aliases,numeric"
        " --adjust-vma=" +
        std::to_string(base) + " " + file;
    std::vector<std::string> texts(words.size());
    FILE* pipe = popen(command.c_str(), "r");
    char line[256];
    while (pipe && std::fgets(line, sizeof line, pipe)) {  // "    40000000:\t00a00513          \taddi\tx10,x0,10"
        char* rest = nullptr;
        const std::uint64_t address = std::strtoull(line, &rest, 16);
        if (*rest != ':' || address < base || (address - base) % cell != 0) continue;
        std::string text(rest);
        text = text.substr(text.find('\t', 2) + 1);
        text.resize(std::min(text.size(), text.find_first_of("\n#")));
        for (char& c : text) c = c == '\t' ? ' ' : c;
        while (!text.empty() && text.back() == ' ') text.pop_back();
        texts.at((address - base) / cell) = text;
    }
    if (pipe) pclose(pipe);
    std::remove(file.c_str());
    return texts;
}

std::string expected_at(const sample& s, std::size_t index) {
    if (!s.relative) return s.text;
    char target[24];
    std::snprintf(
        target, sizeof target, "0x%llx",
        static_cast<unsigned long long>(base + index * cell + static_cast<std::uint64_t>(std::int64_t{s.offset})));
    return s.text + target;
}

std::string name(unsigned n) { return "x" + std::to_string(n); }

std::string hexadecimal(std::uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%x", value);
    return text;
}

std::vector<sample> every_sample() {
    std::vector<sample> all;
    using immediate = std::uint32_t (*)(reg, reg, std::int32_t);
    using shifted = std::uint32_t (*)(reg, reg, std::uint32_t);
    using three = std::uint32_t (*)(reg, reg, reg);
    using upper = std::uint32_t (*)(reg, std::uint32_t);
    using atomic = std::uint32_t (*)(reg, reg, reg, order);
    using reserve = std::uint32_t (*)(reg, reg, order);
    const std::map<std::string, immediate> arithmetic = {
        {"addi", addi}, {"addiw", addiw}, {"xori", xori}, {"ori", ori}, {"andi", andi}};
    const std::map<std::string, immediate> memory = {{"lb", lb},   {"lh", lh},   {"lw", lw},   {"ld", ld},
                                                     {"lbu", lbu}, {"lhu", lhu}, {"lwu", lwu}, {"jalr", jalr},
                                                     {"sb", sb},   {"sh", sh},   {"sw", sw},   {"sd", sd}};
    const std::map<std::string, immediate> branches = {{"beq", beq}, {"bne", bne}, {"bltu", bltu}, {"bgeu", bgeu}};
    const std::map<std::string, shifted> shifts = {{"slli", slli}, {"srli", srli}, {"srliw", srliw}};
    const std::map<std::string, three> registers = {
        {"add", add}, {"sub", sub}, {"xor", xor_}, {"or", or_}, {"and", and_}};
    const std::map<std::string, upper> uppers = {{"lui", lui}, {"auipc", auipc}};
    const std::map<std::string, atomic> atomics = {
        {"sc.w", sc_w}, {"sc.d", sc_d}, {"amoswap.w", amoswap_w}, {"amoor.w", amoor_w}};
    const std::map<std::string, reserve> reserves = {{"lr.w", lr_w}, {"lr.d", lr_d}};
    const char* orders[] = {"", ".rl", ".aq", ".aqrl"};

    for (unsigned a = 0; a < 32; ++a) {
        const unsigned b = (a * 7 + 3) % 32, c = (a * 11 + 6) % 32;
        const std::string ab = " " + name(a) + "," + name(b);
        for (const std::int32_t i : {0, 1, -1, 31, 32, -32, 0x555, 2047, -2048}) {
            for (const auto& [text, emit] : arithmetic) {
                all.push_back({emit(x(a), x(b), i), text + ab + "," + std::to_string(i)});
            }
            for (const auto& [text, emit] : memory) {
                all.push_back(
                    {emit(x(a), x(b), i), text + " " + name(a) + "," + std::to_string(i) + "(" + name(b) + ")"});
            }
        }
        for (const std::int32_t i : {0, 2, -2, 30, 32, 1024, 2048, -2048, 4094, -4096}) {
            for (const auto& [text, emit] : branches) all.push_back({emit(x(a), x(b), i), text + ab + ",", true, i});
        }
        for (const std::int32_t i : {2, -2, 2046, 2048, 4096, 0x80000, 0xffffe, -0x100000}) {
            all.push_back({jal(x(a), i), "jal " + name(a) + ",", true, i});
        }
        for (const auto& [text, emit] : shifts) {
            for (const std::uint32_t n : {0u, 1u, 16u, 31u, 32u, 63u}) {
                if (n >= 32 && text == "srliw") continue;
                all.push_back({emit(x(a), x(b), n), text + ab + "," + hexadecimal(n)});
            }
        }
        for (const auto& [text, emit] : registers) all.push_back({emit(x(a), x(b), x(c)), text + ab + "," + name(c)});
        for (const auto& [text, emit] : uppers) {
            for (const std::uint32_t i : {0u, 1u, 0x7ffffu, 0x80000u, 0xfffffu}) {
                all.push_back({emit(x(a), i), text + " " + name(a) + "," + hexadecimal(i)});
            }
        }
        for (unsigned o = 0; o < 4; ++o) {
            const order how{static_cast<std::uint8_t>(o)};
            for (const auto& [text, emit] : atomics) {
                all.push_back({emit(x(a), x(b), x(c), how), text + orders[o] + ab + ",(" + name(c) + ")"});
            }
            for (const auto& [text, emit] : reserves) {
                all.push_back({emit(x(a), x(b), how), text + orders[o] + " " + name(a) + ",(" + name(b) + ")"});
            }
        }
        if (a == 0) continue;
        all.push_back({c_jr(x(a)), "c.jr " + name(a)});
        if (b != 0) all.push_back({c_mv(x(a), x(b)), "c.mv" + ab});
        for (const std::int32_t i : {1, -1, 31, -32}) {
            all.push_back({c_addi(x(a), i), "c.addi " + name(a) + "," + std::to_string(i)});
            all.push_back({c_li(x(a), i), "c.li " + name(a) + "," + std::to_string(i)});
            const std::uint32_t shown = static_cast<std::uint32_t>(i) & 0xfffff;
            if (a != 2) all.push_back({c_lui(x(a), i), "c.lui " + name(a) + "," + hexadecimal(shown)});
        }
    }
    for (unsigned bit = 1; bit < 11; ++bit) all.push_back({c_j(1 << bit), "c.j ", true, 1 << bit});
    all.push_back({c_j(-2048), "c.j ", true, -2048});
    const std::string sets[] = {"unknown", "w",  "r",  "rw",  "o",  "ow",  "or",  "orw",
                                "i",       "iw", "ir", "irw", "io", "iow", "ior", "iorw"};
    for (unsigned before = 1; before < 16; ++before) {
        for (unsigned after = 1; after < 16; ++after) {
            all.push_back({fence(before, after), "fence " + sets[before] + "," + sets[after]});
        }
    }
    return all;
}

TEST(encode_riscv64, the_disassembler_reads_what_was_meant) {
    if (!have_objdump()) GTEST_SKIP() << "no riscv64-linux-gnu-objdump";
    const std::vector<sample> all = every_sample();
    std::vector<std::uint32_t> words;
    for (const sample& s : all) words.push_back(s.word);
    const std::vector<std::string> texts = disassemble(words);
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(texts[i], expected_at(all[i], i)) << hexadecimal(all[i].word);
        if (HasFailure()) break;
    }
}

// No bit is ignored: every flip must read as something else.
TEST(encode_riscv64, a_wrong_bit_is_caught) {
    if (!have_objdump()) GTEST_SKIP() << "no riscv64-linux-gnu-objdump";
    const std::vector<sample> all = every_sample();
    std::vector<std::uint32_t> words;
    std::vector<const sample*> origin;
    for (std::size_t i = 0; i < all.size(); i += 7) {
        const bool compressed = (all[i].word & 3) != 3;
        for (unsigned bit = 0; bit < (compressed ? 16u : 32u); ++bit) {
            words.push_back(all[i].word ^ 1u << bit);
            origin.push_back(&all[i]);
        }
    }
    const std::vector<std::string> texts = disassemble(words);
    for (std::size_t i = 0; i < words.size(); ++i) {
        EXPECT_NE(texts[i], "");
        EXPECT_NE(texts[i], expected_at(*origin[i], i)) << hexadecimal(words[i]);
        if (HasFailure()) break;
    }
}

TEST(encode_riscv64_death, a_field_out_of_range_traps) {
    EXPECT_DEATH(addi(x(1), x(1), 2048), "");
    EXPECT_DEATH(sd(x(1), x(1), -2049), "");
    EXPECT_DEATH(beq(x(1), x(1), 4096), "");
    EXPECT_DEATH(beq(x(1), x(1), 3), "");
    EXPECT_DEATH(jal(x(1), 0x100000), "");
    EXPECT_DEATH(jal(x(1), 1), "");
    EXPECT_DEATH(lui(x(1), 0x100000), "");
    EXPECT_DEATH(slli(x(1), x(1), 64), "");
    EXPECT_DEATH(srliw(x(1), x(1), 32), "");
    EXPECT_DEATH(fence(16, 1), "");
    EXPECT_DEATH(c_j(2048), "");
    EXPECT_DEATH(c_addi(x(0), 1), "");
    EXPECT_DEATH(c_lui(x(2), 1), "");
    EXPECT_DEATH(add(x(32), x(0), x(0)), "");
}

}  // namespace
