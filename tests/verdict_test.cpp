// SPDX-License-Identifier: Apache-2.0
// What is easy to get wrong about modified code on x86-64, RISC-V and A32, one test a trap.
#include <gtest/gtest.h>

#include "tests/ask.hpp"

namespace cmodx {
namespace {

using namespace asking;

TEST(verdict_arm32, cacheflush_synchronizes_only_its_caller) {
    EXPECT_EQ(answer(arm32::rules, {.between = relation::same_thread, .writer = "cacheflush"}), forbidden);
    EXPECT_EQ(answer(arm32::rules, {.writer = "cacheflush", .executor = "ctrl"}), allowed);
    EXPECT_EQ(answer(arm32::rules, {.writer = "cacheflush", .executor = "ctrl-isb"}), forbidden);
    EXPECT_EQ(answer(arm32::rules, {.writer = "cacheflush", .executor = "isb"}), allowed);
    EXPECT_EQ(answer(arm32::rules, {.writer = "cacheflush-membarrier", .executor = "ctrl"}), forbidden);
    EXPECT_EQ(answer(arm32::rules, {.writer = "membarrier-cacheflush", .executor = "ctrl"}), allowed);
    EXPECT_EQ(answer(arm32::rules, {.writer = "membarrier", .executor = "ctrl"}), allowed);
}

TEST(verdict_arm32, the_executor_may_flush) {
    EXPECT_EQ(answer(arm32::rules, {.writer = "dmb", .executor = "ctrl-cacheflush"}), forbidden);
    EXPECT_EQ(answer(arm32::rules, {.writer = "dmb", .executor = "cacheflush"}), allowed)
        << "the flag may be read after";
    EXPECT_EQ(answer(arm32::rules, {.writer = "", .executor = "ctrl-cacheflush"}), allowed);
}

TEST(verdict_arm32, idc_and_dic_each_spare_half_of_the_maintenance) {
    const auto under = [](std::string_view writer, const facts& machine) {
        return answer(arm32::rules, {.writer = writer, .executor = "ctrl-isb", .machine = machine});
    };
    EXPECT_EQ(under("dsb-icimvau-bpimva-dsb", idc0_dic0), allowed);
    EXPECT_EQ(under("dsb-icimvau-bpimva-dsb", idc1_dic0), forbidden);
    EXPECT_EQ(under("dccmvau-dsb", idc1_dic0), allowed);
    EXPECT_EQ(under("dccmvau-dsb", {{"idc", "0"}, {"dic", "1"}}), forbidden);
}

TEST(verdict, who_was_synchronized_before_the_hand_over_needs_no_order_after_it) {
    EXPECT_EQ(answer(riscv64::rules, {.writer = "membarrier"}), forbidden);
    EXPECT_EQ(answer(aarch64::rules, {.writer = "dc.cvau-dsb.ish-ic.ivau-dsb.ish-membarrier"}), forbidden);
    EXPECT_EQ(answer(arm32::rules, {.writer = "cacheflush-membarrier"}), forbidden);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "isb"}), allowed)
        << "its own synchronization may come before the load of the flag";
    EXPECT_EQ(answer(aarch64::rules, {.between = relation::load_to_fetch, .writer = "membarrier"}), allowed);
}

TEST(verdict, what_is_written_or_loaded_in_pieces_may_be_torn) {
    for (const mapping path : {mapping::poke, mapping::process}) {
        const ask a = {.path = path, .seen = witness::torn};
        ask on_amd = a;
        on_amd.machine = amd;
        EXPECT_NE(answer(x86_64::rules, on_amd), forbidden);
        ask on_ziccif = a;
        on_ziccif.machine = ziccif;
        EXPECT_NE(answer(riscv64::rules, on_ziccif), forbidden);
    }
    ask literal = {.between = relation::data,
                   .writer = "fence.w.w",
                   .executor = "fence.rw.rw",
                   .site = "literal",
                   .seen = witness::torn};
    EXPECT_EQ(answer(riscv64::rules, literal), forbidden);
    literal.at = {64, 2};
    EXPECT_EQ(answer(riscv64::rules, literal), allowed);
    literal.writer = literal.executor = "";
    EXPECT_EQ(answer(x86_64::rules, literal), allowed);
    literal.at = {};
    EXPECT_EQ(answer(x86_64::rules, literal), forbidden);
}

TEST(verdict_x86_64, without_a_vendor_both_must_forbid) {
    const auto same = [](std::string_view writer, const facts& f) {
        return answer(x86_64::rules, {.between = relation::same_thread, .writer = writer, .machine = f});
    };
    EXPECT_EQ(same("", amd), forbidden);
    EXPECT_EQ(same("", intel), unspecified);
    EXPECT_EQ(same("", {}), unspecified);
    EXPECT_EQ(same("jmp", {}), forbidden);
    EXPECT_EQ(same("serialize", {}), forbidden);
}

TEST(verdict_x86_64, mfence_serializes_on_amd_only_and_lock_on_neither) {
    EXPECT_EQ(answer(x86_64::rules, {.executor = "ctrl-mfence", .machine = amd}), forbidden);
    EXPECT_EQ(answer(x86_64::rules, {.executor = "ctrl-mfence", .machine = intel}), unspecified);
    EXPECT_EQ(answer(x86_64::rules, {.executor = "ctrl-mfence"}), unspecified);
    for (const std::string_view executor : {"ctrl-lock", "ctrl-lfence", "ctrl-sfence", "ctrl"}) {
        EXPECT_EQ(answer(x86_64::rules, {.executor = executor, .machine = amd}), allowed);
        EXPECT_EQ(answer(x86_64::rules, {.executor = executor, .machine = intel}), unspecified);
    }
}

TEST(verdict_x86_64, the_executor_serializes_and_not_the_writer) {
    EXPECT_EQ(answer(x86_64::rules, {.writer = "cpuid", .executor = "ctrl"}), unspecified);
    EXPECT_EQ(answer(x86_64::rules, {.writer = "", .executor = "ctrl-cpuid"}), forbidden);
    EXPECT_EQ(answer(x86_64::rules, {.writer = "membarrier", .executor = "ctrl"}), forbidden);
    EXPECT_EQ(answer(x86_64::rules, {.writer = "", .executor = "ctrl-jmp", .machine = intel}), unspecified)
        << "Option 1 is for a thread's own code";
}

TEST(verdict_x86_64, a_jump_does_not_serve_for_an_alias) {
    const auto alias = [](std::string_view writer, const facts& f) {
        return answer(x86_64::rules,
                      {.between = relation::same_thread, .writer = writer, .machine = f, .path = mapping::alias});
    };
    EXPECT_EQ(alias("jmp", intel), unspecified);
    EXPECT_EQ(alias("cpuid", intel), forbidden);
    EXPECT_EQ(alias("", amd), forbidden);
}

TEST(verdict_x86_64, amd_promises_an_aligned_quadword_and_intel_nothing) {
    ask a = {.between = relation::concurrent, .machine = amd, .seen = witness::torn, .exclusive = false};
    EXPECT_EQ(answer(x86_64::rules, a), forbidden);
    for (const unsigned boundary : {8u, 16u, 32u, 64u, 4096u})
        for (std::uint8_t before = 0; before <= 4; ++before) {
            a.at = {static_cast<std::uint16_t>(boundary), before};
            EXPECT_EQ(answer(x86_64::rules, a), before % 4 == 0 ? forbidden : allowed)
                << boundary << " " << int{before};
        }
    a.at = {64, 10};
    EXPECT_EQ(answer(x86_64::rules, a), allowed) << "in front of the boundary, but over that of a quadword";
    a.at = {};
    a.patch_size = 8;
    EXPECT_EQ(answer(x86_64::rules, a), forbidden);
    a.patch_size = 96;
    EXPECT_EQ(answer(x86_64::rules, a), allowed);
    a.patch_size = 4;
    a.machine = intel;
    EXPECT_EQ(full_answer(x86_64::rules, a).ruling, unspecified);
    EXPECT_EQ(full_answer(x86_64::rules, a).strength, basis::vendor_informal);
    a.machine = {};
    EXPECT_EQ(answer(x86_64::rules, a), unspecified);
}

TEST(verdict_x86_64, torn_follows_the_site_when_code_runs_meanwhile) {
    const ask a = {.executor = "ctrl-cpuid", .seen = witness::torn, .exclusive = false, .patch_size = 96};
    EXPECT_EQ(answer(x86_64::rules, a), unspecified);
    ask alone = a;
    alone.exclusive = true;
    EXPECT_EQ(answer(x86_64::rules, alone), forbidden);
}

TEST(verdict_x86_64, leaving_the_kernel_is_no_contract) {
    for (const std::string_view executor : {"ctrl-sigreturn", "ctrl-syscall"})
        EXPECT_EQ(answer(x86_64::rules, {.executor = executor}), unspecified);
}

TEST(verdict_riscv64, fence_i_is_local) {
    EXPECT_EQ(answer(riscv64::rules, {.writer = "fence.i-fence.w.w", .executor = "ctrl"}), allowed);
    EXPECT_EQ(answer(riscv64::rules, {.writer = "fence.w.w", .executor = "ctrl-fence.i"}), forbidden);
    EXPECT_EQ(answer(riscv64::rules, {.writer = "fence.w.w", .executor = "fence.i"}), forbidden)
        << "the manual's own example has no branch";
    EXPECT_EQ(answer(riscv64::rules, {.writer = "", .executor = "ctrl-fence.i"}), allowed)
        << "the stores are not ordered";
    EXPECT_EQ(answer(riscv64::rules, {.writer = "flush_icache", .executor = "ctrl"}), forbidden);
    EXPECT_EQ(answer(riscv64::rules, {.writer = "flush_icache.local-fence.w.w", .executor = "ctrl"}), allowed);
    EXPECT_EQ(answer(riscv64::rules, {.writer = "membarrier", .executor = "ctrl"}), forbidden);
}

TEST(verdict_riscv64, a_moved_thread_loses_its_fence_i) {
    const auto same = [](std::string_view writer) {
        return answer(riscv64::rules, {.between = relation::same_thread, .writer = writer});
    };
    EXPECT_EQ(same("fence.i"), forbidden);
    EXPECT_EQ(same("fence.i-migrate"), allowed);
    EXPECT_EQ(same("migrate-fence.i"), forbidden);
    EXPECT_EQ(same("prctl.icache-fence.i-migrate"), forbidden);
    EXPECT_EQ(same("flush_icache-migrate"), forbidden);
    EXPECT_EQ(same("flush_icache.local-migrate"), allowed);
    EXPECT_EQ(same("fence.i-prctl.icache-migrate"), forbidden);
    EXPECT_EQ(same("fence.i-migrate-prctl.icache"), allowed) << "the kernel promises for later moves only";
    EXPECT_EQ(same("clear_cache-migrate"), forbidden);
}

TEST(verdict_riscv64, who_asks_others_for_fence_i_executes_a_fence_before) {
    const auto to = [](std::string_view writer, std::string_view executor) {
        return answer(riscv64::rules, {.writer = writer, .executor = executor});
    };
    EXPECT_EQ(to("rfence.i", "ctrl"), allowed);
    EXPECT_EQ(to("rfence.i-fence.w.w", "ctrl"), allowed);
    EXPECT_EQ(to("fence.w.w-rfence.i", "ctrl"), forbidden);
    EXPECT_EQ(to("sfence.vma", "ctrl-fence.i"), allowed) << "it orders stores before translations, not before stores";
}

TEST(verdict_riscv64, what_fence_i_does_to_earlier_fetches_depends_on_the_edition) {
    ask a = {.between = relation::same_location, .seen = witness::new_then_old, .exclusive = false};
    EXPECT_EQ(answer(riscv64::rules, a), allowed);
    a.executor = "fence.i";
    EXPECT_EQ(answer(riscv64::rules, a), unspecified);
}

TEST(verdict_riscv64, clear_cache_reaches_other_threads_in_practice_only) {
    const judgement j = full_answer(riscv64::rules, {.writer = "clear_cache", .executor = "ctrl"});
    EXPECT_EQ(j.ruling, forbidden);
    EXPECT_FALSE(gates(j.strength));
}

TEST(verdict_riscv64, ziccif_covers_four_aligned_bytes) {
    ask a = {.between = relation::concurrent, .machine = ziccif, .seen = witness::torn, .exclusive = false};
    EXPECT_EQ(answer(riscv64::rules, a), forbidden);
    a.at = {64, 2};
    EXPECT_EQ(answer(riscv64::rules, a), unspecified);
    a.at = {64, 4};
    EXPECT_EQ(answer(riscv64::rules, a), forbidden);
    a.at = {};
    a.patch_size = 8;
    EXPECT_EQ(answer(riscv64::rules, a), unspecified);
    a.patch_size = 4;
    a.machine = {};
    EXPECT_EQ(answer(riscv64::rules, a), unspecified);
}

TEST(verdict_riscv64, ziccid_promises_eventually_and_in_order_but_not_at_once) {
    ask a = {.between = relation::concurrent, .machine = ziccid, .seen = witness::never_new, .exclusive = false};
    EXPECT_EQ(answer(riscv64::rules, a), forbidden);
    a.machine = ziccif;
    EXPECT_EQ(answer(riscv64::rules, a), allowed);
    EXPECT_EQ(answer(riscv64::rules, {.writer = "fence.w.w", .executor = "ctrl", .machine = ziccid}), allowed);
    ask b = {
        .between = relation::two_locations, .writer = "fence.w.w", .machine = ziccid, .seen = witness::second_first};
    EXPECT_EQ(answer(riscv64::rules, b), forbidden);
    b.writer = "";
    EXPECT_EQ(answer(riscv64::rules, b), allowed);
}

}  // namespace
}  // namespace cmodx
