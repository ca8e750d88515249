// SPDX-License-Identifier: Apache-2.0
#include "runner/commands.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <unordered_set>

#include "runner/document.hpp"
#include "runner/isolate.hpp"
#include "runner/report.hpp"
#include "runner/selftest.hpp"
#include "runner/subject.hpp"

namespace cmodx {
namespace {

std::atomic<int> interrupted{0};

void interrupt(int signal) {
    interrupted.store(signal);
    kill_isolated();
}

// How far, how fast, how long still; on standard error, and only for a person.
class progress {
  public:
    explicit progress(std::size_t tests) : tests_(tests), shown_(isatty(STDERR_FILENO) == 1) {}
    void step(const std::string& name) {
        ++done_;
        if (!shown_) return;
        const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
        const double left =
            elapsed / static_cast<double>(done_) * static_cast<double>(tests_ - std::min(done_, tests_));
        fmt::print(stderr, "\r\033[K[{}/{}] {:.1f} tests/s, {:.0f} s left  {:.60}", done_, tests_,
                   static_cast<double>(done_) / std::max(elapsed, 1e-3), left, name);
    }
    void clear() const {
        if (shown_) fmt::print(stderr, "\r\033[K");
    }

  private:
    std::size_t tests_;
    std::size_t done_ = 0;
    bool shown_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

status status_named(const json& record) {
    const std::string name = record["status"];
    const auto* found = std::find(std::begin(status_names), std::end(status_names), name);
    return found == std::end(status_names) ? status::error : static_cast<status>(found - std::begin(status_names));
}

bool is_gating(const json& witness) {
    const auto* name = std::find(std::begin(basis_names), std::end(basis_names), witness["basis"].get<std::string>());
    return witness["verdict"] == "forbidden" && gates(static_cast<basis>(name - std::begin(basis_names)));
}

// For a test that is known to fail: conformant exactly when each fails by one of these witnesses, and by no other, or
// by the crash or timeout that is named.
int judge_expected(const std::vector<json>& records, const std::vector<std::string>& witnesses) {
    bool ran = false;
    for (const json& r : records) {
        if (r["status"] == "skip") continue;
        ran = true;
        const auto named = [&](const json& word) {
            return std::find(witnesses.begin(), witnesses.end(), word.get<std::string>()) != witnesses.end();
        };
        bool as_expected = r["status"] == "fail" || named(r["status"]);
        for (const json& w : r["witnesses"])
            if (w["k"] != 0 && is_gating(w)) as_expected &= named(w["witness"]);
        if (as_expected) continue;
        fmt::print(stderr, "cmodx: {}: expected to fail, came out {}\n", r["name"].get<std::string>(),
                   r["status"].get<std::string>());
        return exit_violation;
    }
    return ran ? exit_conformant : exit_nothing;
}

// For self-tests: conformant exactly when each came to what it has to.
int judge_selftests(const std::vector<json>& records, const std::vector<const test_case*>& tests) {
    int code = records.empty() ? exit_nothing : exit_conformant;
    for (const json& r : records) {
        const auto found =
            std::find_if(tests.begin(), tests.end(), [&](const auto* t) { return t->name == r["name"]; });
        if (found == tests.end()) continue;  // of a file that --resume has named
        const right_end right = *right_end_of(*(*found)->form);
        const std::string status = r["status"];
        const std::string reason = r.value("reason", "");
        if (status == "skip" && reason.starts_with("not here: ")) continue;
        if (status == right.status && reason.find(right.reason) != std::string::npos) continue;
        fmt::print(stderr, "cmodx: {}: has to come out {} ({}), came out {} ({})\n", (*found)->name, right.status,
                   right.reason, status, reason);
        code = exit_violation;
    }
    return code;
}

void load(const std::vector<std::string>& subjects) {
    for (const std::string& file : subjects) {
        if (linked_subjects() == nullptr || linked_subjects()->load == nullptr)
            throw usage_error("--subject: this binary is static; cmodx_subject loads shared objects");
        if (const std::string why = linked_subjects()->load(file); !why.empty())
            throw usage_error(fmt::format("--subject {}: {}", file, why));
    }
}

// Without globs, a binary with subjects in it is about them.
std::vector<test_case> tests_for(const known_architecture& on, const std::vector<std::string>& globs) {
    if (asks_for_selftests(globs)) return selftests(on);
    std::vector<test_case> all = subject_tests(on);
    if (!all.empty() && globs.empty()) return all;
    std::vector<test_case> suite = catalogue(on);
    suite.insert(suite.end(), std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
    return suite;
}

}  // namespace

const known_architecture& architecture_named(const std::string& name) {
    const known_architecture* found = find_architecture(name.empty() ? target_name() : std::string_view(name));
    if (found != nullptr) return *found;
    std::string all;
    for (const known_architecture& a : architectures) all += fmt::format(" {}", a.isa.name);
    throw usage_error(fmt::format("unknown architecture '{}'; accepted are{}", name, all));
}

int list_tests(const list_arguments& arguments) {
    const known_architecture& on = architecture_named(arguments.architecture);
    load(arguments.subjects);
    const std::vector<test_case> all =
        arguments.bare ? bare_tests_for(on, arguments.globs) : tests_for(on, arguments.globs);
    const std::vector<const test_case*> tests = select(all, arguments.globs);
    if (arguments.as_json) {
        json list = json::array();
        const environment here = probe_environment();
        const std::vector<fact> facts = here.as_facts();
        for (const test_case* t : tests) {
            json j = test_json(*t);
            j["architecture"] = t->on->isa.name;
            // The verdicts for this machine, so that CTest's list of known failures names only what is forbidden.
            if (t->on->isa.name == target_name()) {
                json rulings = json::array();
                for (const ruled_witness& w : rule(*t, facts))
                    rulings.push_back({{"witness", witness_names[static_cast<std::size_t>(w.what)]},
                                       {"verdict", verdict_names[static_cast<std::size_t>(w.ruling.ruling)]},
                                       {"basis", basis_names[static_cast<std::size_t>(w.ruling.strength)]}});
                j["witnesses"] = std::move(rulings);
            }
            if (const right_end* right = right_end_of(*t->form); right != nullptr)
                j["right"] = {{"status", right->status}, {"reason", right->reason}};
            list.push_back(std::move(j));
        }
        fmt::print("{}\n", list.dump(1));
    } else {
        for (const test_case* t : tests) fmt::print("{}\n", t->name);
    }
    return exit_conformant;
}

int run_selected(const run_arguments& arguments) {
    const environment here = probe_environment();
    run_header header = {.machine = arguments.machine, .start = utc_now(), .command = arguments.command, .options = {}};
    run_options& options = header.options;
    if (!parse_budget(arguments.budget, options.per_test))
        throw usage_error(fmt::format(
            "--budget: '{}' is none of quick, default, soak, or a time such as 500ms, 2s, 5m, 1h", arguments.budget));
    options.time_scale = arguments.time_scale;
    options.cpus = parse_cpus(arguments.cpus, here.cpus);
    for (const std::string& w : arguments.expect_fail)
        if (std::find(std::begin(witness_names), std::end(witness_names), w) == std::end(witness_names) &&
            w != "crash" && w != "timeout")
            throw usage_error(fmt::format("--expect-fail: unknown witness '{}'; accepted are {} crash timeout", w,
                                          fmt::join(witness_names, " ")));
    const std::unique_ptr<report> shown = make_report(arguments.format);
    if (shown == nullptr)
        throw usage_error(
            fmt::format("--format: '{}' is none of {}", arguments.format, fmt::join(report_formats, " ")));

    load(arguments.subjects);
    const std::vector<test_case> all = tests_for(architecture_named(""), arguments.globs);
    std::vector<const test_case*> tests = select(all, arguments.globs);
    const std::vector<const test_case*> selected = tests;
    json described;
    std::optional<document_writer> document;
    try {
        const earlier_run earlier(arguments.resume);
        options.seed = parse_seed(arguments.seed.empty() ? earlier.seed() : arguments.seed);
        described = header_json(header, here);
        document.emplace(arguments.output, described, earlier.records_for(described));
    } catch (const std::runtime_error& e) {
        throw usage_error(e.what());
    }
    std::unordered_set<std::string> there;
    for (const json& r : document->records()) there.insert(r["name"]);
    std::erase_if(tests, [&](const test_case* t) { return there.contains(t->name); });

    struct sigaction sa = {};
    sa.sa_handler = interrupt;
    sa.sa_flags = SA_RESTART;  // what is being written is written whole
    for (const int s : {SIGINT, SIGTERM, SIGHUP}) sigaction(s, &sa, nullptr);
    for (const int s : {SIGPIPE, SIGXFSZ}) signal(s, SIG_IGN);  // a write that fails says so
    const auto begin = std::chrono::steady_clock::now();
    const auto elapsed = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    shown->begin(tests.size() + there.size(), described);
    for (const json& r : document->records()) shown->add(r);
    progress bar(tests.size());
    std::unordered_set<const test_case*> done;
    run_tests(
        tests, here, options,
        [&](const record& r) {
            const json j = record_json(r);
            bar.clear();
            document->add(j);
            shown->add(j);
            done.insert(r.of);
            bar.step(r.of->name);
        },
        [] { return interrupted.load() != 0; });
    bar.clear();
    const bool complete = done.size() == tests.size();
    for (const test_case* t : tests)
        if (!done.contains(t)) {
            const record never = {
                .of = t,
                .outcome = {.is = status::missing, .reason = "the run was broken off", .witnesses = {}},
                .result = {},
                .complaint = {}};
            document->add(record_json(never));
            shown->add(document->records().back());
        }
    document->finish(elapsed(), complete);
    shown->end(elapsed());
    if (asks_for_selftests(arguments.globs)) return judge_selftests(document->records(), selected);
    if (!arguments.expect_fail.empty()) return judge_expected(document->records(), arguments.expect_fail);
    std::vector<status> statuses;
    for (const json& r : document->records()) statuses.push_back(status_named(r));
    return exit_code(statuses);
}

int show_facts(bool as_json) {
    const environment here = probe_environment();
    json j = json::object();
    for (const auto& [key, value] : here.facts) {
        j[key] = value;
        if (!as_json) fmt::print("{:<24} {}\n", key, value);
    }
    if (as_json) fmt::print("{}\n", j.dump(1));
    return exit_conformant;
}

}  // namespace cmodx
