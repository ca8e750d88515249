// SPDX-License-Identifier: Apache-2.0
// Asking for a verdict in few words.
#pragma once

#include <string_view>
#include <vector>

#include "arch/all.hpp"

namespace cmodx::asking {

using names = std::vector<std::string_view>;
using facts = std::vector<fact>;

inline names steps(std::string_view text) {
    names all;
    while (!text.empty()) {
        const std::size_t end = text.find('-');
        all.push_back(text.substr(0, end));
        text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    }
    return all;
}

// A question in words; what is not set is the plain case: an immediate, naturally aligned, one mapping.
struct ask {
    relation between = relation::cross_thread;
    std::string_view writer{};
    std::string_view executor{};
    facts machine{};
    std::string_view site = "imm";
    mapping path = mapping::same;
    witness seen = witness::stale;
    bool exclusive = true;
    placement at{};
    std::uint16_t patch_size = 4;
};

inline judgement full_answer(const architecture_rules& rules, const ask& a) {
    const names writer = steps(a.writer);
    const names executor = steps(a.executor);
    return judge(rules,
                 {a.between, a.site, a.at, a.patch_size, a.path, writer, executor, a.exclusive, a.seen, a.machine});
}
inline verdict answer(const architecture_rules& rules, const ask& a) { return full_answer(rules, a).ruling; }

inline const facts idc0_dic0 = {{"idc", "0"}, {"dic", "0"}};
inline const facts idc1_dic0 = {{"idc", "1"}, {"dic", "0"}};
inline const facts idc1_dic1 = {{"idc", "1"}, {"dic", "1"}};
inline const facts amd = {{"vendor", "amd"}};
inline const facts intel = {{"vendor", "intel"}};
inline const facts ziccif = {{"ziccif", "1"}};
inline const facts ziccid = {{"ziccif", "1"}, {"ziccid", "1"}};

inline constexpr std::string_view maintain = "dc.cvau-dsb.ish-ic.ivau-dsb.ish";
inline constexpr verdict forbidden = verdict::forbidden;
inline constexpr verdict allowed = verdict::allowed;
inline constexpr verdict unspecified = verdict::unspecified;
inline constexpr verdict unpredictable = verdict::unpredictable;

// The machines of an architecture that its rules tell apart, the weakest first and the strongest last.
inline std::vector<facts> machines_of(const architecture_rules& rules) {
    if (rules.name == "x86_64") return {{}, intel, amd};
    if (rules.name == "riscv64") return {{}, ziccif, ziccid};
    return {{}, idc0_dic0, idc1_dic0, idc1_dic1};
}

}  // namespace cmodx::asking
