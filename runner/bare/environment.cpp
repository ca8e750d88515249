// SPDX-License-Identifier: Apache-2.0
#include "runner/environment.hpp"

#include <algorithm>

#include "facts.hpp"
#include "runner/bare/cpu.hpp"

namespace cmodx {

std::string_view environment::value(std::string_view key) const {
    for (const auto& [k, v] : facts)
        if (k == key) return v;
    return {};
}

std::vector<fact> environment::as_facts() const {
    std::vector<fact> views;
    for (const auto& [k, v] : facts) views.push_back({k, v});
    return views;
}

environment probe_environment() {
    constexpr std::string_view absent = "needs an operating system";
    environment e;
    const auto add = [&](std::string_view key, std::string_view value) { e.facts.emplace_back(key, value); };
    std::string silent;
    for (unsigned i = 0; i < bare::cpu_count; ++i)
        if (bare::cpus[i].online.load())
            e.cpus.push_back(i);
        else
            silent += (silent.empty() ? "" : " ") + std::to_string(i);
    add("bare", "1");
    add("cpus", std::to_string(e.cpus.size()));
    if (!silent.empty()) add("cpus_silent", silent);  // numbers of those that do not start
    add("linux", absent);
    std::uint8_t* const memory = machine::memory_begin();
    const bool translates = machine::writable_alias(memory) != machine::executable_alias(memory);
    add("mapping_alias", translates ? "1" : "no address is translated");
    for (const char* path : {"mapping_file", "mapping_flip", "mapping_poke", "mapping_process"}) add(path, absent);
    add("mapping_same", "1");
    add("membarrier_sync_core", absent);
    if (!machine::firmware().empty()) add(machine::firmware(), "1");
    add("page_tables", machine::window() != nullptr ? "1" : "0");
    add("page_tables_tagged", machine::tagged() ? "1" : "0");  // by ASID or PCID
    add("privileged", "1");
    add("page_size", std::to_string(platform::page_size()));
    target::collect_facts(add);
    std::sort(e.facts.begin(), e.facts.end());
    return e;
}

std::string prepare_process(const test_case&) { return {}; }

std::string_view target_name() { return target::isa::name; }

// There is no calendar: whoever reads the serial line knows the time.
std::string utc_now() { return "1970-01-01T00:00:00Z"; }

}  // namespace cmodx
