// SPDX-License-Identifier: Apache-2.0
// Names of tests: unique, read back as what they were made of, and put right when they are mistyped.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <set>
#include <string>

#include "arch/verdict.hpp"
#include "runner/catalogue.hpp"

namespace cmodx {
namespace {

TEST(names, every_listed_name_is_unique_and_reads_back_as_its_test) {
    for (const known_architecture& on : architectures) {
        SCOPED_TRACE(on.isa.name);
        std::set<std::string> seen;
        for (const test_case& t : catalogue(on)) {
            EXPECT_TRUE(seen.insert(t.name).second) << t.name;
            EXPECT_EQ(name_of(t), t.name);
            test_case back;
            const auto error = parse_name(on, t.name, back);
            ASSERT_FALSE(error) << t.name << " at " << error->position << ": " << error->message;
            EXPECT_EQ(back.name, t.name);
            EXPECT_EQ(back.form, t.form) << t.name;
            EXPECT_EQ(back.site, t.site) << t.name;
            EXPECT_EQ(back.at, t.at) << t.name;
            EXPECT_EQ(back.path, t.path) << t.name;
            EXPECT_EQ(back.writer, t.writer) << t.name;
            EXPECT_EQ(back.executor, t.executor) << t.name;
        }
        EXPECT_FALSE(seen.empty());
    }
}

struct fault {
    std::string_view name;
    std::size_t position;
    std::string_view words;
};

TEST(names, a_fault_is_told_where_it_is_and_with_the_nearest_word) {
    constexpr fault faults[] = {
        {"MP.RG+imm+same+po+po", 0, "unknown shape 'MP.RG'; did you mean 'MP.RF'?"},
        {"mp.rf+imm+same+po+po", 0, "did you mean 'MP.RF'?"},
        {"+imm+same+po+po", 0, "a shape is missing"},
        {"", 0, "a shape is missing"},
        {"MP.RF+im+same+po+po", 6, "unknown site 'im'; did you mean 'imm'?"},
        {"MP.RF+imm@9-0+same+po+po", 10, "'9-0' is no placement"},
        {"MP.RF+imm@+same+po+po", 10, "'' is no placement"},
        {"MP.RF+imm@64-4@8+same+po+po", 10, "'64-4@8' is no placement"},
        {"MP.RF+imm@64-2+same+po+po", 10, "a multiple of 4"},
        {"MP.RF+imm+aliass+po+po", 10, "unknown mapping 'aliass'; did you mean 'alias'?"},
        {"MP.RF+imm+same+dc.cvua-dsb.ish+po", 15, "unknown step 'dc.cvua'; did you mean 'dc.cvau'?"},
        {"MP.RF+imm+same+dc.cvau-dsb.is+po", 23, "did you mean 'dsb.ish'?"},
        {"MP.RF+imm+same+dc.cvau+ctrl-isbb", 28, "did you mean 'isb'?"},
        {"MP.RF+imm+same++po", 15, "a step is missing; 'po' alone stands for none"},
        {"MP.RF+imm+same+isb--isb+po", 19, "a step is missing"},
        {"MP.RF+imm+same+isb-po+po", 19, "'po' stands for no step, and alone"},
        {"MP.RF+imm+same+fence.i+po", 15, "'fence.i' is a step of riscv64, not of aarch64"},
        {"MP.RF+imm+same+po+isb-rel", 22, "'rel' marks how a flag is published, and there is none here"},
        {"MP.RF+imm+same+acq+po", 15, "'acq' marks how a flag is read"},
        {"CoFF+imm+same+stlr+po", 14, "'stlr' marks how a flag is published"},
        {"MP.RF", 5, "MP.RF has 5 parts, shape+site+mapping+writer+executor, not 1"},
        {"MP.RF+imm+same+po", 17, "has 5 parts"},
        {"MP.RF+imm+same+po+po+po", 20, "has 5 parts"},
        {"SM+imm+same+po+po", 14, "SM has 4 parts, shape+site+mapping+writer, not 5"},
    };
    const known_architecture& on = *find_architecture("aarch64");
    for (const fault& f : faults) {
        test_case t;
        const auto error = parse_name(on, f.name, t);
        ASSERT_TRUE(error) << f.name;
        EXPECT_EQ(error->position, f.position) << f.name << ": " << error->message;
        EXPECT_NE(error->message.find(f.words), std::string::npos) << f.name << ": " << error->message;
    }
}

// A character left out, doubled or changed: either another name, which reads back, or a fault inside the text.
TEST(names, no_mistyped_name_is_misread) {
    for (const known_architecture& on : architectures) {
        for (const test_case& t : catalogue(on)) {
            for (std::size_t i = 0; i < t.name.size(); i += 3) {
                for (const std::string_view put : {"", "-", "+", "@", "z"}) {
                    std::string name = t.name;
                    name.replace(i, 1, put);
                    test_case back;
                    const auto error = parse_name(on, name, back);
                    if (error) {
                        EXPECT_LE(error->position, name.size()) << name;
                    } else {
                        EXPECT_EQ(name_of(back), name);
                    }
                }
            }
        }
    }
}

// What has code has a meaning in the rules, or it would count for nothing unnoticed; what has a meaning has code, but
// for what takes another process or kernel, or another version of the architecture, or is part of a shape.
TEST(names, steps_and_rules_know_each_other) {
    const std::set<std::string_view> without_code = {
        "sigreturn", "migrate",      "breakpoint",  "breakpoint.one", "stl",  "fork",    "paged_in",
        "remap",     "switch_space", "switch_asid", "eret",           "wake", "by_turns"};
    for (const known_architecture& on : architectures) {
        std::set<std::string_view> names;
        for (const step& s : on.isa.steps) {
            names.insert(s.name);
            EXPECT_TRUE(knows(*on.rules, s.name)) << on.isa.name << " " << s.name;
        }
        for (const action& a : on.rules->actions) {
            EXPECT_TRUE(names.contains(a.step) || without_code.contains(a.step)) << on.isa.name << " " << a.step;
        }
    }
}

TEST(names, the_time_to_list_is_measured) {
    const auto begin = std::chrono::steady_clock::now();
    std::size_t count = 0;
    for (const known_architecture& on : architectures) count += catalogue(on).size();
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    std::printf("%zu names of four architectures in %.2f ms\n", count, ms);
    RecordProperty("names", static_cast<int>(count));
    RecordProperty("microseconds", static_cast<int>(1000 * ms));
}

}  // namespace
}  // namespace cmodx
