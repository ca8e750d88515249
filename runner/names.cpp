// SPDX-License-Identifier: Apache-2.0
// Names of tests: derived, parsed, and put right when they are mistyped.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "arch/verdict.hpp"
#include "runner/catalogue.hpp"
#include "runner/subject.hpp"

namespace cmodx {
namespace {

std::string joined(const std::vector<const step*>& steps) {
    if (steps.empty()) return "po";
    std::string text;
    for (const step* s : steps) {
        if (!text.empty()) text += '-';
        text += s->name;
    }
    return text;
}

struct piece {
    std::size_t position;
    std::string_view text;
};

std::vector<piece> split(std::string_view text, char at, std::size_t offset) {
    std::vector<piece> pieces;
    std::size_t begin = 0;
    for (;;) {
        const std::size_t end = text.find(at, begin);
        pieces.push_back({offset + begin, text.substr(begin, end - begin)});
        if (end == std::string_view::npos) return pieces;
        begin = end + 1;
    }
}

// The element of `range` with that name, or an error that names the nearest one.
template <class Range, class Name>
auto find_named(const Range& range, Name name_of_element, piece wanted, std::string_view kind, name_error& error) {
    for (const auto& element : range)
        if (name_of_element(element) == wanted.text) return &element;
    std::vector<std::string> accepted;
    for (const auto& element : range) accepted.emplace_back(name_of_element(element));
    const std::string guess = nearest(wanted.text, accepted);
    error = {wanted.position, wanted.text.empty()
                                  ? fmt::format("a {} is missing, such as '{}'", kind, guess)
                                  : fmt::format("unknown {} '{}'; did you mean '{}'?", kind, wanted.text, guess)};
    return static_cast<decltype(&*std::begin(range))>(nullptr);
}

bool has_step(const architecture& isa, std::string_view name) {
    return std::any_of(isa.steps.begin(), isa.steps.end(), [&](const step& s) { return s.name == name; });
}

// A step that is none here, but somewhere: the nearest word would lead astray.
std::optional<name_error> misplaced_step(const known_architecture& on, piece p) {
    if (p.text.empty()) return name_error{p.position, "a step is missing; 'po' alone stands for none"};
    if (p.text == "po") return name_error{p.position, "'po' stands for no step, and alone"};
    if (has_step(on.isa, p.text)) return std::nullopt;
    if (knows(*on.rules, p.text))
        return name_error{p.position, fmt::format("the rules know '{}', but there is no code for it", p.text)};
    for (const known_architecture& other : architectures)
        if (has_step(other.isa, p.text))
            return name_error{p.position,
                              fmt::format("'{}' is a step of {}, not of {}", p.text, other.isa.name, on.isa.name)};
    return std::nullopt;
}

bool parse_number(std::string_view text, unsigned& value) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc{} && end == text.data() + text.size();
}

std::optional<name_error> parse_placement(piece text, test_case& t) {
    const std::size_t dash = text.text.find('-');
    unsigned boundary = 0;
    unsigned before = 0;
    if (dash == std::string_view::npos || !parse_number(text.text.substr(0, dash), boundary) ||
        !parse_number(text.text.substr(dash + 1), before) || boundary < 8 || boundary > 4096 ||
        (boundary & (boundary - 1)) != 0 || before > 64 || before % granule_of(t.on->isa, *t.site) != 0)
        return name_error{text.position,
                          fmt::format("'{}' is no placement: a power of two from 8 to 4096, '-', and the bytes before "
                                      "it, at most 64 and a multiple of {}",
                                      text.text, granule_of(t.on->isa, *t.site))};
    t.at = {static_cast<std::uint16_t>(boundary), static_cast<std::uint8_t>(before)};
    return std::nullopt;
}

// Whether the shape has a place for steps of the writer, or of those who execute.
bool takes_steps(const shape& form, bool writer) {
    if (form.by_script != nullptr) return form.by_script->steps;
    if (writer) return form.takes_steps(0);
    for (std::size_t i = 1; i < form.programs.size(); ++i)
        if (form.takes_steps(i)) return true;
    return false;
}

// Steps that are no instructions, but say how the flag is stored behind them, or loaded in front of them. Where it is
// not, they would count for a verdict and change nothing in the code.
bool marks_nothing(const shape& form, bool writer, std::string_view step) {
    const bool release = step == "stlr" || step == "rel";
    if ((!release && step != "acq") || form.by_script != nullptr) return false;
    for (std::size_t i = writer ? 0 : 1; i < (writer ? 1 : form.programs.size()); ++i) {
        bool steps = false;
        bool loaded = false;
        for (const event& e : form.programs[i].events) {
            steps |= e.what == act::steps;
            loaded |= e.what == act::load_flag || e.what == act::load_code;
            if (release ? e.what == act::store_flag && steps : e.what == act::steps && loaded) return false;
        }
    }
    return true;
}

std::optional<name_error> parse_steps(const known_architecture& on, piece text, const shape& form, bool writer,
                                      std::vector<const step*>& steps) {
    steps.clear();
    if (text.text == "po") return std::nullopt;
    if (!takes_steps(form, writer))
        return name_error{text.position, "the shape has no place for steps here: 'po' alone stands for none"};
    for (const piece& p : split(text.text, '-', text.position)) {
        if (auto wrong = misplaced_step(on, p)) return wrong;
        name_error error;
        const step* s = find_named(
            on.isa.steps, [](const step& e) { return e.name; }, p, "step", error);
        if (s == nullptr) return error;
        if (marks_nothing(form, writer, p.text))
            return name_error{p.position, fmt::format("'{}' marks how a flag is {}, and there is none here", p.text,
                                                      p.text == "acq" ? "read" : "published")};
        steps.push_back(s);
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::string_view> names_of(step_sequence steps) {
    std::vector<std::string_view> names;
    for (const step* s : steps) names.push_back(s->name);
    return names;
}

std::string nearest(std::string_view word, const std::vector<std::string>& accepted) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    std::string best;
    std::size_t best_distance = SIZE_MAX;
    for (const std::string& candidate : accepted) {
        // Levenshtein, one row at a time, in halves: another case is half a fault.
        std::vector<std::size_t> row(candidate.size() + 1);
        for (std::size_t k = 0; k < row.size(); ++k) row[k] = 2 * k;
        for (const char c : word) {
            std::size_t diagonal = std::exchange(row[0], row[0] + 2);
            for (std::size_t k = 0; k < candidate.size(); ++k) {
                const char other = candidate[k];
                const std::size_t fault = c == other ? 0 : lower(c) == lower(other) ? 1 : 2;
                const std::size_t substituted = diagonal + fault;
                diagonal = row[k + 1];
                row[k + 1] = std::min({row[k + 1] + 2, row[k] + 2, substituted});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

std::string name_of(const test_case& t) {
    if (is_subject(*t.form)) return std::string(t.form->name);
    std::string site(t.site->name);
    if (t.at.boundary != 0) site += fmt::format("@{}-{}", t.at.boundary, t.at.before);
    std::string name = fmt::format("{}+{}+{}+{}", t.form->name, site, mapping_names[static_cast<std::size_t>(t.path)],
                                   joined(t.writer));
    if (!t.one_thread()) name += "+" + joined(t.executor);
    return name;
}

std::optional<name_error> parse_name(const known_architecture& on, std::string_view name, test_case& t) {
    t = {};
    t.on = &on;
    const std::vector<piece> fields = split(name, '+', 0);
    name_error error;
    for (const shape* s = shape_list(); s != nullptr && t.form == nullptr; s = s->next)
        if (s->name == fields[0].text) t.form = s;
    if (t.form == nullptr) {
        find_named(
            shapes(), [](const shape* s) { return s->name; }, fields[0], "shape", error);
        return error;
    }
    t.at = t.form->at;
    // Faults are told from left to right, so the count comes behind those of the parts that are there.
    const std::size_t wanted = t.one_thread() ? 4 : 5;
    const auto missing = [&](std::size_t part) { return fields.size() <= part; };
    const auto wrong_count = [&](std::size_t position) {
        return name_error{position, fmt::format("{} has {} parts, shape+site+mapping+writer{}, not {}", t.form->name,
                                                wanted, t.one_thread() ? "" : "+executor", fields.size())};
    };
    if (missing(1)) return wrong_count(name.size());
    const std::vector<piece> site = split(fields[1].text, '@', fields[1].position);
    t.site = find_named(
        on.isa.sites, [](const site_layout& s) { return s.name; }, site[0], "site", error);
    if (t.site == nullptr) return error;
    if (t.at == placement{}) t.at = t.site->at;
    if (site.size() > 1)
        if (auto wrong = parse_placement({site[1].position, fields[1].text.substr(site[0].text.size() + 1)}, t))
            return wrong;
    if (missing(2)) return wrong_count(name.size());
    const auto* path = find_named(
        mapping_names, [](std::string_view n) { return n; }, fields[2], "mapping", error);
    if (path == nullptr) return error;
    t.path = static_cast<mapping>(path - mapping_names);
    if (missing(3)) return wrong_count(name.size());
    if (auto wrong = parse_steps(on, fields[3], *t.form, true, t.writer)) return wrong;
    if (missing(wanted - 1)) return wrong_count(name.size());
    if (!t.one_thread())
        if (auto wrong = parse_steps(on, fields[4], *t.form, false, t.executor)) return wrong;
    if (fields.size() > wanted) return wrong_count(fields[wanted].position - 1);
    t.name = name_of(t);
    return std::nullopt;
}

}  // namespace cmodx
