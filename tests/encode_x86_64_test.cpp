// SPDX-License-Identifier: Apache-2.0
// Every x86-64 encoder against Capstone, over the edges of each field; and Capstone against a flip of every bit.
#include <capstone/capstone.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "arch/x86_64/encode.hpp"

namespace {

using namespace cmodx::x86_64;
using cmodx::code_buffer;

constexpr std::uint64_t address_of_code = 0x10000;
constexpr std::int32_t edges[] = {0, 1, -1, 9, 10, 127, 128, -128, -129, 0x12345678, INT32_MAX, INT32_MIN};

const std::string r64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                           "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
const std::string r32[] = {"eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
                           "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};
const std::string r16[] = {"ax",  "cx",  "dx",   "bx",   "sp",   "bp",   "si",   "di",
                           "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"};
const std::string r8[] = {"al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
                          "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"};

// As Capstone prints: decimal up to 9, hexadecimal above.
std::string digits(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, value > 9 ? "0x%llx" : "%llu", static_cast<unsigned long long>(value));
    return text;
}
std::string signed_digits(std::int64_t value) {
    return value < 0 ? "-" + digits(0 - static_cast<std::uint64_t>(value)) : digits(static_cast<std::uint64_t>(value));
}
std::string place(const std::string& base, std::int32_t displacement) {
    if (displacement == 0) return "[" + base + "]";
    const std::string sign = displacement < 0 ? " - " : " + ";
    return "[" + base + sign + digits(static_cast<std::uint64_t>(std::abs(std::int64_t{displacement}))) + "]";
}

struct sample {
    std::vector<std::uint8_t> bytes;
    std::string text;
};

// The instruction as Capstone reads it, or a word on what is wrong; empty text: exactly one instruction, as expected.
std::string difference(const std::vector<std::uint8_t>& bytes, const std::string& expected) {
    static const csh handle = [] {
        csh opened = 0;
        if (cs_open(CS_ARCH_X86, CS_MODE_64, &opened) != CS_ERR_OK) std::abort();
        return opened;
    }();
    cs_insn* found = nullptr;
    const std::size_t count = cs_disasm(handle, bytes.data(), bytes.size(), address_of_code, 0, &found);
    std::string text = "undefined";
    bool whole = false;
    if (count > 0) {
        text = found->op_str[0] ? std::string(found->mnemonic) + " " + found->op_str : found->mnemonic;
        whole = found->size == bytes.size();
        cs_free(found, count);
    }
    return whole && text == expected ? "" : text + (whole ? "" : " (of another length)");
}

class samples {
  public:
    template <class Emit, class... Arguments>
    void add(std::string text, Emit emit, Arguments... arguments) {
        std::uint8_t bytes[16] = {};
        code_buffer code{bytes, sizeof bytes};
        emit(code, arguments...);
        all.push_back({{bytes, bytes + code.size}, std::move(text)});
    }
    std::vector<sample> all;
};

using two_registers = void (*)(code_buffer&, reg, reg);
using register_immediate = void (*)(code_buffer&, reg, std::int32_t);
using one_register = void (*)(code_buffer&, reg);
using load = void (*)(code_buffer&, reg, memory);
using store = void (*)(code_buffer&, memory, reg);
using one_place = void (*)(code_buffer&, memory);
using plain = void (*)(code_buffer&);

void add_registers(samples& s) {
    const struct {
        const char* name;
        two_registers narrow, wide;
    } forms[] = {
        {"mov", mov_r32_r32, mov_r64_r64}, {"add", add_r32_r32, add_r64_r64},    {"or", or_r32_r32, or_r64_r64},
        {"and", and_r32_r32, and_r64_r64}, {"sub", sub_r32_r32, sub_r64_r64},    {"xor", xor_r32_r32, xor_r64_r64},
        {"cmp", cmp_r32_r32, cmp_r64_r64}, {"test", test_r32_r32, test_r64_r64}, {"xchg", nullptr, xchg_r64_r64},
    };
    const struct {
        const char* name;
        register_immediate narrow, wide;
        bool bits;
    } immediates[] = {
        {"add", add_r32_imm, add_r64_imm, false}, {"or", or_r32_imm, or_r64_imm, true},
        {"and", and_r32_imm, and_r64_imm, true},  {"sub", sub_r32_imm, sub_r64_imm, false},
        {"xor", xor_r32_imm, xor_r64_imm, true},  {"cmp", cmp_r32_imm, cmp_r64_imm, false},
    };
    const struct {
        const char* name;
        one_register emit;
        const std::string* names;
    } singles[] = {
        {"inc", inc_r32, r32},   {"inc", inc_r64, r64}, {"dec", dec_r32, r32},   {"dec", dec_r64, r64},
        {"push", push_r64, r64}, {"pop", pop_r64, r64}, {"call", call_r64, r64}, {"jmp", jmp_r64, r64},
    };
    for (unsigned d = 0; d < 16; ++d) {
        const reg to{static_cast<std::uint8_t>(d)};
        for (const auto& f : forms) {
            for (unsigned n = 0; n < 16; ++n) {
                const reg from{static_cast<std::uint8_t>(n)};
                if (f.narrow) s.add(f.name + (" " + r32[d]) + ", " + r32[n], f.narrow, to, from);
                s.add(f.name + (" " + r64[d]) + ", " + r64[n], f.wide, to, from);
            }
        }
        for (const std::int32_t value : edges) {
            const auto bits = static_cast<std::uint64_t>(std::int64_t{value});
            for (const auto& f : immediates) {
                const bool as_bits = f.bits || !is_int8(value);  // how Capstone shows 32 bits
                const std::string narrow = as_bits ? digits(static_cast<std::uint32_t>(value)) : signed_digits(value);
                const std::string wide = f.bits ? digits(bits) : signed_digits(value);
                s.add(f.name + (" " + r32[d]) + ", " + narrow, f.narrow, to, value);
                s.add(f.name + (" " + r64[d]) + ", " + wide, f.wide, to, value);
            }
            s.add("mov " + r32[d] + ", " + digits(static_cast<std::uint32_t>(value)), mov_r32_imm32, to,
                  static_cast<std::uint32_t>(value));
            s.add("movabs " + r64[d] + ", " + digits(bits << 16), mov_r64_imm64, to, bits << 16);
            s.add("lea " + r64[d] + ", " + place("rip", value), lea_r64_rip, to, value);
        }
        for (const auto& f : singles) s.add(f.name + (" " + f.names[d]), f.emit, to);
        s.add("mov " + r32[d] + ", cs", mov_r32_cs, to);
        s.add("mov " + r32[d] + ", ss", mov_r32_ss, to);
    }
}

void add_memory(samples& s) {
    const struct {
        const char *name, *size;
        load emit;
        const std::string* names;
    } loads[] = {
        {"movzx", "byte ptr ", movzx_r32_m8, r32},
        {"movzx", "word ptr ", movzx_r32_m16, r32},
        {"mov", "dword ptr ", mov_r32_m32, r32},
        {"mov", "qword ptr ", mov_r64_m64, r64},
        {"lea", "", lea_r64_m, r64},
    };
    const struct {
        const char *name, *size;
        store emit;
        const std::string* names;
    } stores[] = {
        {"mov", "byte ptr ", mov_m8_r8, r8},       {"mov", "word ptr ", mov_m16_r16, r16},
        {"mov", "dword ptr ", mov_m32_r32, r32},   {"mov", "qword ptr ", mov_m64_r64, r64},
        {"xchg", "dword ptr ", xchg_m32_r32, r32}, {"xchg", "qword ptr ", xchg_m64_r64, r64},
        {"or", "qword ptr ", or_m64_r64, r64},
    };
    const struct {
        const char* name;
        one_place emit;
    } singles[] = {
        {"call qword ptr ", call_m64}, {"jmp qword ptr ", jmp_m64},          {"clflush byte ptr ", clflush},
        {"clwb byte ptr ", clwb},      {"clflushopt byte ptr ", clflushopt}, {"invlpg byte ptr ", invlpg},
    };
    for (unsigned b = 0; b < 16; ++b) {
        for (const std::int32_t displacement : edges) {
            const memory m{reg{static_cast<std::uint8_t>(b)}, displacement};
            const std::string at = place(r64[b], displacement);
            for (unsigned n = 0; n < 16; ++n) {
                const reg r{static_cast<std::uint8_t>(n)};
                for (const auto& f : loads) s.add(f.name + (" " + f.names[n]) + ", " + f.size + at, f.emit, r, m);
                for (const auto& f : stores) s.add(f.name + (" " + (f.size + at)) + ", " + f.names[n], f.emit, m, r);
                const xmm x{static_cast<std::uint8_t>(n)};
                const std::string vector = "xmm" + std::to_string(n);
                s.add("movdqu " + vector + ", xmmword ptr " + at, movdqu_xmm_m128, x, m);
                s.add("movdqu xmmword ptr " + at + ", " + vector, movdqu_m128_xmm, m, x);
            }
            for (const auto& f : singles) s.add(f.name + at, f.emit, m);
            for (const std::int8_t value : std::initializer_list<std::int8_t>{0, 1, 9, 10, 127}) {
                s.add("lock or dword ptr " + at + ", " + digits(static_cast<std::uint64_t>(value)), lock_or_m32_imm8, m,
                      value);
            }
        }
    }
}

void add_the_rest(samples& s) {
    const auto target = [](std::size_t length, std::int32_t displacement) {
        return digits(address_of_code + length + static_cast<std::uint64_t>(std::int64_t{displacement}));
    };
    const char* conditions[] = {"jo", "jno", "jb", "jae", "je", "jne", "jbe", "ja",
                                "js", "jns", "jp", "jnp", "jl", "jge", "jle", "jg"};
    for (const std::int32_t displacement : edges) {
        s.add("jmp " + target(5, displacement), jmp_rel32, displacement);
        s.add("call " + target(5, displacement), call_rel32, displacement);
        for (unsigned i = 0; i < 16; ++i) {
            const condition when{static_cast<std::uint8_t>(i)};
            const std::string name = std::string(conditions[i]) + " ";
            s.add(name + target(6, displacement), jcc_rel32, when, displacement);
            if (is_int8(displacement)) s.add(name + target(2, displacement), jcc_rel8, when, displacement);
        }
        if (is_int8(displacement)) s.add("jmp " + target(2, displacement), jmp_rel8, displacement);
        s.add("or eax, " + digits(static_cast<std::uint32_t>(displacement)), or_eax_imm32,
              static_cast<std::uint32_t>(displacement));
    }
    const struct {
        const char* text;
        plain emit;
    } fixed[] = {
        {"pushfq", pushfq},
        {"rep movsb byte ptr [rdi], byte ptr [rsi]", rep_movsb},
        {"ret", ret},
        {"iretq", iretq},
        {"syscall", cmodx::x86_64::syscall},
        {"int3", int3},
        {"ud2", ud2},
        {"pause", cmodx::x86_64::pause},
        {"lfence", lfence},
        {"mfence", mfence},
        {"sfence", sfence},
        {"cpuid", cpuid},
        {"rdtscp", rdtscp},
        {"wbinvd", wbinvd},
    };
    for (const auto& f : fixed) s.add(f.text, f.emit);
    for (unsigned n = 0; n < 16; ++n)
        for (const unsigned cr : {0u, 2u, 3u, 4u}) {
            const reg r{static_cast<std::uint8_t>(n)};
            const std::string name = "cr" + std::to_string(cr);
            s.add(std::string("mov ") + r64[n] + ", " + name, mov_r64_cr, r, cr);
            s.add("mov " + name + ", " + r64[n], mov_cr_r64, cr, r);
        }
    const char* nops[] = {"nop",
                          "nop",
                          "nop dword ptr [rax]",
                          "nop dword ptr [rax]",
                          "nop dword ptr [rax + rax]",
                          "nop word ptr [rax + rax]",
                          "nop dword ptr [rax]",
                          "nop dword ptr [rax + rax]",
                          "nop word ptr [rax + rax]"};
    for (std::size_t length = 1; length <= 9; ++length) s.add(nops[length - 1], nop, length, std::uint32_t{0});
    s.add("nop dword ptr [rax + rax + 0x7f]", nop, std::size_t{5}, std::uint32_t{0x7f});
    s.add("nop word ptr [rax + rax + 0x12345678]", nop, std::size_t{9}, std::uint32_t{0x12345678});
}

const std::vector<sample>& every_sample() {
    static const std::vector<sample> all = [] {
        samples s;
        add_registers(s);
        add_memory(s);
        add_the_rest(s);
        return std::move(s.all);
    }();
    return all;
}

std::string hexadecimal(const std::vector<std::uint8_t>& bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) {
        char two[4];
        std::snprintf(two, sizeof two, "%02x ", byte);
        text += two;
    }
    return text;
}

TEST(encode_x86_64, capstone_reads_what_was_meant) {
    for (const sample& s : every_sample()) {
        EXPECT_EQ(difference(s.bytes, s.text), "") << s.text << ": " << hexadecimal(s.bytes);
        if (HasFailure()) break;
    }
}

// Capstone 4.0.2 does not know SERIALIZE: Intel SDM vol. 2, "SERIALIZE", NP 0F 01 E8.
TEST(encode_x86_64, serialize_by_the_manual) {
    samples s;
    s.add("serialize", serialize);
    EXPECT_EQ(hexadecimal(s.all[0].bytes), "0f 01 e8 ");
}

TEST(encode_x86_64, the_shortest_form_is_chosen) {
    samples s;
    s.add("", mov_m64_r64, memory{reg::cx, 127}, reg::ax);
    s.add("", mov_m64_r64, memory{reg::cx, 128}, reg::ax);
    s.add("", add_r64_imm, reg::cx, -128);
    s.add("", add_r64_imm, reg::cx, -129);
    std::vector<std::size_t> lengths;
    for (const sample& one : s.all) lengths.push_back(one.bytes.size());
    EXPECT_EQ(lengths, (std::vector<std::size_t>{4, 7, 4, 7}));
}

// A bit that changes the bytes but not the meaning: in a REX one that names no register or a size that is fixed, the
// direction of an operation of a register with itself, the scale of an absent index, ModRM.rm of a fence, ModRM.reg of
// a NOP and the opcodes 0F 18 to 0F 1F, which are NOPs too, ModRM.mod of a MOV of a control register.
bool ignored(const sample& s, std::size_t at, unsigned bit) {
    const auto byte = [&](std::size_t i) { return i < s.bytes.size() ? s.bytes[i] : 0u; };
    const bool rex = at <= 1 && (byte(at) & 0xf0) == 0x40;
    const bool direction = byte(at + 1) >= 0xc0 && ((byte(at + 1) >> 3 ^ byte(at + 1)) & 7) == 0 && bit == 1;
    const bool scale = at >= 1 && byte(at) == 0x24 && bit >= 6;
    const bool fence = at == 2 && byte(0) == 0x0f && byte(1) == 0xae && byte(2) >= 0xe8 && bit < 3;
    const bool nop = at >= 1 && ((byte(at - 1) == 0x0f && byte(at) == 0x1f && bit < 3) ||
                                 (at >= 2 && byte(at - 2) == 0x0f && byte(at - 1) == 0x1f && bit >= 3 && bit < 6));
    const bool control = at >= 2 && byte(at - 2) == 0x0f && (byte(at - 1) & 0xfd) == 0x20 && bit >= 6;
    return (rex && bit < 4) || direction || scale || fence || nop || control;
}

TEST(encode_x86_64, a_wrong_bit_is_caught) {
    std::size_t flips = 0;
    std::size_t missed = 0;
    for (std::size_t i = 0; i < every_sample().size(); i += 7) {
        const sample& s = every_sample()[i];
        for (std::size_t bit = 0; bit < 8 * s.bytes.size(); ++bit) {
            std::vector<std::uint8_t> wrong = s.bytes;
            wrong[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
            ++flips;
            if (difference(wrong, s.text) != "") continue;
            ++missed;
            EXPECT_TRUE(ignored(s, bit / 8, bit % 8)) << s.text << ": " << hexadecimal(wrong);
        }
        if (HasFailure()) break;
    }
    EXPECT_GT(flips, 10000u);
    EXPECT_LT(missed, flips / 20);
}

static_assert([] {
    std::uint8_t bytes[16] = {};
    code_buffer code{bytes, sizeof bytes};
    mov_m64_r64(code, {reg::r12, -8}, reg::r15);
    return code.size == 5 && bytes[0] == 0x4d && bytes[4] == 0xf8;
}());

TEST(encode_x86_64_death, a_field_out_of_range_traps) {
    std::uint8_t bytes[16];
    code_buffer code{bytes, sizeof bytes};
    EXPECT_DEATH(jmp_rel8(code, 128), "");
    EXPECT_DEATH(jmp_rel8(code, -129), "");
    EXPECT_DEATH(nop(code, 10), "");
    EXPECT_DEATH(nop(code, 5, 256), "");
    EXPECT_DEATH(push_r64(code, reg{16}), "");
}

}  // namespace
