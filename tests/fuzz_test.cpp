// SPDX-License-Identifier: Apache-2.0
// Every parser is fed with what stands in tests/corpus/, and with that cut, joined and broken at random, from a seed
// that is the same each time. CMODX_FUZZ_SECONDS gives each more time than the moment that it has by default. `ci/fuzz`
// goes by coverage.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <string>
#include <vector>

#include "runner/engine/platform.hpp"
#include "runner/engine/random.hpp"
#include "tests/parsers.hpp"

namespace cmodx {
namespace {

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// A line of a corpus: \xNN is a byte.
std::string unescaped(const std::string& line) {
    std::string bytes;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool escape = i + 3 < line.size() && line[i] == '\\' && line[i + 1] == 'x' && digit(line[i + 2]) >= 0 &&
                            digit(line[i + 3]) >= 0;
        bytes += escape ? static_cast<char>(digit(line[i + 2]) * 16 + digit(line[i + 3])) : line[i];
        if (escape) i += 3;
    }
    return bytes;
}

std::vector<std::string> corpus(std::string_view name) {
    std::ifstream in(std::string(CMODX_TESTS_DIR) + "/corpus/" + std::string(name), std::ios::binary);
    std::vector<std::string> words;
    for (std::string line; std::getline(in, line);) words.push_back(unescaped(line));
    return words;
}

class fuzzer {
  public:
    explicit fuzzer(std::string_view name) : words_(corpus(name)), random_(fnv(name)) {
        const char* const given = getenv("CMODX_FUZZ_SECONDS");
        end_ = platform::nanoseconds() + static_cast<std::uint64_t>((given != nullptr ? atof(given) : 0.2) * 1e9);
    }
    // Calls take(text) until the time is over: with each word of the corpus first, then with what became of them.
    template <class Take>
    void feed(Take take) {
        ASSERT_FALSE(words_.empty());
        for (const std::string& w : words_) take(w);
        while (platform::nanoseconds() < end_ && !testing::Test::HasFailure()) {
            std::string text = words_[random_.below(static_cast<std::uint32_t>(words_.size()))];
            for (std::uint32_t n = 1 + random_.below(4); n != 0; --n) disturb(text);
            take(text);
        }
    }

  private:
    std::size_t at(const std::string& text) { return random_.below(static_cast<std::uint32_t>(text.size()) + 1); }
    void disturb(std::string& text) {
        static constexpr std::string_view awkward[] = {"+",     "-",    "@",  ",",  "=", "po", "",
                                                       "\0",    "\xff", "{",  "\"", "[", "-1", "18446744073709551616",
                                                       "1e999", "nan",  "\n", "*",  "ms"};
        const std::string& other = words_[random_.below(static_cast<std::uint32_t>(words_.size()))];
        switch (random_.below(6)) {
            case 0: text.insert(at(text), awkward[random_.below(std::size(awkward))]); break;
            case 1: text.erase(at(text), random_.below(8)); break;
            case 2: text.replace(at(text), text.npos, other, at(other)); break;
            case 3: text.insert(at(text), 1, static_cast<char>(random_.below(256))); break;
            case 4:
                if (!text.empty()) text[at(text) % text.size()] = static_cast<char>(random_.below(256));
                break;
            default:
                if (text.size() < 4096) text.insert(at(text), std::string(text));
                break;
        }
    }

    std::vector<std::string> words_;
    random_source random_;
    std::uint64_t end_ = 0;
};

class fuzz : public testing::TestWithParam<parser> {};
TEST_P(fuzz, holds) {
    fuzzer(GetParam().name).feed([](const std::string& text) {
        EXPECT_NO_THROW(GetParam().take(text)) << testing::PrintToString(text);
    });
}
INSTANTIATE_TEST_SUITE_P(parsers, fuzz, testing::ValuesIn(parsers()),
                         [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace cmodx
