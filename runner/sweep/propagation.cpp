// SPDX-License-Identifier: Apache-2.0
// `cmodx sweep propagation`: from in front of a store to code until another CPU, which runs that code all the time, has
// run the new code; by pair of CPUs and by mapping.
#include <fmt/format.h>

#include <fstream>

#include "runner/commands.hpp"
#include "runner/sweep/machine.hpp"
#include "runner/sweep/sweep.hpp"

namespace cmodx {
namespace {

constexpr std::size_t most_pairs = 64;

// How near two CPUs are, by what the kernel says in sysfs (Documentation/ABI/stable/sysfs-devices-system-cpu).
// hwloc reads the same there; it would bring libudev into a static binary.
std::string_view nearness(unsigned a, unsigned b) {
    const auto same = [&](std::string_view what) {
        const auto read = [&](unsigned cpu) {
            std::ifstream in(fmt::format("/sys/devices/system/cpu/cpu{}/{}", cpu, what));
            std::string text;
            in >> text;
            return text;
        };
        return !read(a).empty() && read(a) == read(b);
    };
    if (same("topology/core_cpus_list")) return "one core";
    if (same("cache/index3/shared_cpu_list")) return "one third-level cache";
    if (same("cache/index2/shared_cpu_list")) return "one second-level cache";
    return same("topology/package_cpus_list") ? "one package" : "apart";
}

struct sending {
    rig code;
    stub writer = nullptr;
    stub executor = nullptr;
    std::unique_ptr<thread_frame> writer_frame;
    std::unique_ptr<thread_frame> executor_frame;
    std::unique_ptr<company> beside;
    std::uint32_t generation = 0;
    clock_offset offset;
    bool known = false;  // the offset
    bool never = false;
    std::atomic<bool> present{false};  // the executor has begun: no sample waits for its thread to start

    sending(const sweep_machine& machine, mapping path, bool synchronizes)
        : code(machine.isa(), machine.context().site("imm"), path),
          writer_frame(code.frame()),
          executor_frame(code.frame()) {
        const architecture& a = machine.isa();
        writer = code.assemble([&](code_buffer& to) {
            a.store_code(to, 0, code.site().patch_size);
            machine.emit_writer(to);
        });
        executor = code.assemble([&](code_buffer& to) {
            a.fetch(to, 0, 1);
            if (synchronizes) machine.emit_executor(to);
        });
    }
    void execute(const std::atomic<bool>& stop) {
        const stopwatch watch;
        std::uint32_t last = executor_frame->observed(1);
        present = true;
        while (!stop.load(std::memory_order_relaxed)) {
            executor(executor_frame->words.data());
            const std::uint32_t value = executor_frame->observed(1);
            if (value == last) continue;
            code.seen_at().store(watch.read(), std::memory_order_relaxed);
            last = value;
            code.seen().store(value, std::memory_order_release);
        }
    }
};

price pair_price(const sweep_machine& machine, mapping path, bool synchronizes, unsigned from, unsigned to) {
    const auto s = std::make_shared<sending>(machine, path, synchronizes);
    const std::string_view name = mapping_names[static_cast<std::size_t>(path)];
    price p;
    p.name =
        fmt::format("{} CPU {} to CPU {}, {}", name, from, to, synchronizes ? joined(machine.across().executor) : "po");
    p.state = synchronizes ? "synchronizes" : "runs";
    p.group = "propagation";
    p.meaning = fmt::format("from in front of the store until the new code has run; {}", nearness(from, to));
    p.mapping = name;
    p.from = static_cast<int>(from);
    p.to = static_cast<int>(to);
    p.begin = [s, from, to] {
        if (s->never) throw std::runtime_error("the new code did not arrive within a second");
        if (!s->known) s->offset = offset_between(from, to);
        s->known = true;
        platform::pin(from);
        const std::array<unsigned, 1> cpu = {to};
        s->present = false;
        s->beside = std::make_unique<company>(cpu, [s](unsigned, const std::atomic<bool>& stop) { s->execute(stop); });
        while (!s->present) platform::rest();
    };
    p.end = [s] { s->beside.reset(); };
    p.sample = [s, watch = machine.context().watch](std::vector<double>& samples) {
        for (double& v : samples) {
            s->code.choose(*s->writer_frame, ++s->generation);
            const std::uint32_t wanted = s->code.token_of(s->generation);
            const std::uint64_t begin = watch.read();
            s->writer(s->writer_frame->words.data());
            if (!spin_until([&] { return s->code.seen().load(std::memory_order_acquire) == wanted; })) {
                s->never = true;
                throw std::runtime_error("the new code did not arrive within a second");
            }
            v = watch.between(begin, s->code.seen_at().load(std::memory_order_relaxed)) - s->offset.ns;
            spin(s->generation * 7 % 512);  // the executor is met at every phase of its loop
        }
    };
    return p;
}

void print_matrix(const measurement& m, const std::vector<priced>& prices, std::string_view path,
                  std::string_view state) {
    fmt::print("\nmedian by mapping {}, an executor that {}: from the row's CPU to the column's\n{:>6}", path, state,
               "");
    for (const unsigned to : m.cpus()) fmt::print("{:>11}", to);
    for (const unsigned from : m.cpus()) {
        fmt::print("\n{:>6}", from);
        for (const unsigned to : m.cpus()) {
            std::string text = "·";
            for (const priced& p : prices)
                if (p.of->mapping == path && p.of->state == state && p.of->from == static_cast<int>(from) &&
                    p.of->to == static_cast<int>(to))
                    text = p.failure.empty() ? in_time_units(p.ns.median) : "never";
            fmt::print("{:>11}", text);
        }
    }
    fmt::print("\n");
}

}  // namespace

int sweep_propagation(const measure_arguments& arguments) {
    measurement m(arguments, 30);
    if (m.cpus().size() < 2) {
        fmt::print(stderr, "cmodx: sweep propagation needs two CPUs\n");
        return exit_nothing;
    }
    const sweep_machine machine(m);
    std::vector<std::pair<unsigned, unsigned>> pairs;
    for (const unsigned from : m.cpus())
        for (const unsigned to : m.cpus())
            if (from != to) pairs.emplace_back(from, to);
    random_source random(m.seed());
    while (pairs.size() > most_pairs) {
        pairs[random.below(static_cast<std::uint32_t>(pairs.size()))] = pairs.back();
        pairs.pop_back();
    }
    price_list list;
    // Without steps of the executor, which may never see it, and with those that suffice.
    for (const mapping path : {mapping::same, mapping::alias})
        for (const bool synchronizes : {false, true})
            for (const auto& [from, to] : pairs)
                if (m.here().value(fmt::format("mapping_{}", mapping_names[static_cast<std::size_t>(path)])) == "1")
                    list.push_back(pair_price(machine, path, synchronizes, from, to));
    sampling how;
    how.samples = arguments.samples;
    how.rounds = rounds_of(arguments.samples);
    how.seed = m.seed();
    const std::uint64_t begin = platform::nanoseconds();
    how.go_on = [&](std::size_t done, std::size_t all) {
        return m.go_on("pairs of CPUs", static_cast<double>(done) / static_cast<double>(all)) &&
               (done == 0 || platform::nanoseconds() - begin < m.budget_ns());
    };
    const std::vector<priced> prices = take_samples(list, how);
    for (const priced& p : prices) m.add(p);
    print_prices(m, prices);
    if (!m.csv())
        for (const std::string_view path : {"same", "alias"})
            for (const std::string_view state : {"runs", "synchronizes"}) print_matrix(m, prices, path, state);
    return m.finish();
}

}  // namespace cmodx
