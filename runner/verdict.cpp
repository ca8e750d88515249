// SPDX-License-Identifier: Apache-2.0
#include "runner/verdict.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "runner/commands.hpp"
#include "runner/environment.hpp"
#include "runner/given_facts.hpp"

namespace cmodx {
namespace {

using json = nlohmann::ordered_json;

std::string_view name_in(std::span<const std::string_view> names, auto value) {
    return names[static_cast<std::size_t>(value)];
}

std::string line_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

void write_out(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

// Answers names by lines as they come: what arrives together is answered together, and nothing waits for more.
class answers {
  public:
    answers(const known_architecture& on, std::span<const fact> facts, bool as_json)
        : on_(on), facts_(facts), as_json_(as_json) {}

    int from_standard_input() {
        std::string held;
        std::array<char, 65536> chunk;
        for (;;) {
            const ssize_t got = read(STDIN_FILENO, chunk.data(), chunk.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) throw std::runtime_error(fmt::format("standard input: cannot read: {}", std::strerror(errno)));
            if (got == 0) break;
            held.append(chunk.data(), static_cast<std::size_t>(got));
            std::size_t begin = 0;
            std::string out;
            for (std::size_t end; (end = held.find('\n', begin)) != held.npos; begin = end + 1)
                out += answer(std::string_view(held).substr(begin, end - begin));
            held.erase(0, begin);
            write_out(out);
        }
        write_out(answer(held));
        return wrong_ == 0 ? exit_conformant : exit_usage;
    }

  private:
    // A fault is the answer to its line, and does not end the rest.
    std::string answer(std::string_view name) {
        if (name.ends_with('\r')) name.remove_suffix(1);
        ++line_;
        if (name.empty()) return {};
        test_case t;
        const std::optional<name_error> error = parse_name(on_, name, t);
        if (!error) {
            if (as_json_) return line_of(verdict_json(t, facts_));
            return verdict_text(t, facts_) + "\n";
        }
        ++wrong_;
        fmt::print(stderr, "cmodx: line {}: {}\n", line_, describe(name, *error));
        if (as_json_) return line_of({{"name", name}, {"error", error->message}, {"position", error->position + 1}});
        return fmt::format("{}\n  error: at {}: {}\n\n", name, error->position + 1, error->message);
    }

    const known_architecture& on_;
    std::span<const fact> facts_;
    bool as_json_;
    std::size_t line_ = 0;
    std::size_t wrong_ = 0;
};

}  // namespace

std::string describe(std::string_view name, const name_error& error) {
    return fmt::format("'{}': at {}: {}", name, error.position + 1, error.message);
}

test_case test_named(const known_architecture& on, std::string_view name) {
    test_case t;
    if (const auto error = parse_name(on, name, t)) throw usage_error(describe(name, *error));
    return t;
}

std::string rulings_text(const std::vector<ruled_witness>& rulings) {
    std::size_t width = 0;
    for (const ruled_witness& r : rulings) width = std::max(width, name_in(witness_names, r.what).size());
    std::string text;
    for (const ruled_witness& r : rulings) {
        text += fmt::format("  {:<{}}  {:<13}  {:<15}  {}\n", name_in(witness_names, r.what), width,
                            name_in(verdict_names, r.ruling.ruling), name_in(basis_names, r.ruling.strength),
                            r.ruling.reason);
        if (!r.ruling.source.empty())
            text += fmt::format("  {:<{}}  {}\n", "", width + 2 + 13 + 2 + 15, r.ruling.source);
    }
    return text;
}

std::string verdict_text(const test_case& t, std::span<const fact> facts) {
    std::string text = t.name + "\n  " + std::string(t.on->isa.name) + ", ";
    if (facts.empty()) text += "nothing known of the machine";
    for (std::size_t i = 0; i < facts.size(); ++i)
        text += fmt::format("{}{}={}", i == 0 ? "" : " ", facts[i].key, facts[i].value);
    if (must_be_exclusive(t, facts)) text += "; nobody runs the site while it is modified";
    return text + "\n" + rulings_text(rule(t, facts));
}

json verdict_json(const test_case& t, std::span<const fact> facts) {
    json known = json::object();
    for (const fact& f : facts) known[std::string(f.key)] = f.value;
    json rulings = json::array();
    for (const ruled_witness& r : rule(t, facts))
        rulings.push_back({{"witness", name_in(witness_names, r.what)},
                           {"verdict", name_in(verdict_names, r.ruling.ruling)},
                           {"basis", name_in(basis_names, r.ruling.strength)},
                           {"gates", r.ruling.ruling == verdict::forbidden && gates(r.ruling.strength)},
                           {"source", r.ruling.source},
                           {"reason", r.ruling.reason}});
    return {{"name", t.name},
            {"architecture", t.on->isa.name},
            {"facts", known},
            {"exclusive", must_be_exclusive(t, facts)},
            {"witnesses", rulings}};
}

int show_verdicts(const verdict_arguments& arguments) {
    const known_architecture& on = architecture_named(arguments.architecture);
    const given_facts given = parse_facts(on, arguments.facts);
    const std::vector<fact> facts = given.views();
    if (arguments.names == std::vector<std::string>{"-"})
        return answers(on, facts, arguments.as_json).from_standard_input();
    std::string out;
    for (const std::string& name : arguments.names) {
        const test_case t = test_named(on, name);
        if (arguments.as_json) {
            out += line_of(verdict_json(t, facts));
        } else {
            if (!out.empty()) out += "\n";
            out += verdict_text(t, facts);
        }
    }
    write_out(out);
    return exit_conformant;
}

}  // namespace cmodx
