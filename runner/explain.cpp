// SPDX-License-Identifier: Apache-2.0
#include "runner/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runner/commands.hpp"
#include "runner/given_facts.hpp"
#include "runner/listing.hpp"
#include "runner/verdict.hpp"

namespace cmodx {
namespace {

using lines = std::vector<std::string>;

constexpr std::size_t code_room = 16384;  // bytes: the longest stub or site
constexpr std::size_t most_listed = 64;   // bytes of a site, or those that are modified: then come landing pads

// The rulings that differ from `base`, in words.
std::string changed_text(const std::vector<ruled_witness>& base, const std::vector<ruled_witness>& now,
                         std::string_view facts) {
    std::string text;
    for (std::size_t i = 0; i < now.size(); ++i) {
        const judgement& j = now[i].ruling;
        if (j.ruling == base[i].ruling.ruling && j.strength == base[i].ruling.strength) continue;
        text += fmt::format("    with {}: {} {}, {}: {}\n      {}\n", facts,
                            witness_names[static_cast<std::size_t>(now[i].what)],
                            verdict_names[static_cast<std::size_t>(j.ruling)],
                            basis_names[static_cast<std::size_t>(j.strength)], j.reason, j.source);
    }
    return text;
}

// What becomes of the verdict when a condition of the rules is known to hold, or, of one that holds of a machine of
// which nothing is known, when it does not. A condition that says no more than a part of it did is passed over.
std::string conditions_text(const test_case& t, const std::vector<ruled_witness>& base) {
    std::string text;
    std::vector<std::pair<std::vector<fact>, std::string>> told;
    for (const std::string_view when : conditions_of(*t.on)) {
        std::vector<fact> facts;
        std::string words;
        for (const fact_term& term : terms_of(when)) {
            facts.push_back({term.key, term.value});
            words += fmt::format("{}{}={}", words.empty() ? "" : ",", term.key, term.value);
        }
        const auto same = [](const fact& a, const fact& b) { return a.key == b.key && a.value == b.value; };
        const std::vector<ruled_witness>* before = &base;
        std::vector<ruled_witness> part;
        for (const auto& [known, changes] : told) {
            const bool within = std::all_of(known.begin(), known.end(), [&](const fact& k) {
                return std::any_of(facts.begin(), facts.end(), [&](const fact& f) { return same(f, k); });
            });
            if (!within) continue;
            part = rule(t, known);
            before = &part;
        }
        std::string changes = changed_text(*before, rule(t, facts), words);
        if (changes.empty()) continue;
        text += changes;
        told.emplace_back(std::move(facts), std::move(changes));
    }
    return text;
}

// A shape that is a program of its own: what it comes to, as it is judged.
std::vector<lines> scripted_columns(const test_case& t) {
    std::vector<lines> columns = {{"T0", "store x"}};
    for (const std::string_view name : performed(t, 0)) columns[0].emplace_back(name);
    if (!t.one_thread()) {
        const bool hands_over = t.form->between != relation::concurrent;
        if (hands_over) columns[0].emplace_back("hand over");
        columns.push_back({"T1"});
        if (hands_over) columns[1].emplace_back("take over");
        for (const std::string_view name : performed(t, 1)) columns[1].emplace_back(name);
    }
    columns.back().emplace_back("fetch x");
    return columns;
}

std::vector<std::uint8_t> assembled(auto&& emit) {
    std::vector<std::uint8_t> bytes(code_room);
    code_buffer code{bytes.data(), bytes.size()};
    emit(code);
    bytes.resize(std::min(code.size, bytes.size()));
    return bytes;
}

}  // namespace

std::string sketch_text(const test_case& t) {
    std::vector<lines> columns;
    if (t.form->programs.empty()) columns = scripted_columns(t);
    for (std::size_t i = 0; i < t.form->programs.size(); ++i) {
        columns.push_back({fmt::format("T{}", i)});
        for (const traced_part& p : trace(t, i, {.gap = 1, .jump = t.on->isa.granule}).parts)
            if (!p.frame) columns.back().push_back(p.of);
    }
    std::size_t rows = 0;
    for (const lines& column : columns) rows = std::max(rows, column.size());
    std::string text;
    for (std::size_t row = 0; row < rows; ++row) {
        std::string line;
        for (const lines& column : columns) {
            std::size_t width = 0;
            for (const std::string& cell : column) width = std::max(width, cell.size());
            line += fmt::format("  {:<{}}  ", row < column.size() ? column[row] : "", width);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string steps_text(const test_case& t) {
    std::vector<const step*> all;
    for (const auto* steps : {&t.writer, &t.executor})
        for (const step* s : *steps)
            if (std::find(all.begin(), all.end(), s) == all.end()) all.push_back(s);
    std::size_t width = 0;
    for (const step* s : all) width = std::max(width, s->name.size());
    std::string text;
    for (const step* s : all) text += fmt::format("  {:<{}}  {}\n", s->name, width, s->meaning);
    return text;
}

std::string site_text(const test_case& t) {
    const architecture& isa = t.on->isa;
    const site_layout& site = *t.site;
    const std::vector<std::uint8_t> before = assembled(site.emit);
    const std::vector<std::uint8_t> patch = assembled([&](code_buffer& c) { site.emit_patch(c, 1); });
    std::vector<std::uint8_t> after = before;
    std::copy(patch.begin(), patch.end(), after.begin() + site.patch);
    const bool t32 = site.state != 0;
    const std::size_t begin = std::min(site.entry, site.patch);
    const std::size_t modified = site.patch + std::size_t{site.patch_size};
    const std::size_t end = std::min<std::size_t>(site.size, std::max(begin + most_listed, modified));
    std::string text =
        "  old\n" + listing(isa, {.code = before, .begin = begin, .end = end, .other = after, .t32 = t32});
    text += "  new\n" + listing(isa, {.code = after, .begin = begin, .end = modified, .other = before, .t32 = t32});
    if (end < site.size) text += fmt::format("  and {} bytes more, which do not change\n", site.size - end);
    return text;
}

std::string stub_text(const test_case& t, std::size_t thread) {
    const traced_stub stub = t.form->programs.empty() ? trace_steps(t, thread) : trace(t, thread);
    return listing(t.on->isa, {.code = stub.code, .begin = 0, .end = stub.code.size(), .parts = stub.parts});
}

std::string verdicts_text(const test_case& t) {
    std::string text;
    for (const known_architecture& on : architectures) {
        test_case there;
        const std::optional<name_error> error = parse_name(on, t.name, there);
        if (error) {
            text += fmt::format("{}: {}\n", on.isa.name, error->message);
            continue;
        }
        const std::vector<ruled_witness> rulings = rule(there, {});
        text += fmt::format("{}{}\n", on.isa.name,
                            must_be_exclusive(there, {}) ? "; nobody runs the site while it is modified" : "");
        text += rulings_text(rulings) + conditions_text(there, rulings);
    }
    return text;
}

std::string explain_text(const test_case& t) {
    const site_layout& site = *t.site;
    std::array<std::uint8_t, code_room> room;
    std::string text = fmt::format("{}\n{}: {}\n\n{}\n", t.name, t.form->name, t.form->meaning, sketch_text(t));
    if (const std::string steps = steps_text(t); !steps.empty()) text += "steps\n" + steps + "\n";
    text += fmt::format("site {}: {}; {} bytes are modified\n", site.name, site.meaning, site.patch_size);
    if (t.at.boundary != 0)
        text += fmt::format("  {} of them in front of a multiple of {}\n", t.at.before, t.at.boundary);
    text += listing_remark(t.on->isa) + site_text(t) + "\n";
    for (std::size_t i = 0; i < t.form->programs.size(); ++i)
        text += fmt::format("T{} as {} code\n{}\n", i, t.on->isa.name, stub_text(t, i));
    if (t.form->programs.empty())
        for (std::size_t i = 0; i < (t.one_thread() ? 1u : 2u); ++i)
            if (const std::string code = stub_text(t, i); !code.empty())
                text += fmt::format("steps of T{} as {} code\n{}\n", i, t.on->isa.name, code);
    text += fmt::format("hash of the code {:016x}\n\n", hash_of(t.parts(), room));
    text += "verdicts, nothing being known of the machine\n" + verdicts_text(t);
    return text;
}

int explain(const explain_arguments& arguments) {
    const known_architecture& first = architecture_named(arguments.architecture);
    test_case t;
    std::optional<name_error> error = parse_name(first, arguments.name, t);
    if (error && arguments.architecture.empty())
        for (const known_architecture& other : architectures)
            if (!parse_name(other, arguments.name, t)) {
                error.reset();
                break;
            }
    if (error) throw usage_error(describe(arguments.name, *error));
    fmt::print("{}", explain_text(t));
    return exit_conformant;
}

}  // namespace cmodx
