// SPDX-License-Identifier: Apache-2.0
#include "runner/given_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runner/commands.hpp"
#include "runner/environment.hpp"

namespace cmodx {
namespace {

[[noreturn]] void refuse(std::size_t position, const std::string& what) {
    throw usage_error(fmt::format("--facts: at {}: {}", position + 1, what));
}

// The values that the rules tell apart at this key; empty if they do not ask for it.
std::set<std::string_view> values_of(const known_architecture& on, std::string_view key) {
    std::set<std::string_view> values;
    for (const std::string_view when : conditions_of(on))
        for (const fact_term& t : terms_of(when))
            if (t.key == key) values.insert(t.value);
    return values;
}

void take_from_here(const known_architecture& on, given_facts& facts, std::size_t position) {
    if (on.isa.name != target_name())
        refuse(position, fmt::format("'here' is a machine of {}, not of {}", target_name(), on.isa.name));
    facts.all = probe_environment().facts;
}

}  // namespace

std::vector<fact_term> terms_of(std::string_view when) {
    std::vector<fact_term> terms;
    while (!when.empty()) {
        const std::size_t end = when.find(',');
        const std::string_view term = when.substr(0, end);
        when = end == when.npos ? std::string_view{} : when.substr(end + 1);
        const std::size_t equals = term.find('=');
        const bool negated = equals != 0 && term[equals - 1] == '!';
        terms.push_back({term.substr(0, negated ? equals - 1 : equals), term.substr(equals + 1), negated});
    }
    return terms;
}

std::vector<std::string_view> conditions_of(const known_architecture& on) {
    std::vector<std::string_view> all;
    for (const action& a : on.rules->actions) all.push_back(a.when);
    for (const statement& s : on.rules->statements) all.push_back(s.when);
    const auto terms = [](std::string_view when) { return std::count(when.begin(), when.end(), ','); };
    std::sort(all.begin(), all.end(),
              [&](std::string_view a, std::string_view b) { return std::pair(terms(a), a) < std::pair(terms(b), b); });
    all.erase(std::unique(all.begin(), all.end()), all.end());
    std::erase(all, std::string_view{});
    return all;
}

std::vector<std::string> fact_keys(const known_architecture& on) {
    std::set<std::string> keys;
    for (const std::string_view when : conditions_of(on))
        for (const fact_term& t : terms_of(when)) keys.emplace(t.key);
    for (const step& s : on.isa.steps)
        if (!s.needs.empty()) keys.emplace(s.needs);
    for (const auto& [key, value] : probe_environment().facts) keys.insert(key);
    return {keys.begin(), keys.end()};
}

std::vector<fact> given_facts::views() const {
    std::vector<fact> facts;
    for (const auto& [key, value] : all) facts.push_back({key, value});
    return facts;
}

given_facts parse_facts(const known_architecture& on, std::string_view text) {
    given_facts facts;
    if (text.empty()) return facts;
    const std::vector<std::string> accepted = fact_keys(on);
    std::set<std::string_view> given;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const std::string_view term = text.substr(begin, end - begin);
        const std::size_t equals = term.find('=');
        if (term == "here" && begin == 0) {
            take_from_here(on, facts, begin);
        } else {
            if (equals == term.npos || equals == 0)
                refuse(begin, fmt::format("'{}' is no fact; accepted are key=value,… and 'here'", term));
            const std::string key(term.substr(0, equals));
            const std::string value(term.substr(equals + 1));
            if (!std::binary_search(accepted.begin(), accepted.end(), key))
                refuse(begin, fmt::format("unknown fact '{}' of {}; did you mean '{}'?", key, on.isa.name,
                                          nearest(key, accepted)));
            if (!given.insert(term.substr(0, equals)).second) refuse(begin, fmt::format("'{}' is given twice", key));
            const std::set<std::string_view> told_apart = values_of(on, key);
            const bool flag = told_apart.contains("1") || told_apart.contains("0");
            if (value.empty() || (flag && value != "0" && value != "1"))
                refuse(begin + equals + 1, fmt::format("'{}' is no value of {}; accepted {}", value, key,
                                                       flag ? "are 0 and 1" : "is any word"));
            std::erase_if(facts.all, [&](const auto& f) { return f.first == key; });
            facts.all.emplace_back(key, value);
        }
        begin = end + 1;
    }
    return facts;
}

}  // namespace cmodx
