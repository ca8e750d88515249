// SPDX-License-Identifier: Apache-2.0
// Whatever is typed or read ends as a value or as one line of complaint: words of tests/corpus/ are cut, joined and
// broken at random, from a seed that is printed. CMODX_FUZZ_SECONDS gives each parser more time than the moment that it
// has by default.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runner/commands.hpp"
#include "runner/document.hpp"
#include "runner/engine/platform.hpp"
#include "runner/given_facts.hpp"
#include "runner/linux/init.hpp"
#include "runner/report.hpp"
#include "runner/trace.hpp"

namespace cmodx {
namespace {

std::vector<std::string> corpus(const std::string& name) {
    std::ifstream in(std::string(CMODX_TESTS_DIR) + "/corpus/" + name, std::ios::binary);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

class fuzzer {
  public:
    explicit fuzzer(const std::string& name) : words_(corpus(name)), random_(fnv(name)) {
        const char* const given = getenv("CMODX_FUZZ_SECONDS");
        end_ = platform::nanoseconds() + static_cast<std::uint64_t>((given != nullptr ? atof(given) : 0.2) * 1e9);
    }
    // Calls take(text) until the time is over: with each word of the corpus first, then with what became of them.
    template <class Take>
    std::uint64_t feed(Take take) {
        EXPECT_FALSE(words_.empty());
        if (words_.empty()) return 0;
        std::uint64_t count = 0;
        for (const std::string& w : words_) take(w), ++count;
        while (platform::nanoseconds() < end_) {
            std::string text = words_[random_.below(static_cast<std::uint32_t>(words_.size()))];
            for (std::uint32_t n = 1 + random_.below(4); n != 0; --n) disturb(text);
            SCOPED_TRACE(testing::PrintToString(text));
            take(text);
            ++count;
            if (testing::Test::HasFailure()) break;
        }
        return count;
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
            case 2: text = text.substr(0, at(text)) + other.substr(at(other)); break;
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

// What is not understood is refused in one line; anything else that is thrown fails the test.
template <class Refusal, class Body>
void in_one_line(Body body) {
    try {
        body();
    } catch (const Refusal& refusal) {
        EXPECT_GT(std::string_view(refusal.what()).size(), 0u);
    }
}

TEST(fuzz, names) {
    fuzzer f("names");
    std::vector<std::uint8_t> room(16384);
    f.feed([&](const std::string& text) {
        for (const known_architecture& on : architectures) {
            test_case t;
            if (const auto wrong = parse_name(on, text, t)) {
                EXPECT_LE(wrong->position, text.size());
                EXPECT_FALSE(wrong->message.empty());
                continue;
            }
            test_case again;
            EXPECT_FALSE(parse_name(on, t.name, again)) << t.name;  // a name is one way to write it, and stays
            EXPECT_EQ(again.name, t.name);
            static_cast<void>(rule(t, {}));
            hash_of(t.parts(), room);  // every encoder that the steps lead to
        }
    });
}

TEST(fuzz, globs) {
    const std::vector<test_case> all = [] {
        std::vector<test_case> some = catalogue(architectures[0]);
        some.resize(8);
        return some;
    }();
    fuzzer("names").feed([&](const std::string& text) {
        in_one_line<usage_error>([&] { static_cast<void>(select(all, {text.c_str()})); });
    });
}

TEST(fuzz, facts) {
    fuzzer("facts").feed([](const std::string& text) {
        for (const known_architecture& on : architectures)
            if (text.find("here") == std::string::npos)  // which asks the kernel each time
                in_one_line<usage_error>([&] { static_cast<void>(parse_facts(on, text)); });
    });
}

TEST(fuzz, numbers) {
    fuzzer("numbers").feed([](const std::string& text) {
        budget b;
        if (parse_budget(text, b)) {
            EXPECT_GT(b.seconds, 0);
            EXPECT_LE(b.seconds, 7 * 86400);
        }
        in_one_line<usage_error>([&] { EXPECT_EQ(text.empty() ? 0 : parse_seed(text) >> 53, 0u); });
        in_one_line<usage_error>([&] {
            for (const unsigned cpu : parse_cpus(text, {0, 1, 3})) EXPECT_TRUE(cpu == 0 || cpu == 1 || cpu == 3);
        });
    });
}

TEST(fuzz, guest_arguments) {
    fuzzer("numbers").feed([](const std::string& text) {
        std::string contents = text;
        for (char& c : contents)
            if (c == ',') c = '\0';
        in_one_line<std::runtime_error>([&] {
            std::size_t size = 0;
            for (const std::string& word : guest_arguments(contents)) size += word.size() + 1;
            EXPECT_EQ(size, contents.size());
        });
    });
}

TEST(fuzz, resume) {
    const std::string file = std::filesystem::temp_directory_path() / ("cmodx-fuzz-" + std::to_string(getpid()));
    const json header = json::parse(R"({"schema":"cmodx-result/1","machine":{"name":"m"},"seed":1,"budget":{}})");
    fuzzer("resume").feed([&](const std::string& text) {
        std::string lines = text;
        for (std::size_t i = 0; (i = lines.find("\\n", i)) != std::string::npos;) lines.replace(i, 2, "\n");
        std::ofstream(file, std::ios::binary) << lines;
        in_one_line<std::runtime_error>([&] {
            const document_writer document("", header, file);
            for (const json& r : document.records())
                EXPECT_FALSE(r["name"].get<std::string>().empty() && summary_of(r).empty());
        });
    });
    unlink(file.c_str());
}

}  // namespace
}  // namespace cmodx
