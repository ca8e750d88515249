// SPDX-License-Identifier: Apache-2.0
// The command line of a bare image and its output: `run [GLOB…] [--budget …] [--seed …] [--machine …]
// [--time-scale …]`, or `bench [SAMPLES]`, words apart by spaces; nothing at all stands for CMODX_BARE_ARGUMENTS. JSON
// Lines on the serial line, then {"end": {"exit": N}}.
#include <nlohmann/json.hpp>

#include "runner/bare/bench.hpp"
#include "runner/bare/cpu.hpp"
#include "runner/bare/order.hpp"
#include "runner/record.hpp"

namespace cmodx::bare {

extern "C" {
extern void (*const cmodx_constructors_begin[])();
extern void (*const cmodx_constructors_end[])();
}

namespace {

constexpr int usage = 2;

[[noreturn]] void end(int code) {
    print("{\"end\": {\"exit\": " + std::to_string(code) + "}}\n");
    machine::power_off(code);
}

[[noreturn]] void refuse(const std::string& why) {
    print("cmodx: " + why + "\n");
    end(usage);
}

std::vector<const test_case*> chosen(const std::vector<test_case>& all, const std::vector<std::string>& globs) {
    std::vector<const test_case*> tests;
    for (const std::string& glob : globs)
        if (std::none_of(all.begin(), all.end(), [&](const test_case& t) { return matches(glob, t.name); }))
            refuse("no test matches '" + glob + "'");
    for (const test_case& t : all) {
        bool wanted = globs.empty();
        for (const std::string& glob : globs) wanted |= matches(glob, t.name);
        if (wanted) tests.push_back(&t);
    }
    return tests;
}

// A CPU that does not come within some seconds stays out, and tests are skipped for it.
void start_others() {
    constexpr std::uint64_t seconds = 3;
    cpus[0].online.store(true);
    cpu_count = machine::start_cpus();
    const std::uint64_t limit = machine::ticks() + seconds * machine::ticks_per_second();
    for (unsigned k = 1; k < cpu_count; ++k)
        while (!cpus[k].online.load(std::memory_order_acquire) && machine::ticks() < limit) platform::pause();
}

void print_line(const json& j) { print(j.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"); }

int run(const std::vector<std::string>& words, const order& o) {
    run_header header{.machine = o.machine, .start = utc_now(), .command = words, .options = o.options};
    const environment here = probe_environment();
    header.options.cpus = here.cpus;
    const std::vector<test_case> all = bare_tests_for(*find_architecture(target_name()), o.globs);
    const std::vector<const test_case*> tests = chosen(all, o.globs);
    print_line({{"header", header_json(header, here)}});
    std::vector<status> statuses;
    run_tests(
        tests, here, header.options,
        [&](const record& r) {
            statuses.push_back(r.outcome.is);
            print_line(record_json(r));
        },
        [] { return false; });
    return exit_code(statuses);
}

}  // namespace

void print(std::string_view text) {
    for (const char c : text) machine::put(c);
}

void panic(std::string_view why) {
    constexpr unsigned none = ~0u;
    static std::atomic<unsigned> first{none};
    unsigned expected = none;
    const unsigned here = machine::current_cpu();
    if (first.compare_exchange_strong(expected, here)) {
        print("\ncmodx: the bare image failed: ");
        print(why);
        print("\n");
    }
    if (expected != none && expected != here)
        for (;;) platform::pause();  // the one that came first speaks, and ends the machine
    machine::power_off(3);
}

extern "C" void cmodx_first() {
    for (auto constructor = cmodx_constructors_begin; constructor != cmodx_constructors_end; ++constructor)
        (*constructor)();
    machine::prepare();
    start_others();
    std::vector<std::string> words = words_of(machine::command_line());
    if (words.empty()) words = words_of(CMODX_BARE_ARGUMENTS);
    order o;
    if (const std::string wrong = parse_order(words, o); !wrong.empty()) refuse(wrong);
    if (!o.bench) end(run(words, o));
    run_bench(o.samples);
    end(0);
}

}  // namespace cmodx::bare
