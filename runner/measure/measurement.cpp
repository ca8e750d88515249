// SPDX-License-Identifier: Apache-2.0
#include "runner/measure/measurement.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>

#include "runner/built.hpp"
#include "runner/commands.hpp"
#include "runner/document.hpp"
#include "runner/measure/clock.hpp"

namespace cmodx {
namespace {

std::atomic<bool> stop_asked{false};

double load_average() {
    double load = 0;
    std::ifstream in("/proc/loadavg");
    in >> load;
    return in ? load : -1;
}

std::string line_of(const std::string& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

// What the times depend on beside the CPU; "unknown" where the kernel does not say.
json conditions(const environment& here, unsigned cpu) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}", cpu);
    const auto known = [](const std::string& text) { return text.empty() ? std::string("unknown") : text; };
    json c;
    c["emulator"] = emulator_here(here).empty() ? json() : json(emulator_here(here));
    c["governor"] = known(line_of(folder + "/cpufreq/scaling_governor"));
    c["frequency_khz"] = known(line_of(folder + "/cpufreq/scaling_cur_freq"));
    c["idle_driver"] = known(line_of("/sys/devices/system/cpu/cpuidle/current_driver"));
    c["load_before"] = load_average();
    return c;
}

std::string link_target(const char* path) {
    std::array<char, 512> text{};
    const ssize_t size = readlink(path, text.data(), text.size() - 1);
    return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

}  // namespace

// User-mode emulators answer for /proc/self/exe with the guest's program, and overlook /proc/thread-self.
std::string emulator_here(const environment& here) {
    const std::string host = link_target("/proc/thread-self/exe");
    const std::string guest = link_target("/proc/self/exe");
    if (!host.empty() && !guest.empty() && host != guest) return host.substr(host.rfind('/') + 1);
    if (here.value("hypervisor_signature").starts_with("TCG")) return "QEMU's TCG";
    return {};
}

measurement::measurement(const measure_arguments& arguments, double seconds)
    : arguments_(arguments), here_(probe_environment()), seconds_(arguments.seconds > 0 ? arguments.seconds : seconds) {
    if (arguments.format != "table" && arguments.format != "csv")
        throw usage_error(fmt::format("--format: '{}' is neither table nor csv", arguments.format));
    try {
        if (!arguments.output.empty()) require_writable(arguments.output);
    } catch (const std::runtime_error& e) {
        throw usage_error(e.what());
    }
    cpus_ = parse_cpus(arguments.cpus, here_.cpus);
    seed_ = parse_seed(arguments.seed);
    shown_ = isatty(STDERR_FILENO) == 1;
    begin_ = platform::nanoseconds();
    json facts = json::object();
    for (const auto& [key, value] : here_.facts) facts[key] = value;
    const clock_rate& clock = the_clock();
    document_ = std::make_unique<json>(json{{"schema", "cmodx-measurement/1"},
                                            {"tool", {{"name", "cmodx"}, {"version", version}, {"commit", commit}}},
                                            {"machine", {{"architecture", target_name()}, {"name", arguments.machine}}},
                                            {"facts", facts},
                                            {"what", arguments.what},
                                            {"seed", seed_},
                                            {"cpus", cpus_},
                                            {"clock",
                                             {{"name", clock.name()},
                                              {"ns_per_tick", clock.ns_per_tick},
                                              {"cycles", clock.counter && target::ticks_are_cycles},
                                              {"resolution_ns", clock.resolution_ns}}},
                                            {"conditions", conditions(here_, cpus_[0])},
                                            {"command", arguments.command},
                                            {"start", utc_now()},
                                            {"prices", json::array()},
                                            {"cells", json::array()},
                                            {"curves", json::array()},
                                            {"claims", json::array()},
                                            {"findings", json::array()}});
    stop_asked = false;
    signal(SIGINT, [](int) { stop_asked = true; });
    signal(SIGTERM, [](int) { stop_asked = true; });
}

measurement::~measurement() {
    if (shown_) fmt::print(stderr, "\r\033[K");
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

bool measurement::interrupted() const { return stop_asked.load(); }

bool measurement::go_on(std::string_view what, double share) {
    const std::uint64_t now = platform::nanoseconds();
    if (shown_ && now - last_shown_ > 200'000'000) {
        last_shown_ = now;
        const double elapsed = static_cast<double>(now - begin_) * 1e-9;
        const std::string left = share > 0.01 ? fmt::format("{:.0f} s left", elapsed / share - elapsed) : "";
        fmt::print(stderr, "\r\033[K{:3.0f} %  {}  {}", 100 * share, what, left);
    }
    return !stop_asked.load();
}

void measurement::add(const priced& p) {
    const price& of = *p.of;
    json j = {{"name", of.name}, {"group", of.group}, {"meaning", of.meaning}};
    if (!of.mapping.empty()) j["mapping"] = of.mapping;
    if (!of.state.empty()) j["state"] = of.state;
    if (of.executors >= 0) j["executors"] = of.executors;
    if (of.from >= 0) j["from_cpu"] = of.from;
    if (of.to >= 0) j["to_cpu"] = of.to;
    if (!p.failure.empty()) {
        j["failure"] = p.failure;
    } else {
        const distribution& d = p.ns;
        j["n"] = d.n;
        j["repeats"] = of.repeats;
        j["subtracted_ns"] = p.subtracted;
        j["median_ns"] = d.median;
        if (d.of_median) {
            j["median_low_ns"] = d.of_median->low;
            j["median_high_ns"] = d.of_median->high;
        }
        j["min_ns"] = d.min;
        j["p90_ns"] = d.p90;
        j["p99_ns"] = d.p99;
        j["p999_ns"] = d.p999;
        j["max_ns"] = d.max;
        json bins = json::array();
        for (std::size_t b = 0; b < d.bins.size(); ++b)
            if (d.bins[b] != 0) bins.push_back({{"from_ns", b == 0 ? 0.0 : bin_begin(b)}, {"count", d.bins[b]}});
        j["histogram"] = std::move(bins);
    }
    (*document_)["prices"].push_back(std::move(j));
}

void measurement::add_cell(std::string_view map, const std::vector<std::pair<std::string_view, std::int64_t>>& at,
                           const cell_counts& counts) {
    json place = json::object();
    for (const auto& [key, value] : at) place[std::string(key)] = value;
    const interval rate = rate_interval(counts.seen(), counts.executions);
    (*document_)["cells"].push_back({{"map", map},
                                     {"at", place},
                                     {"executions", counts.executions},
                                     {"stores", counts.stores},
                                     {"torn", counts.torn},
                                     {"mixed", counts.mixed},
                                     {"low", rate.low},
                                     {"high", rate.high},
                                     {"seconds", static_cast<double>(counts.nanoseconds) * 1e-9}});
}

void measurement::add_cell(std::string_view map, const std::vector<std::pair<std::string_view, std::int64_t>>& at,
                           const cell_counts& counts, double nanoseconds) {
    add_cell(map, at, counts);
    (*document_)["cells"].back()["cost_ns"] = nanoseconds;
}

void measurement::add_curve(std::string_view curve, std::string_view name, axis x, axis y,
                            const std::vector<curve_point>& points, std::string_view source) {
    json all = json::array();
    for (const curve_point& p : points) {
        json& j = all.emplace_back(json{{"x", p.x}, {"y", p.y}, {"n", p.n}});
        if (p.range) {
            j["low"] = p.range->low;
            j["high"] = p.range->high;
        }
    }
    json j = {{"curve", curve},          {"name", name}, {"x", x.name},
              {"x_unit", x.unit},        {"y", y.name},  {"y_unit", y.unit},
              {"points", std::move(all)}};
    if (!source.empty()) j["source"] = source;
    (*document_)["curves"].push_back(std::move(j));
}

void measurement::add_finding(std::string_view name, std::string_view text) {
    (*document_)["findings"].push_back({{"name", name}, {"text", text}});
    if (!csv()) fmt::print("{}\n", text);
}

void measurement::add_claim(std::string_view claim, std::string_view source, std::string_view price,
                            std::string_view measured) {
    (*document_)["claims"].push_back({{"claim", claim}, {"source", source}, {"price", price}, {"measured", measured}});
}

int measurement::finish() {
    if (shown_) fmt::print(stderr, "\r\033[K");
    (*document_)["conditions"]["load_after"] = load_average();
    const double took = static_cast<double>(platform::nanoseconds() - begin_) * 1e-9;
    (*document_)["duration_s"] = took;
    (*document_)["complete"] = !interrupted();
    if (!arguments_.output.empty()) write_whole(arguments_.output, document_->dump(1) + "\n");
    if (!csv()) {
        const json& c = (*document_)["conditions"];
        if (const std::string emulator = emulator_here(here_); !emulator.empty())
            fmt::print("These are the times of {}, an emulator; no CPU has them.\n", emulator);
        fmt::print("{} on {}, commit {}, seed {}, {:.0f} s, load {:.1f} before and {:.1f} after{}\n", arguments_.what,
                   arguments_.machine, commit, seed_, took, c["load_before"].get<double>(),
                   c["load_after"].get<double>(), interrupted() ? "; interrupted" : "");
    }
    return interrupted() ? exit_violation : exit_conformant;
}

}  // namespace cmodx
