// SPDX-License-Identifier: Apache-2.0
// `cmodx explain`: the sketch, the steps, the code as it runs, and the verdicts of all architectures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runner/commands.hpp"
#include "runner/disassemble.hpp"
#include "runner/explain.hpp"
#include "runner/listing.hpp"
#include "runner/verdict.hpp"

namespace cmodx {
namespace {

using testing::HasSubstr;
using testing::Not;

const known_architecture& arm = *find_architecture("aarch64");
const std::string whole = "MP.RF+imm+same+dc.cvau-dsb.ish-ic.ivau-dsb.ish+ctrl-isb";

TEST(explain, the_sketch_has_a_column_a_thread) {
    EXPECT_EQ(sketch_text(test_named(arm, whole)),
              "  T0              T1\n"
              "  store x         load flag x\n"
              "  dc.cvau         ctrl\n"
              "  dsb.ish         isb\n"
              "  ic.ivau         fetch x\n"
              "  dsb.ish\n"
              "  store flag x\n");
    EXPECT_EQ(sketch_text(test_named(arm, "SM+imm+flip+isb")),
              "  T0\n"
              "  make it writable\n"
              "  store x\n"
              "  make it executable\n"
              "  isb\n"
              "  fetch x\n");
}

TEST(explain, each_step_is_explained_once) {
    const std::string text = steps_text(test_named(arm, whole));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
    EXPECT_THAT(text, HasSubstr("  dc.cvau  Cleans the data cache to the point of unification"));
    EXPECT_THAT(text, HasSubstr("  ctrl     A conditional branch"));
    EXPECT_EQ(steps_text(test_named(arm, "SM+imm+same+po")), "");
}

TEST(explain, what_is_shown_is_what_runs) {
    for (const known_architecture& on : architectures)
        for (const test_case& t : catalogue(on))
            for (std::size_t i = 0; i < t.form->programs.size(); ++i) {
                std::vector<std::uint8_t> room(16384);
                code_buffer code{room.data(), room.size()};
                assemble(t.parts(), i, code);
                room.resize(code.size);
                const traced_stub stub = trace(t, i);
                EXPECT_EQ(stub.code, room) << t.name;
                std::size_t at = 0;
                std::size_t covered = 0;
                for (const traced_part& p : stub.parts) {
                    EXPECT_GE(p.offset, at) << t.name;
                    at = p.offset;
                }
                for (const instruction& n : disassemble(on.isa.name, on.isa.granule, stub.code, 0)) {
                    EXPECT_EQ(n.offset, covered) << t.name;
                    covered += n.size;
                }
                EXPECT_EQ(covered, stub.code.size()) << t.name;
            }
}

// A shape that is a program of its own is shown as it is judged.
TEST(explain, scripted_shapes_have_a_sketch_and_the_code_of_their_steps) {
    for (const test_case& t : catalogue(arm)) {
        if (t.form->by_script == nullptr || t.writer.empty()) continue;
        const std::string sketch = sketch_text(t);
        for (const std::string_view name : performed(t, 0))
            EXPECT_THAT(sketch, HasSubstr("\n  " + std::string(name))) << t.name;
        EXPECT_THAT(stub_text(t, 0), HasSubstr("-- " + std::string(t.writer[0]->name) + "\n"));
        EXPECT_THAT(explain_text(t), HasSubstr("steps of T0 as aarch64 code\n"));
    }
}

TEST(explain, the_steps_stand_in_the_stub_in_their_order) {
    const std::string stub = stub_text(test_named(arm, whole), 0);
    std::size_t at = 0;
    for (const char* part : {"-- enter", "-- store x", "-- dc.cvau", "-- dsb.ish", "-- ic.ivau", "-- dsb.ish",
                             "-- store flag x", "-- return"}) {
        at = stub.find(part, at);
        ASSERT_NE(at, std::string::npos) << part << "\n" << stub;
        ++at;
    }
    if (no_disassembly("aarch64").empty()) {
        EXPECT_THAT(stub, HasSubstr("  20 7b 0b d5              dc cvau, x0\n"));
        EXPECT_THAT(stub, HasSubstr("  20 75 0b d5              ic ivau, x0\n"));
        EXPECT_THAT(stub, HasSubstr("ret\n"));
    }
}

TEST(explain, what_changes_in_the_site_has_a_star) {
    const std::string text = site_text(test_named(arm, "SM+imm+same+po"));
    EXPECT_THAT(text, HasSubstr("  old\n  *    0  a0 26 98 52 "));
    EXPECT_THAT(text, HasSubstr("\n       4  c0 03 5f d6 "));
    EXPECT_THAT(text, HasSubstr("  new\n  *    0  40 9a 85 52 "));
    // A branch's landing pads are many, and stay as they are.
    const std::string branch = site_text(test_named(*find_architecture("x86_64"), "SM+branch+same+po"));
    EXPECT_LT(branch.size(), 2000u);
    EXPECT_THAT(branch, HasSubstr("bytes more, which do not change\n"));
}

TEST(explain, bytes_remain_where_there_is_no_disassembler) {
    const std::uint8_t code[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const std::vector<instruction> lines = disassemble("none", 2, code, 1);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0].offset, 1u);
    EXPECT_EQ(lines[0].size, 8u);
    EXPECT_EQ(lines[1].size, 1u);
    EXPECT_EQ(lines[0].text, "");
    EXPECT_FALSE(no_disassembly("none").empty());
}

TEST(explain, every_architecture_has_its_say) {
    const std::string text = verdicts_text(test_named(arm, whole));
    EXPECT_THAT(text, HasSubstr("x86_64: 'dc.cvau' is a step of aarch64, not of x86_64\n"));
    EXPECT_THAT(text, HasSubstr("\naarch64; nobody runs the site while it is modified\n  stale  forbidden "));
    const std::string bare = verdicts_text(test_named(arm, "SM+imm+same+po"));
    for (const known_architecture& on : architectures)
        EXPECT_THAT("\n" + bare, HasSubstr("\n" + std::string(on.isa.name) + "\n  stale "));
    EXPECT_THAT(bare, HasSubstr("    with vendor=amd: stale forbidden, arch-text: "));
    // What knowing more adds, and nothing twice.
    const std::string with = verdicts_text(test_named(arm, "MP.RF+nop_branch+same+dsb.ish+ctrl-isb"));
    EXPECT_THAT(with, HasSubstr("with idc=1,dic=1: stale forbidden, arch-text: "));
    EXPECT_THAT(with, Not(HasSubstr("with idc=1: ")));
    EXPECT_THAT(with, Not(HasSubstr("with dic=1: ")));
}

TEST(explain, every_test_can_be_explained) {
    for (const known_architecture& on : architectures) {
        std::size_t n = 0;
        for (const test_case& t : catalogue(on)) {
            if (n++ % 7 == 0) {
                EXPECT_THAT(explain_text(t), HasSubstr("hash of the code ")) << t.name;
            }
        }
    }
}

TEST(explain, without_an_architecture_it_is_the_first_that_has_the_steps) {
    for (const char* name : {"SM+imm+same+fence.i", "SM+imm+same+cpuid", "SM+imm+same+cacheflush"}) {
        testing::internal::CaptureStdout();
        EXPECT_EQ(explain({name, ""}), exit_conformant);
        EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::StartsWith(name));
    }
    EXPECT_THROW(explain({"SM+imm+same+fence.i", "x86_64"}), usage_error);
    EXPECT_THROW(explain({"SM+imm+same+fence.i-cpuid", ""}), usage_error);
}

}  // namespace
}  // namespace cmodx
