// SPDX-License-Identifier: Apache-2.0
// A run and its tests as JSON, the same on every platform.
#include "runner/record.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runner/built.hpp"
#include "runner/isolate.hpp"
#include "runner/subject.hpp"

namespace cmodx {
namespace {

json hex(std::uint64_t value) { return fmt::format("{:016x}", value); }

json first_json(const first_witness& f) {
    json j = {{"witness", outcome_names[static_cast<std::size_t>(f.what)]}, {"flag", f.flag}};
    j["observed"] = f.observed;
    std::string bytes;
    for (std::size_t i = 0; i < f.bytes_size; ++i) bytes += fmt::format("{:02x}", f.bytes[i]);
    j["bytes"] = bytes;
    if (f.signal != 0) {
        j["signal"] = signal_name(f.signal);
        j["pc_offset"] = static_cast<std::int64_t>(f.address_offset);
    }
    return j;
}

}  // namespace

json header_json(const run_header& h, const environment& here) {
    json facts = json::object();
    for (const auto& [key, value] : here.facts) facts[key] = value;
    return {{"schema", "cmodx-result/1"},
            {"tool", {{"name", "cmodx"}, {"version", version}, {"commit", commit}}},
            {"machine", {{"architecture", target_name()}, {"name", h.machine}}},
            {"facts", facts},
            {"seed", h.options.seed},
            {"budget",
             {{"name", h.options.per_test.name},
              {"seconds_per_test", h.options.per_test.seconds},
              {"time_scale", h.options.time_scale}}},
            {"command", h.command},
            {"start", h.start}};
}

json test_json(const test_case& t) {
    json j = {{"name", t.name}, {"shape", t.form->name}, {"site", t.site->name}};
    if (t.at.boundary != 0) j["at"] = fmt::format("{}-{}", t.at.boundary, t.at.before);
    j["mapping"] = mapping_names[static_cast<std::size_t>(t.path)];
    if (is_subject(*t.form)) {
        j["site"] = linked_subjects()->site(*t.form);
        j["mapping"] = own_mapping;
    }
    j["writer"] = names_of(t.writer);
    j["executor"] = names_of(t.executor);
    j["origin"] = origin_names[static_cast<std::size_t>(t.from)];
    if (t.from == origin::twin) {
        j["twin_of"] = t.twin_of;
        j["omits"] = {{"thread", t.omits_writer ? "writer" : "executor"}, {"step", t.omits}};
    }
    return j;
}

json record_json(const record& r) {
    json j = test_json(*r.of);
    const tally& c = r.result.counts;
    j["code_hash"] = hex(r.code_hash);
    j["trials"] = c.rounds;
    j["fresh"] = c.fresh;
    json counted = json::object();
    for (std::size_t i = 0; i < outcomes; ++i)
        if (c.count[i] != 0) counted[std::string(outcome_names[i])] = c.count[i];
    j["outcomes"] = counted;
    j["evidence"] = {{"writes", c.writes},
                     {"transitions", c.transitions},
                     {"batches", r.result.batches},
                     {"observers", r.result.observers},
                     {"yields", c.yields},
                     {"voluntary_switches", c.voluntary_switches},
                     {"involuntary_switches", c.involuntary_switches}};
    j["sequence_hash"] = hex(r.result.sequence_hash);
    j["arrangement_hash"] = hex(r.result.arrangement_hash);
    json seen = json::array();
    for (const counted_witness& w : r.outcome.witnesses) {
        const judgement& ruling = w.ruled.ruling;
        seen.push_back({{"witness", witness_names[static_cast<std::size_t>(w.ruled.what)]},
                        {"k", w.k},
                        {"n", w.n},
                        {"upper95", w.upper95 ? json(*w.upper95) : json()},
                        {"verdict", verdict_names[static_cast<std::size_t>(ruling.ruling)]},
                        {"basis", basis_names[static_cast<std::size_t>(ruling.strength)]},
                        {"source", ruling.source},
                        {"reason", ruling.reason}});
    }
    j["witnesses"] = seen;
    j["status"] = status_names[static_cast<std::size_t>(r.outcome.is)];
    if (!r.outcome.reason.empty()) j["reason"] = r.outcome.reason;
    if (!r.complaint.empty()) j["stderr"] = r.complaint;
    if (c.first.present) j["first"] = first_json(c.first);
    j["duration_s"] = r.seconds;
    const double busy = static_cast<double>(r.result.busy_nanoseconds) * 1e-9;
    j["rate_hz"] = busy > 0 ? static_cast<double>(c.rounds) / busy : 0.0;
    j["seed"] = r.seed;
    return j;
}

}  // namespace cmodx
