// SPDX-License-Identifier: Apache-2.0
// Arguments of the command line become values, or one line that says what is accepted.
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/random.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "runner/commands.hpp"
#include "runner/verdict.hpp"

namespace cmodx {

std::vector<const test_case*> select(const std::vector<test_case>& all, const std::vector<std::string>& globs) {
    std::vector<bool> chosen(all.size(), globs.empty());
    for (const std::string& glob : globs) {
        bool matched = false;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (fnmatch(glob.c_str(), all[i].name.c_str(), 0) != 0) continue;
            chosen[i] = true;
            matched = true;
        }
        if (matched) continue;
        // A name, no glob: where it is wrong.
        test_case t;
        if (!all.empty() && glob.find_first_of("*?[\\") == glob.npos)
            if (const auto error = parse_name(*all[0].on, glob, t)) throw usage_error(describe(glob, *error));
        std::vector<std::string> names;
        for (const test_case& one : all) names.push_back(one.name);
        throw usage_error(fmt::format("no test matches '{}'; the nearest name is '{}' (cmodx list prints all)", glob,
                                      nearest(glob, names)));
    }
    std::vector<const test_case*> tests;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (chosen[i]) tests.push_back(&all[i]);
    return tests;
}

std::vector<unsigned> parse_cpus(const std::string& text, const std::vector<unsigned>& available) {
    if (text.empty()) return available;
    const auto refuse = [&](const std::string& what) {
        std::string list;
        for (const unsigned cpu : available) list += fmt::format("{}{}", list.empty() ? "" : ",", cpu);
        throw usage_error(fmt::format("--cpus: {}; accepted are numbers and ranges out of {}", what, list));
    };
    std::vector<unsigned> cpus;
    std::stringstream pieces(text);
    for (std::string piece; std::getline(pieces, piece, ',');) {
        unsigned first = 0;
        const char* const end = piece.data() + piece.size();
        auto parsed = std::from_chars(piece.data(), end, first);
        unsigned last = first;
        if (parsed.ec == std::errc{} && parsed.ptr != end && *parsed.ptr == '-')
            parsed = std::from_chars(parsed.ptr + 1, end, last);
        if (parsed.ec != std::errc{} || parsed.ptr != end || last < first) refuse(fmt::format("'{}' is no CPU", piece));
        for (unsigned cpu = first; cpu <= last; ++cpu) {
            if (std::find(available.begin(), available.end(), cpu) == available.end())
                refuse(fmt::format("there is no CPU {} for this process", cpu));
            if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end()) cpus.push_back(cpu);
        }
    }
    if (cpus.empty()) refuse("no CPU is named");
    return cpus;
}

std::uint64_t parse_seed(const std::string& text) {
    std::uint64_t seed = 0;
    if (text.empty()) {
        if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = 1;
        return seed >> 11;  // 53 bits, which every reader of JSON keeps
    }
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (code != std::errc{} || end != text.data() + text.size() || seed >> 53 != 0)
        throw usage_error(fmt::format("--seed: '{}' is no whole number from 0 to 2^53 - 1", text));
    return seed;
}

}  // namespace cmodx
