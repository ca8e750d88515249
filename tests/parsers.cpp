// SPDX-License-Identifier: Apache-2.0
#include "tests/parsers.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "runner/commands.hpp"
#include "runner/document.hpp"
#include "runner/given_facts.hpp"
#include "runner/linux/init.hpp"
#include "runner/report.hpp"
#include "runner/trace.hpp"

namespace cmodx {

void hold(bool what, const char* said) {
    if (!what) throw std::logic_error(said);
}

namespace {

// Anything else that is thrown is a fault of the parser.
template <class Refusal, class Body>
void or_complain(Body body) {
    try {
        body();
    } catch (const Refusal& refusal) {
        hold(!std::string_view(refusal.what()).empty(), "a refusal says nothing");
    }
}

void take_name(const std::string& text) {
    static std::vector<std::uint8_t> room(16384);
    for (const known_architecture& on : architectures) {
        test_case t;
        if (const auto wrong = parse_name(on, text, t)) {
            hold(wrong->position <= text.size(), "a fault lies behind the name");
            hold(!wrong->message.empty(), "a fault is not named");
            continue;
        }
        // There is one way to write a name, and it stays.
        test_case again;
        hold(!parse_name(on, t.name, again), "a derived name is refused");
        hold(again.name == t.name, "a derived name changes");
        hold(!rule(t, {}).empty(), "a test has no verdict");
        hash_of(t.parts(), room);  // every encoder that the steps lead to
    }
}

// What stands for steps, in the place of the writer's and of the executor's.
void take_steps(const std::string& text) {
    take_name("SM+imm+same+" + text);
    take_name("MP.RF+imm+alias+" + text + "+po");
    take_name("MP.RF+imm+same+po+" + text);
}

void take_glob(const std::string& text) {
    static const std::vector<test_case> some = [] {
        std::vector<test_case> all = catalogue(architectures[0]);
        std::vector<test_case> few;
        for (std::size_t i = 0; i < all.size(); i += all.size() / 16 + 1) few.push_back(all[i]);
        return few;
    }();
    or_complain<usage_error>([&] { hold(!select(some, {text.c_str()}).empty(), "a glob selects nothing"); });
}

void take_facts(const std::string& text) {
    if (text.find("here") != std::string::npos) return;  // which asks the kernel each time
    for (const known_architecture& on : architectures)
        or_complain<usage_error>([&] {
            for (const auto& [key, value] : parse_facts(on, text).all)
                hold(!key.empty() && !value.empty(), "a fact without a key or a value");
        });
}

void take_number(const std::string& text) {
    budget b;
    if (parse_budget(text, b)) hold(b.seconds > 0 && b.seconds <= 7 * 86400, "a budget out of bounds");
    or_complain<usage_error>([&] { hold(text.empty() || parse_seed(text) >> 53 == 0, "a seed out of bounds"); });
    or_complain<usage_error>([&] {
        for (const unsigned cpu : parse_cpus(text, {0, 1, 3}))
            hold(cpu == 0 || cpu == 1 || cpu == 3, "a CPU that is not there");
    });
}

void take_arguments(const std::string& text) {
    or_complain<std::runtime_error>([&] {
        std::size_t size = 0;
        for (const std::string& word : guest_arguments(text)) size += word.size() + 1;
        hold(size == text.size(), "arguments of a guest are lost");
    });
}

// A file in memory.
class file {
  public:
    explicit file(const std::string& contents) : descriptor_(memfd_create("parsed", MFD_CLOEXEC)) {
        const ssize_t written = write(descriptor_, contents.data(), contents.size());
        hold(written == static_cast<ssize_t>(contents.size()), "no memory for a file");
    }
    ~file() { close(descriptor_); }
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    std::string name() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    int descriptor_;
};

void take_resume(const std::string& text) {
    static const json header =
        json::parse(R"({"schema":"cmodx-result/1","machine":{"name":"m"},"seed":1,"budget":{}})");
    const file there(text);
    or_complain<std::runtime_error>([&] {
        const earlier_run earlier(there.name());
        for (const json& r : earlier.records_for(header))
            hold(!r["name"].get<std::string>().empty() || !summary_of(r).empty(), "a record of nothing");
    });
}

constexpr parser all[] = {{"arguments", take_arguments}, {"facts", take_facts},   {"globs", take_glob},
                          {"images", take_image},        {"names", take_name},    {"numbers", take_number},
                          {"orders", take_order},        {"resume", take_resume}, {"steps", take_steps},
                          {"subjects", take_subjects},   {"trees", take_tree}};

}  // namespace

std::span<const parser> parsers() { return all; }

}  // namespace cmodx
