// SPDX-License-Identifier: Apache-2.0
#include "runner/bare/order.hpp"

#include <algorithm>
#include <charconv>

namespace cmodx::bare {
namespace {

constexpr std::size_t most_samples = 1'000'000;

// The whole text, from `least` to `most`, and no NaN.
template <class T>
bool parse_number(std::string_view text, T least, T most, T& value) {
    const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc{} && stop == text.data() + text.size() && value >= least && value <= most;
}

std::string parse_run(const std::vector<std::string>& words, order& o) {
    constexpr std::uint64_t most_seed = (std::uint64_t{1} << 53) - 1;  // which every reader of JSON keeps
    parse_budget("quick", o.options.per_test);
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (!word.starts_with("--")) {
            o.globs.push_back(word);
            continue;
        }
        if (++i == words.size()) return word + ": wants a value";
        const std::string& value = words[i];
        if (word == "--budget") {
            if (!parse_budget(value, o.options.per_test)) return "--budget: '" + value + "' is none";
        } else if (word == "--seed") {
            if (!parse_number<std::uint64_t>(value, 0, most_seed, o.options.seed))
                return "--seed: '" + value + "' is no whole number from 0 to 2^53 - 1";
        } else if (word == "--machine") {
            o.machine = value;
        } else if (word == "--time-scale") {
            if (!parse_number(value, 0.01, 1000.0, o.options.time_scale))
                return "--time-scale: '" + value + "' is no number from 0.01 to 1000";
        } else if (word != "--format" || value != "jsonl") {
            return "unknown option " + word + "; accepted are --budget --seed --machine --time-scale";
        }
    }
    return {};
}

}  // namespace

std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t begin = line.find_first_not_of(' ', at);
        if (begin == line.npos) break;
        at = std::min(line.find(' ', begin), line.size());
        words.emplace_back(line.substr(begin, at - begin));
    }
    return words;
}

// What a star has taken grows only if what follows it does not match, and only the last star's: nothing is tried twice.
bool matches(std::string_view glob, std::string_view text) {
    std::size_t g = 0;
    std::size_t t = 0;
    std::size_t star = glob.npos;
    std::size_t taken = 0;
    while (t < text.size()) {
        if (g < glob.size() && glob[g] == '*') {
            star = g++;
            taken = t;
        } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
            ++g;
            ++t;
        } else if (star != glob.npos) {
            g = star + 1;
            t = ++taken;
        } else {
            return false;
        }
    }
    return glob.find_first_not_of('*', g) == glob.npos;
}

std::string parse_order(const std::vector<std::string>& words, order& o) {
    if (words.empty()) return "no command; accepted are run and bench";
    if (words[0] == "run") return parse_run(words, o);
    if (words[0] != "bench") return "unknown command '" + words[0] + "'; accepted are run and bench";
    o.bench = true;
    if (words.size() > 1 && !parse_number<std::size_t>(words[1], 0, most_samples, o.samples))
        return "bench: '" + words[1] + "' is no number of samples up to " + std::to_string(most_samples);
    return {};
}

}  // namespace cmodx::bare
