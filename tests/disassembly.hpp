// SPDX-License-Identifier: Apache-2.0
// Checks an encoding against what the Capstone disassembler reads in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

#include <capstone/capstone.h>
#include <gtest/gtest.h>

namespace cmodx::test {

template <class... Parts>
std::string join(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
}

// Numbers in decimal, as signed 64 bits: Capstone's notation differs from instruction to instruction.
inline std::string plain(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t hash = text.find('#');
        out += text.substr(0, hash);
        if (hash == text.npos) break;
        text.remove_prefix(hash + 1);
        const bool minus = text.starts_with('-');
        if (minus) text.remove_prefix(1);
        std::size_t used = 0;
        const auto magnitude = std::stoull(std::string(text), &used, 0);
        text.remove_prefix(used);
        out += join('#', static_cast<std::int64_t>(minus ? 0 - magnitude : magnitude));
    }
    return out;
}

class disassembler {
  public:
    static constexpr std::int64_t address = 0x10000000;

    disassembler(cs_arch arch, unsigned mode) {
        EXPECT_EQ(cs_open(arch, static_cast<cs_mode>(mode), &handle_), CS_ERR_OK);
    }
    ~disassembler() { cs_close(&handle_); }
    disassembler(const disassembler&) = delete;
    disassembler& operator=(const disassembler&) = delete;

    // What the `length` bytes of `encoding` at `address` read as; empty if they are not one instruction.
    std::string text(std::uint64_t encoding, std::size_t length) const {
        std::array<std::uint8_t, 8> bytes{};
        for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(encoding >> (8 * i));
        cs_insn* found = nullptr;
        const std::size_t count = cs_disasm(handle_, bytes.data(), length, address, 1, &found);
        if (count == 0) return {};
        std::string out = found->size == length ? found->mnemonic : "";
        if (!out.empty() && found->op_str[0] != 0) out += " " + plain(found->op_str);
        cs_free(found, count);
        return out;
    }

    // That `encoding` reads as `expected`, and that with any one bit flipped, but those in `unused`, it does not.
    template <class Encoding>
    void check(Encoding encoding, const std::string& expected, std::uint64_t unused = 0) const {
        EXPECT_EQ(text(encoding, sizeof encoding), expected) << std::hex << encoding;
        for (unsigned bit = 0; bit < 8 * sizeof encoding; ++bit) {
            const auto flipped = static_cast<Encoding>(encoding ^ std::uint64_t{1} << bit);
            if ((unused >> bit & 1) == 0) {
                EXPECT_NE(text(flipped, sizeof flipped), expected)
                    << std::hex << encoding << " bit " << std::dec << bit;
            }
        }
    }

  private:
    csh handle_ = 0;
};

}  // namespace cmodx::test
