// SPDX-License-Identifier: Apache-2.0
#include "runner/disassemble.hpp"

#include <algorithm>

#ifdef CMODX_WITH_CAPSTONE
#include <capstone/capstone.h>
#include <fmt/format.h>
#endif

namespace cmodx {
namespace {

constexpr std::size_t bytes_a_line = 8;

void add_bytes(std::size_t begin, std::size_t end, std::vector<instruction>& list) {
    for (; begin < end; begin += bytes_a_line) list.push_back({begin, std::min(bytes_a_line, end - begin), {}});
}

#ifdef CMODX_WITH_CAPSTONE
struct mode {
    std::string_view architecture;
    cs_arch arch;
    unsigned flags;
};
constexpr mode modes[] = {
    {"x86_64", CS_ARCH_X86, CS_MODE_64},
    {"aarch64", CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN},
    {"arm32", CS_ARCH_ARM, CS_MODE_ARM},
    {"t32", CS_ARCH_ARM, CS_MODE_THUMB},
#if CS_API_MAJOR >= 5
    {"riscv64", CS_ARCH_RISCV, CS_MODE_RISCV64 | CS_MODE_RISCVC},
#endif
};

// Null handle: this Capstone does not know the architecture.
class capstone {
  public:
    explicit capstone(std::string_view architecture) {
        for (const mode& m : modes)
            if (m.architecture == architecture && cs_support(m.arch))
                open_ = cs_open(m.arch, static_cast<cs_mode>(m.flags), &handle_) == CS_ERR_OK;
    }
    ~capstone() {
        if (open_) cs_close(&handle_);
    }
    capstone(const capstone&) = delete;
    capstone& operator=(const capstone&) = delete;
    bool open() const { return open_; }

    // Appends what it reads from `begin` on, and returns where it stopped.
    std::size_t read(std::span<const std::uint8_t> code, std::size_t begin, std::vector<instruction>& list) const {
        cs_insn* found = nullptr;
        const std::size_t count = cs_disasm(handle_, code.data() + begin, code.size() - begin, begin, 0, &found);
        for (std::size_t i = 0; i < count; ++i) {
            const std::string_view operands = found[i].op_str;
            list.push_back({found[i].address, found[i].size,
                            fmt::format("{}{}{}", found[i].mnemonic, operands.empty() ? "" : " ", operands)});
            begin = list.back().offset + list.back().size;
        }
        if (count != 0) cs_free(found, count);
        return begin;
    }

  private:
    csh handle_ = 0;
    bool open_ = false;
};
#endif

}  // namespace

#ifdef CMODX_WITH_CAPSTONE

std::vector<instruction> disassemble(std::string_view architecture, std::size_t granule,
                                     std::span<const std::uint8_t> code, std::size_t begin) {
    std::vector<instruction> list;
    const capstone reader(architecture);
    if (!reader.open()) {
        add_bytes(begin, code.size(), list);
        return list;
    }
    for (std::size_t at = begin; at < code.size();) {
        at = reader.read(code, at, list);
        if (at == code.size()) break;
        const std::size_t unknown = std::min(granule, code.size() - at);  // data, or newer than the disassembler
        add_bytes(at, at + unknown, list);
        at += unknown;
    }
    return list;
}

std::string no_disassembly(std::string_view architecture) {
    if (capstone(architecture).open()) return {};
    return fmt::format("Capstone {}.{} cannot read {}", CS_API_MAJOR, CS_API_MINOR, architecture);
}

#else

std::vector<instruction> disassemble(std::string_view, std::size_t, std::span<const std::uint8_t> code,
                                     std::size_t begin) {
    std::vector<instruction> list;
    add_bytes(begin, code.size(), list);
    return list;
}

std::string no_disassembly(std::string_view) { return "built without Capstone"; }

#endif

}  // namespace cmodx
