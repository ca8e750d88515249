// SPDX-License-Identifier: Apache-2.0
#include "runner/environment.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <time.h>
#include <ucontext.h>

#include <algorithm>
#include <array>

#include "facts.hpp"
#include "linux.hpp"
#include "runner/engine/platform.hpp"
#include "runner/linux/membarrier.hpp"

namespace cmodx {
namespace {

std::string denial_or_one(mapping path) {
    const platform::code_memory memory = platform::map(path, platform::page_size());
    if (memory.executable == nullptr) return memory.failure;
    const bool executable = platform::make_executable(memory, path);
    platform::unmap(memory);
    return executable ? "1" : "mprotect to executable is denied";
}

std::string membarrier_state() {
    const int offered = membarrier_query();
    if (offered < 0) return "membarrier is denied";
    return (offered & sync_core_command) != 0 ? "1" : "membarrier has no SYNC_CORE";
}

}  // namespace

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
    environment e;
    const auto add = [&](std::string_view key, std::string_view value) { e.facts.emplace_back(key, value); };
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0)
        for (unsigned i = 0; i < CPU_SETSIZE; ++i)
            if (CPU_ISSET(i, &cpus)) e.cpus.push_back(i);
    utsname name = {};
    uname(&name);
    add("kernel", name.release);
    add("page_size", std::to_string(platform::page_size()));
    add("cpus", std::to_string(e.cpus.size()));
    add("mapping_same", denial_or_one(mapping::same));
    add("mapping_alias", denial_or_one(mapping::alias));
    add("mapping_flip", denial_or_one(mapping::flip));
    add("mapping_poke", denial_or_one(mapping::poke));
    add("mapping_process", denial_or_one(mapping::process));
    add("mapping_file", denial_or_one(mapping::file));
    add("linux", "1");
    add("membarrier_sync_core", membarrier_state());
    target::collect_facts(add);
    target::collect_linux_facts(add);
    std::sort(e.facts.begin(), e.facts.end());
    return e;
}

std::string prepare_process(const test_case& t) {
    if (contains(t.writer, "membarrier") || contains(t.executor, "membarrier"))
        if (membarrier_register() != 0) return "membarrier registration is denied";
    return {};
}

std::string_view target_name() { return target::isa::name; }

std::string utc_now() {
    const time_t now = time(nullptr);
    tm parts = {};
    gmtime_r(&now, &parts);
    std::array<char, 32> text = {};
    strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

}  // namespace cmodx
