// SPDX-License-Identifier: Apache-2.0
#include "runner/listing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runner/disassemble.hpp"

namespace cmodx {
namespace {

constexpr std::size_t bytes_width = 8 * 3;  // characters; a longer instruction stands out

}  // namespace

std::string listing(const architecture& isa, const listed& what) {
    const auto bytes_of = [&](const instruction& i) { return what.code.subspan(i.offset, i.size); };
    const auto equal = [&](const instruction& a, const instruction& b) {
        return std::ranges::equal(bytes_of(a), bytes_of(b));
    };
    // Piece by piece, so that each part begins a line where bytes are all there is to show.
    std::vector<std::size_t> cuts;
    for (const traced_part& p : what.parts)
        if (p.offset > what.begin && p.offset < what.end) cuts.push_back(p.offset);
    cuts.push_back(what.end);
    std::vector<instruction> all;
    std::size_t from = what.begin;
    for (const std::size_t cut : cuts) {
        const bool last = cut == what.end;
        if (cut == from) continue;
        for (instruction& i : disassemble(what.t32 ? "t32" : isa.name, what.t32 ? 2 : isa.granule,
                                          last ? what.code : what.code.first(cut), from))
            if (i.offset < what.end) all.push_back(std::move(i));
        from = cut;
    }
    std::string text;
    std::size_t part = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const instruction& now = all[i];
        for (; part < what.parts.size() && what.parts[part].offset <= now.offset; ++part)
            text += fmt::format("       -- {}\n", what.parts[part].of);
        std::string bytes;
        for (const std::uint8_t b : bytes_of(now)) bytes += fmt::format("{:02x} ", b);
        const bool differs =
            !what.other.empty() && !std::ranges::equal(bytes_of(now), what.other.subspan(now.offset, now.size));
        std::string line =
            fmt::format("  {} {:>4x}  {:<{}} {}", differs ? '*' : ' ', now.offset, bytes, bytes_width, now.text);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
        std::size_t repeated = 0;
        while (i + repeated + 1 < all.size() && equal(now, all[i + repeated + 1])) ++repeated;
        if (repeated < 2) continue;
        text += fmt::format("           … {} times more\n", repeated);
        i += repeated;
    }
    for (; part < what.parts.size(); ++part) text += fmt::format("       -- {}\n", what.parts[part].of);
    return text;
}

std::string listing_remark(const architecture& isa) {
    const std::string why = no_disassembly(isa.name);
    return why.empty() ? "" : fmt::format("  ({}: bytes only)\n", why);
}

}  // namespace cmodx
