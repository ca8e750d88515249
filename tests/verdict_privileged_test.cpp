// SPDX-License-Identifier: Apache-2.0
// Verdicts on what only a kernel can do: each step of a sufficient protocol is needed, and what acts on one CPU alone
// does not count for another.
#include <gtest/gtest.h>

#include "runner/catalogue.hpp"
#include "tests/ask.hpp"

namespace cmodx {
namespace {

using namespace asking;

const architecture_rules& rules_of(std::string_view name) { return *find_architecture(name)->rules; }

verdict handed(std::string_view architecture, std::string_view writer, std::string_view executor, facts machine = {}) {
    return answer(rules_of(architecture), {.writer = writer, .executor = executor, .machine = std::move(machine)});
}

TEST(verdict_privileged, an_interrupt_of_all_stands_for_their_own_synchronization) {
    EXPECT_EQ(handed("aarch64", "dc.cvau-dsb.ish-ic.ivau-dsb.ish-ipi", "ctrl"), forbidden);
    EXPECT_EQ(handed("aarch64", "dc.cvau-dsb.ish-ic.ivau-dsb.ish", "ctrl"), allowed);
    EXPECT_EQ(handed("aarch64", "ipi", "ctrl", idc1_dic0), allowed);  // it maintains nothing
    EXPECT_EQ(handed("aarch64", "ipi-dc.cvau-dsb.ish-ic.ivau-dsb.ish", "ctrl"), allowed);
    EXPECT_EQ(handed("arm32", "dccmvau-dsb-icimvau-bpimva-dsb-ipi", "ctrl"), forbidden);
    EXPECT_EQ(handed("riscv64", "ipi", "ctrl"), forbidden);
    EXPECT_EQ(handed("riscv64", "fence.rw.rw-rfence.i", "ctrl"), forbidden);
    EXPECT_EQ(handed("x86_64", "ipi", "ctrl"), forbidden);
    EXPECT_EQ(handed("x86_64", "", "ctrl", intel), unspecified);
}

TEST(verdict_privileged, what_a_cpu_does_to_its_own_caches_is_no_help_to_another) {
    EXPECT_EQ(handed("aarch64", "dc.cvau-dsb.ish-ic.iallu-dsb.ish", "ctrl-isb"), allowed);
    EXPECT_EQ(handed("aarch64", "dc.cvau-dsb.ish-ic.ialluis-dsb.ish", "ctrl-isb"), forbidden);
    EXPECT_EQ(handed("aarch64", "dc.cvau-dsb.ish", "ctrl-isb-ic.iallu-dsb.ish-isb"), forbidden);
    EXPECT_EQ(handed("arm32", "dccmvau-dsb-iciallu-dsb", "ctrl-isb"), allowed);
    EXPECT_EQ(handed("arm32", "dccmvau-dsb-icialluis-dsb", "ctrl-isb"), forbidden);
    EXPECT_EQ(handed("arm32", "dccmvau-dsb-icimvau-bpiall-dsb", "ctrl-isb"), allowed);
    EXPECT_EQ(handed("x86_64", "wbinvd", "ctrl", intel), unspecified);
    EXPECT_EQ(handed("x86_64", "", "ctrl-wbinvd"), forbidden);
}

TEST(verdict_privileged, each_step_of_the_manual_s_whole_sequence_is_needed) {
    const names whole = steps("dccmvau-dsb-icimvau-bpimva-dsb");
    for (std::size_t out = 0; out < whole.size(); ++out) {
        names writer = whole;
        writer.erase(writer.begin() + static_cast<std::ptrdiff_t>(out));
        const names executor = steps("ctrl-isb");
        const question q = {relation::cross_thread, "imm", {}, 4, mapping::same, writer, executor, true,
                            witness::stale,         {}};
        EXPECT_EQ(judge(rules_of("arm32"), q).ruling, allowed) << whole[out];
    }
    EXPECT_EQ(handed("arm32", "dccmvau-dsb-icimvau-bpimva-dsb", "ctrl-isb"), forbidden);
}

TEST(verdict_privileged, a_translation_lives_until_it_is_invalidated) {
    EXPECT_EQ(handed("aarch64", "remap-dsb.ishst-tlbi-dsb.ish", "ctrl-isb"), forbidden);
    EXPECT_EQ(handed("aarch64", "remap-dsb.ishst-tlbi.asid-dsb.ish", "ctrl-isb"), forbidden);
    for (const std::string_view without : {"remap-tlbi-dsb.ish", "remap-dsb.ishst-dsb.ish", "remap-dsb.ishst-tlbi",
                                           "remap-dc.cvau-dsb.ish-ic.ivau-dsb.ish"})
        EXPECT_EQ(handed("aarch64", without, "ctrl-isb", idc1_dic1), allowed) << without;
    EXPECT_EQ(handed("arm32", "remap-dsb-tlbi-bpiallis-dsb", "ctrl-isb"), forbidden);
    EXPECT_EQ(handed("arm32", "remap-dsb-tlbi-dsb", "ctrl-isb"), allowed);
    EXPECT_EQ(handed("riscv64", "remap-fence.w.w", "ctrl-sfence.vma-fence.i"), forbidden);
    EXPECT_EQ(handed("riscv64", "remap-fence.w.w-sfence.vma", "ctrl-fence.i"), allowed);
    EXPECT_EQ(handed("x86_64", "remap", "ctrl-invlpg"), forbidden);
    EXPECT_EQ(handed("x86_64", "remap", "ctrl-mov.cr3"), forbidden);
    EXPECT_EQ(handed("x86_64", "remap-invlpg", "ctrl-cpuid", amd), allowed);
}

// Who is interrupted has not synchronized himself, and the other way round: one of the two is not enough for all.
TEST(verdict_privileged, where_some_are_interrupted_and_some_look_for_themselves_both_are_needed) {
    EXPECT_EQ(handed("aarch64", "dc.cvau-dsb.ish-ic.ivau-dsb.ish-ipi", "by_turns-ctrl-isb"), forbidden);
    EXPECT_EQ(handed("aarch64", "dc.cvau-dsb.ish-ic.ivau-dsb.ish-ipi", "by_turns-ctrl"), allowed);
    EXPECT_EQ(handed("aarch64", "dc.cvau-dsb.ish-ic.ivau-dsb.ish", "by_turns-ctrl-isb"), allowed);
    EXPECT_EQ(handed("riscv64", "ipi", "by_turns-ctrl-fence.i"), forbidden);
    EXPECT_EQ(handed("riscv64", "fence.w.w", "by_turns-ctrl-fence.i"), allowed);
    EXPECT_EQ(handed("x86_64", "ipi", "by_turns-ctrl-iret"), forbidden);
    EXPECT_EQ(handed("x86_64", "ipi", "by_turns-ctrl"), unspecified);
}

TEST(verdict_privileged, who_sleeps_is_synchronized_where_the_interrupt_must_be_taken) {
    EXPECT_EQ(handed("aarch64", maintain, "wake-ctrl"), allowed);
    EXPECT_EQ(handed("aarch64", maintain, "wake-ctrl-isb"), forbidden);
    EXPECT_EQ(handed("riscv64", "fence.w.w", "wake-ctrl"), allowed);
    EXPECT_EQ(handed("x86_64", "", "wake-ctrl"), forbidden);
}

// The catalogue of a process has none of this, and that of a bare machine all.
TEST(verdict_privileged, steps_of_a_kernel_are_for_bare_machines) {
    for (const known_architecture& on : architectures) {
        std::size_t counted = 0;
        for (const ground where : {ground::linux_process, ground::bare})
            for (const test_case& t : catalogue(on, where)) {
                bool privileged = t.form->by_script != nullptr && t.form->by_script->needs == "bare";
                for (const auto* list : {&t.writer, &t.executor})
                    for (const step* s : *list) privileged |= is_privileged(*s);
                EXPECT_FALSE(privileged && where == ground::linux_process) << t.name;
                counted += privileged;
            }
        EXPECT_GT(counted, 50u) << on.isa.name;
        for (const std::string_view shape : {"TextPoke", "StaticKey", "Breakpoint.Ipi", "StopMachine", "Remap",
                                             "Remap.Asid", "Wx", "SleepingCore", "LazyIpi"}) {
            bool sufficient = shape == "Remap.Asid";  // which has no steps
            for (const test_case& t : catalogue(on, ground::bare))
                sufficient |= t.form->name == shape && t.from == origin::sufficient;
            EXPECT_TRUE(sufficient) << on.isa.name << " " << shape;
        }
    }
}

}  // namespace
}  // namespace cmodx
