// SPDX-License-Identifier: Apache-2.0
// `bench`: what a kernel pays to have modified code run. One line of JSON a price, then what kernel developers have
// said of it beside what was measured here.
#include "runner/bare/bench.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "facts.hpp"
#include "runner/bare/calls.hpp"
#include "runner/bare/cpu.hpp"
#include "runner/environment.hpp"

namespace cmodx::bare {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t usual = 1000;  // of a price, or fewer
constexpr std::size_t fewest = 20;   // where they take longer than
constexpr std::uint64_t seconds = 2;
constexpr std::size_t warm_up = 20;
std::size_t samples = usual;
constexpr unsigned repeated = 32;  // steps in a sample of one

// Nanoseconds of a sample.
struct price {
    std::string name;
    double least = 0;
    double median = 0;
    double p99 = 0;
    std::size_t samples = 0;
};

double in_nanoseconds(double ticks) { return ticks * 1e9 / static_cast<double>(machine::ticks_per_second()); }

// `many`: how often the sample does what is priced; `before` is not part of it.
template <class Before, class Sample>
price measure(std::string name, unsigned many, double subtracted, Before before, Sample sample) {
    std::vector<double> all;
    const std::uint64_t limit = machine::ticks() + seconds * machine::ticks_per_second();
    for (std::size_t i = 0; i < samples + warm_up; ++i) {
        before();
        const std::uint64_t begin = machine::ticks();
        sample();
        const std::uint64_t end = machine::ticks();
        if (i >= warm_up) all.push_back((in_nanoseconds(static_cast<double>(end - begin)) - subtracted) / many);
        if (all.size() >= fewest && end > limit) break;
    }
    std::sort(all.begin(), all.end());
    return {std::move(name), all.front(), all[all.size() / 2], all[all.size() * 99 / 100], all.size()};
}

json nanoseconds_json(const price& p) {
    const auto rounded = [](double ns) { return static_cast<std::int64_t>(ns * 10 + (ns < 0 ? -0.5 : 0.5)) / 10.0; };
    return {{"least", rounded(p.least)}, {"median", rounded(p.median)}, {"p99", rounded(p.p99)}};
}

class bench {
  public:
    void run() {
        header();
        timer_ = measure("the timer", 1, 0, nothing, nothing).least;
        steps();
        page_tables();
        first_runs();
        interrupts();
        claims();
    }

  private:
    static void nothing() {}

    void line(const json& j) { print(j.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"); }

    void header() {
        line({{"bench",
               {{"architecture", target_name()},
                {"cpus", cpu_count},
                {"ticks_per_second", machine::ticks_per_second()},
                {"unit", "ns"},
                {"note", "the times of what runs this image: an emulator's, if that is one"}}}});
    }

    void add(price p, std::string_view what) {
        const json j = {{"price", p.name}, {"what", what}, {"samples", p.samples}, {"ns", nanoseconds_json(p)}};
        line(j);
        prices_.push_back(std::move(p));
    }

    // Each step that runs here, alone and many times over on one range of 64 bytes.
    void steps() {
        const architecture isa = describe<target::isa>();
        const environment here = probe_environment();
        const platform::code_memory m = platform::map(mapping::same, 2 * machine_page);
        std::uint8_t* const data = m.writable + machine_page;
        alignas(64) std::array<std::uintptr_t, frame_words> frame{};
        std::uint32_t flag = 0;
        frame[static_cast<std::size_t>(field::clear_cache)] = platform::clear_cache_function();
        frame[static_cast<std::size_t>(field::interrupt)] = platform::interrupt_function();
        for (const field f : {field::site, field::target, field::source, field::begin})
            frame[word_of(f, 0)] = reinterpret_cast<std::uintptr_t>(data);
        frame[word_of(field::end, 0)] = reinterpret_cast<std::uintptr_t>(data + 64);
        frame[word_of(field::flag, 0)] = reinterpret_cast<std::uintptr_t>(&flag);
        const auto assembled = [&](const step* s) {
            code_buffer code{m.writable, machine_page};
            isa.prologue(code);
            for (unsigned i = 0; s != nullptr && i < repeated; ++i) s->emit(code, 0);
            isa.epilogue(code);
            platform::synchronize(m.executable, code.size);
            return !code.full();
        };
        const auto call = [&] { reinterpret_cast<void (*)(std::uintptr_t*)>(m.executable)(frame.data()); };
        assembled(nullptr);
        const double empty = measure("", 1, 0, nothing, call).least;
        for (const step& s : isa.steps) {
            if (s.name == "ipi" || is_system_call(s) || (!s.needs.empty() && here.value(s.needs) != "1")) continue;
            code_buffer alone{nullptr, 0};
            s.emit(alone, 0);
            if (alone.size == 0 || !assembled(&s)) continue;
            add(measure("step " + std::string(s.name), repeated, empty, nothing, call), s.meaning);
        }
    }

    void page_tables() {
        const kernel& k = *platform::as_kernel();
        if (k.window() == nullptr) return;
        const platform::code_memory m = platform::map(mapping::same, machine_page);
        const auto set = [&](access how) { machine::set_page(0, 0, m.writable, how); };
        add(measure("page entry", 1, timer_, nothing, [&] { set(access::read_execute); }),
            "an entry of the page tables is written");
        add(measure("page forget", 1, timer_, nothing, [&] { k.forget_page(k.window()); }),
            "the translation of an address is forgotten by all CPUs");
        add(measure("page flip", 1, timer_, nothing,
                    [&] {
                        set(access::read_write);
                        k.forget_page(k.window());
                        set(access::read_execute);
                        k.forget_page(k.window());
                    }),
            "a page becomes writable and executable again, for all CPUs");
        add(measure("address space", 1, timer_, nothing,
                    [&] {
                        k.enter_space(1, 1);
                        k.enter_space(0, 0);
                    }),
            "to other page tables and back, with a tag of their own");
    }

    // A page that was not mapped, and whose code has never run here, against the same once more.
    void first_runs() {
        const kernel& k = *platform::as_kernel();
        if (k.window() == nullptr) return;
        const architecture isa = describe<target::isa>();
        const site_layout& site = isa.sites[0];
        const platform::code_memory m = platform::map(mapping::same, machine_page);
        const auto entry = reinterpret_cast<std::uintptr_t>(k.window() + site.entry) + site.state;
        const auto run = [&] { reinterpret_cast<std::uint32_t (*)()>(entry)(); };
        const auto fresh = [&] {
            machine::set_page(0, 0, nullptr, access::none);
            k.forget_page(k.window());
            code_buffer code{m.writable, machine_page};
            site.emit(code);
            platform::synchronize(m.executable, machine_page);
            machine::set_page(0, 0, m.writable, access::read_execute);
        };
        add(measure("page first run", 1, timer_, fresh, run), "the first call of a page that was written and mapped");
        add(measure("page run", 1, timer_, nothing, run), "a call of a page that has run");
        machine::set_page(0, 0, nullptr, access::none);
        k.forget_page(k.window());
    }

    static void spin(void* stop) {
        while (!static_cast<std::atomic<bool>*>(stop)->load(std::memory_order_relaxed)) platform::pause();
    }

    void interrupts() {
        const auto settle = [] {
            const std::uint64_t then = machine::ticks() + ticks_of(100'000);
            while (machine::ticks() < then) platform::pause();
        };
        std::vector<unsigned> others;  // that have started
        for (unsigned k = 1; k < cpu_count; ++k)
            if (cpus[k].online.load()) others.push_back(k);
        const auto to_first = [&](std::size_t n) {
            std::uint32_t set = 0;
            for (std::size_t i = 0; i < n; ++i) set |= 1u << others[i];
            return [set] { call(set, nullptr, nullptr); };
        };
        for (std::size_t n = 1; n <= others.size(); ++n)
            add(measure("ipi asleep " + std::to_string(n), 1, timer_, settle, to_first(n)),
                "CPUs that sleep are interrupted and have answered; their number");
        std::atomic<bool> stop{false};
        std::array<platform::task, machine::most_cpus> tasks;
        for (std::size_t n = 1; n <= others.size(); ++n) {
            const unsigned cpu = others[n - 1];
            tasks[cpu] = {.body = spin, .argument = &stop, .cpu = cpu};
            if (!give(cpu, tasks[cpu])) panic("a CPU has a task that nobody gave it");
            settle();
            add(measure("ipi spinning " + std::to_string(n), 1, timer_, nothing, to_first(n)),
                "CPUs that run are interrupted and have answered; their number");
        }
        stop = true;
        for (const unsigned cpu : others)
            while (cpus[cpu].work.load() != nullptr) platform::pause();
    }

    void claims() {
        constexpr std::string_view thread =
            "A. Lutomirski, \"Re: [PATCH 07/32] mm: Bring back vmalloc_exec\", Linux kernel mailing list, 2023-06-17";
        const struct {
            std::string_view text;
            std::uint64_t least_cycles;
            std::uint64_t most_cycles;
            std::string_view name;
        } all[] = {
            {"20 thousand cycles on each CPU the first time", 20'000, 20'000, "page first run"},
            {"an IPI to all costs 500 thousand to 1 million cycles", 500'000, 1'000'000, "ipi spinning"},
            {"an IPI to all costs 500 thousand to 1 million cycles: CPUs that sleep", 500'000, 1'000'000, "ipi asleep"},
        };
        constexpr std::uint64_t gigahertz = 3;
        for (const auto& c : all) {
            const price* last = nullptr;
            for (const price& p : prices_)
                if (p.name.starts_with(c.name)) last = &p;
            if (last == nullptr) continue;
            line({{"claim", c.text},
                  {"price", last->name},
                  {"ns", nanoseconds_json(*last)},
                  {"claimed_ns_at_3_GHz", json::array({c.least_cycles / gigahertz, c.most_cycles / gigahertz})},
                  {"source", thread}});
        }
    }

    static constexpr std::size_t machine_page = 4096;
    double timer_ = 0;
    std::vector<price> prices_;
};

}  // namespace

void run_bench(std::size_t wanted) {
    samples = wanted == 0 ? usual : std::max(wanted, fewest);
    bench().run();
}

}  // namespace cmodx::bare
