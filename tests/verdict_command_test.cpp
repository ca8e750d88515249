// SPDX-License-Identifier: Apache-2.0
// `cmodx verdict`: what it prints, what facts it takes, and that it says what a run would be judged by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "runner/commands.hpp"
#include "runner/environment.hpp"
#include "runner/given_facts.hpp"
#include "runner/verdict.hpp"

namespace cmodx {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string whole = "MP.RF+imm+same+dc.cvau-dsb.ish-ic.ivau-dsb.ish+ctrl-isb";

std::string refusal(const std::function<void()>& call) {
    try {
        call();
    } catch (const usage_error& e) {
        return e.what();
    }
    return "";
}

std::string answer(const verdict_arguments& arguments) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(show_verdicts(arguments), exit_conformant);
    return testing::internal::GetCapturedStdout();
}

TEST(verdict_command, text_names_what_is_known_and_each_witness) {
    const std::string text = answer({{whole}, "aarch64", "idc=0,dic=0", false});
    EXPECT_THAT(text,
                StartsWith(whole + "\n  aarch64, idc=0 dic=0; nobody runs the site while it is modified\n"
                                   "  stale  forbidden      arch-text        cleaned, invalidated and completed, "));
    EXPECT_THAT(text, HasSubstr("\n  torn   forbidden "));
    EXPECT_THAT(text, HasSubstr("\n  fault  forbidden "));
    EXPECT_THAT(text, HasSubstr("\n                                         Arm ARM DDI0487, "));
    EXPECT_THAT(answer({{"SM+imm+same+po"}, "aarch64", "", false}),
                HasSubstr("aarch64, nothing known of the machine\n"));
}

TEST(verdict_command, a_step_left_out_is_allowed) {
    const std::string twin = "MP.RF+imm+same+dc.cvau-dsb.ish-ic.ivau+ctrl-isb";
    const auto j = nlohmann::json::parse(answer({{twin}, "aarch64", "idc=0,dic=0", true}));
    EXPECT_EQ(j["witnesses"][0]["verdict"], "allowed");
    EXPECT_EQ(j["witnesses"][0]["gates"], false);
}

TEST(verdict_command, json_is_a_line_a_name) {
    const std::string text = answer({{whole, "SM+imm+alias+po"}, "aarch64", "idc=0,dic=0", true});
    const std::size_t end = text.find('\n');
    const auto j = nlohmann::json::parse(text.substr(0, end));
    EXPECT_EQ(j["name"], whole);
    EXPECT_EQ(j["architecture"], "aarch64");
    EXPECT_EQ(j["facts"], (nlohmann::json{{"idc", "0"}, {"dic", "0"}}));
    EXPECT_EQ(j["exclusive"], true);
    const auto& first = j["witnesses"][0];
    EXPECT_EQ(first["witness"], "stale");
    EXPECT_EQ(first["verdict"], "forbidden");
    EXPECT_EQ(first["basis"], "arch-text");
    EXPECT_EQ(first["gates"], true);
    EXPECT_THAT(first["source"].get<std::string>(), StartsWith("Arm ARM DDI0487"));
    EXPECT_FALSE(first["reason"].get<std::string>().empty());
    EXPECT_EQ(nlohmann::json::parse(text.substr(end + 1))["name"], "SM+imm+alias+po");
}

TEST(verdict_command, says_what_a_run_is_judged_by) {
    for (const known_architecture& on : architectures) {
        std::vector<std::vector<fact>> machines = {{}};
        for (const std::string_view when : conditions_of(on)) {
            machines.emplace_back();
            for (const fact_term& t : terms_of(when)) machines.back().push_back({t.key, t.value});
        }
        for (const test_case& t : catalogue(on))
            for (const std::vector<fact>& facts : machines) {
                const auto shown = verdict_json(test_named(on, t.name), facts)["witnesses"];
                const std::vector<ruled_witness> judged_by = rule(t, facts);
                ASSERT_EQ(shown.size(), judged_by.size());
                for (std::size_t i = 0; i < judged_by.size(); ++i) {
                    const judgement& j = judged_by[i].ruling;
                    EXPECT_EQ(shown[i]["verdict"], verdict_names[static_cast<std::size_t>(j.ruling)]) << t.name;
                    EXPECT_EQ(shown[i]["basis"], basis_names[static_cast<std::size_t>(j.strength)]) << t.name;
                }
            }
    }
}

TEST(verdict_command, a_wrong_name_or_architecture_is_refused) {
    EXPECT_EQ(refusal([] {
                  show_verdicts({{"SM+imm+same+isc"}, "aarch64", "", false});
              }),
              "'SM+imm+same+isc': at 13: unknown step 'isc'; did you mean 'isb'?");
    EXPECT_EQ(refusal([] {
                  show_verdicts({{"SM+imm+same+po"}, "mips", "", false});
              }),
              "unknown architecture 'mips'; accepted are x86_64 aarch64 riscv64 arm32");
}

TEST(verdict_command, facts_are_those_that_the_rules_and_machines_know) {
    const known_architecture& arm = *find_architecture("aarch64");
    const given_facts two = parse_facts(arm, "idc=1,kernel=6.12");
    EXPECT_EQ(two.all, (std::vector<std::pair<std::string, std::string>>{{"idc", "1"}, {"kernel", "6.12"}}));
    EXPECT_TRUE(parse_facts(arm, "").all.empty());
    // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage)
    const auto said = [&](std::string_view text) { return refusal([&] { parse_facts(arm, text); }); };
    EXPECT_EQ(said("idd=1"), "--facts: at 1: unknown fact 'idd' of aarch64; did you mean 'idc'?");
    EXPECT_EQ(said("idc=1,dix=0"), "--facts: at 7: unknown fact 'dix' of aarch64; did you mean 'dic'?");
    EXPECT_EQ(said("idc=yes"), "--facts: at 5: 'yes' is no value of idc; accepted are 0 and 1");
    EXPECT_EQ(said("idc=1,idc=0"), "--facts: at 7: 'idc' is given twice");
    EXPECT_THAT(said("idc"), HasSubstr("at 1: 'idc' is no fact"));
    EXPECT_THAT(said("idc=1,"), HasSubstr("at 7: '' is no fact"));
    EXPECT_THAT(said("=1"), HasSubstr("at 1: '=1' is no fact"));
    for (const known_architecture& on : architectures)
        for (const std::string_view when : conditions_of(on))
            for (const fact_term& t : terms_of(when)) {
                const std::string text = std::string(t.key) + "=" + std::string(t.value);
                EXPECT_EQ(parse_facts(on, text).all.size(), 1u) << text;
            }
}

TEST(verdict_command, here_is_this_machine) {
    const known_architecture& on = *find_architecture(target_name());
    EXPECT_EQ(parse_facts(on, "here").all, probe_environment().facts);
    const given_facts changed = parse_facts(on, "here,kernel=1.0");
    EXPECT_THAT(changed.all, testing::Contains(std::pair<std::string, std::string>("kernel", "1.0")));
    EXPECT_EQ(changed.all.size(), probe_environment().facts.size());
    for (const known_architecture& other : architectures)
        if (&other != &on) {
            EXPECT_THAT(refusal([&] { parse_facts(other, "here"); }),
                        StartsWith("--facts: at 1: 'here' is a machine of"));
        }
}

// Gives `text` as standard input; what is printed on standard output and error comes back.
struct conversation {
    int code = 0;
    std::string out, err;
    conversation(const std::string& text, bool as_json) {
        FILE* const file = tmpfile();
        std::fputs(text.c_str(), file);
        std::fflush(file);
        lseek(fileno(file), 0, SEEK_SET);
        const int saved = dup(STDIN_FILENO);
        dup2(fileno(file), STDIN_FILENO);
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        code = show_verdicts({{"-"}, "aarch64", "", as_json});
        out = testing::internal::GetCapturedStdout();
        err = testing::internal::GetCapturedStderr();
        dup2(saved, STDIN_FILENO);
        close(saved);
        std::fclose(file);
    }
};

TEST(verdict_command, names_come_by_lines_and_a_fault_is_an_answer) {
    const conversation c("SM+imm+same+po\nSM+imm+same+isc\r\n\n" + whole, true);
    EXPECT_EQ(c.code, exit_usage);
    std::vector<nlohmann::json> lines;
    for (std::size_t begin = 0, end; (end = c.out.find('\n', begin)) != std::string::npos; begin = end + 1)
        lines.push_back(nlohmann::json::parse(c.out.substr(begin, end - begin)));
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0]["witnesses"][0]["verdict"], "allowed");
    EXPECT_EQ(lines[1], (nlohmann::json{{"name", "SM+imm+same+isc"},
                                        {"error", "unknown step 'isc'; did you mean 'isb'?"},
                                        {"position", 13}}));
    EXPECT_EQ(lines[2]["witnesses"][0]["verdict"], "forbidden");
    EXPECT_EQ(c.err, "cmodx: line 2: 'SM+imm+same+isc': at 13: unknown step 'isc'; did you mean 'isb'?\n");
    EXPECT_EQ(conversation("", false).code, exit_conformant);
    EXPECT_THAT(conversation("x\n", false).out, StartsWith("x\n  error: at 1: unknown shape 'x'"));
}

TEST(verdict_command, the_rate_is_measured) {
    std::string text;
    std::size_t count = 0;
    while (count < 10000)
        for (const test_case& t : catalogue(*find_architecture("aarch64"))) {
            text += t.name + "\n";
            ++count;
        }
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(conversation(text, true).code, exit_conformant);
    const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("%zu verdicts as JSON in %.0f ms, %.0f a second\n", count, 1000 * s, static_cast<double>(count) / s);
    RecordProperty("per_second", static_cast<int>(static_cast<double>(count) / s));
}

}  // namespace
}  // namespace cmodx
