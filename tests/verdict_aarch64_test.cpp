// SPDX-License-Identifier: Apache-2.0
// What is easy to get wrong about modified A64 code, one test a trap; and the agreement with the formal model.
#include <gtest/gtest.h>

#include "tests/ask.hpp"

namespace cmodx {
namespace {

using namespace asking;

// Judged by a compiler: no run time is needed, nor an allocation possible.
constexpr std::string_view split_writer[] = {"dc.cvau", "dsb.ish"};
constexpr std::string_view split_executor[] = {"ctrl", "isb", "ic.ivau", "dsb.ish", "isb"};
static_assert(
    judge(aarch64::rules,
          {relation::cross_thread, "imm", {}, 4, mapping::same, split_writer, split_executor, true, witness::stale, {}})
        .ruling == verdict::forbidden);

TEST(verdict_aarch64, maintenance_may_be_split_between_threads) {
    EXPECT_EQ(answer(aarch64::rules, {.writer = "dc.cvau-dsb.ish", .executor = "ctrl-isb-ic.ivau-dsb.ish-isb"}),
              forbidden);
    EXPECT_EQ(answer(aarch64::rules, {.writer = "dc.cvau-dsb.ish", .executor = "ctrl-isb-ic.ivau-dsb.ish"}), allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = "dc.cvau", .executor = "ctrl-isb-dsb.ish-ic.ivau-dsb.ish-isb"}),
              allowed)
        << "a DSB completes the maintenance of its own thread only";
}

TEST(verdict_aarch64, a_dsb_does_not_complete_the_maintenance_of_another_thread) {
    EXPECT_EQ(answer(aarch64::rules, {.writer = "dc.cvau-dsb.ish-ic.ivau", .executor = "dsb.ish-isb"}), allowed);
}

TEST(verdict_aarch64, isb_after_an_acquire_alone_is_not_after_it) {
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "acq-isb"}), allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "isb"}), allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "dmb.ishld-isb"}), allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "addr-isb"}), allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "isb-ctrl"}), allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "acq-ctrl-isb"}), forbidden);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "dsb.ishld-isb"}), forbidden);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "dsb.ishst-isb"}), allowed);
}

TEST(verdict_aarch64, a_pointer_published_after_maintenance_does_not_suffice) {
    for (const facts& f : {idc0_dic0, idc1_dic0, idc1_dic1})
        EXPECT_EQ(answer(aarch64::rules, {.writer = "clear_cache-stlr", .executor = "acq-addr", .machine = f}),
                  allowed);
}

TEST(verdict_aarch64, store_release_is_no_dsb) {
    const ask a = {.writer = "dc.cvau-dsb.ish-ic.ivau-stlr", .executor = "ctrl-isb"};
    for (const facts& f : {idc0_dic0, idc1_dic0}) {
        ask with = a;
        with.machine = f;
        EXPECT_EQ(answer(aarch64::rules, with), allowed);
    }
    EXPECT_EQ(answer(aarch64::rules, {.writer = "stlr", .executor = "ctrl-isb", .machine = idc1_dic1}), forbidden);
    EXPECT_EQ(answer(aarch64::rules, {.writer = "", .executor = "ctrl-isb", .machine = idc1_dic1}), allowed)
        << "the flag may be seen before the code";
}

TEST(verdict_aarch64, barriers_of_half_strength) {
    const auto same = [](std::string_view writer, const facts& f) {
        return answer(aarch64::rules, {.between = relation::same_thread, .writer = writer, .machine = f});
    };
    EXPECT_EQ(same("dc.cvau-dsb.ishst-ic.ivau-dsb.ish-isb", idc0_dic0), allowed);
    EXPECT_EQ(same("dsb.ishst-ic.ivau-dsb.ish-isb", idc1_dic0), forbidden);
    EXPECT_EQ(same("dsb.ishst-isb", idc1_dic1), forbidden);
    EXPECT_EQ(same("dmb.ish-isb", idc1_dic1), allowed);
    EXPECT_EQ(same("dc.cvau-dmb.ish-ic.ivau-dmb.ish-isb", idc0_dic0), allowed);
}

TEST(verdict_aarch64, invalidation_is_completed_before_the_isb) {
    EXPECT_EQ(answer(aarch64::rules, {.between = relation::same_thread, .writer = "dc.cvau-dsb.ish-ic.ivau-isb"}),
              allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = "dc.cvau-dsb.ish", .executor = "ctrl-isb-ic.ivau-isb"}), allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = "dc.cvau-dsb.ish-ic.ivau-membarrier", .executor = "ctrl"}), allowed);
}

// The executor's steps stand between two rounds there, not between what it saw and its fetch.
TEST(verdict_aarch64, steps_of_an_executor_that_is_told_nothing_count_for_nothing) {
    ask a = {
        .between = relation::concurrent, .writer = maintain, .executor = "isb", .site = "branch", .exclusive = false};
    EXPECT_EQ(answer(aarch64::rules, a), allowed);
    a.writer = "dc.cvau-dsb.ish-ic.ivau-dsb.ish-membarrier";
    EXPECT_EQ(answer(aarch64::rules, a), forbidden);
}

TEST(verdict_aarch64, isb_is_needed_whatever_the_caches_are) {
    for (const facts& f : {idc0_dic0, idc1_dic0, idc1_dic1}) {
        EXPECT_EQ(answer(aarch64::rules, {.between = relation::same_thread, .writer = maintain, .machine = f}),
                  allowed);
        EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "ctrl", .machine = f}), allowed);
    }
}

TEST(verdict_aarch64, dic_without_idc_needs_the_clean) {
    const facts f = {{"idc", "0"}, {"dic", "1"}};
    EXPECT_EQ(answer(aarch64::rules, {.between = relation::same_thread, .writer = "dsb.ish-isb", .machine = f}),
              allowed);
    EXPECT_EQ(answer(aarch64::rules, {.between = relation::same_thread, .writer = "dc.cvau-dsb.ish-isb", .machine = f}),
              forbidden);
}

TEST(verdict_aarch64, invalidation_must_name_the_executable_alias) {
    const auto by = [](std::string_view writer, mapping path, const facts& f = {}) {
        return answer(aarch64::rules, {.between = relation::same_thread, .writer = writer, .machine = f, .path = path});
    };
    EXPECT_EQ(by("dc.cvau.w-dsb.ish-ic.ivau-dsb.ish-isb", mapping::alias), forbidden);
    EXPECT_EQ(by("dc.cvau-dsb.ish-ic.ivau.w-dsb.ish-isb", mapping::alias), unspecified);
    EXPECT_EQ(by("dsb.ish-ic.ivau.w-dsb.ish-isb", mapping::alias, idc1_dic0), unspecified);
    EXPECT_EQ(by("dc.cvau.w-dsb.ish-ic.ivau.w-dsb.ish-isb", mapping::same), forbidden);
    EXPECT_EQ(by("dsb.ish-ic.ivau.w-dsb.ish-isb", mapping::alias, idc1_dic1), forbidden) << "no invalidation is needed";
}

TEST(verdict_aarch64, membarrier_synchronizes_and_maintains_nothing) {
    EXPECT_EQ(answer(aarch64::rules, {.writer = "membarrier", .executor = "ctrl"}), allowed);
    EXPECT_EQ(answer(aarch64::rules, {.writer = "dc.cvau-dsb.ish-ic.ivau-dsb.ish-membarrier", .executor = "ctrl"}),
              forbidden);
    EXPECT_EQ(answer(aarch64::rules, {.writer = "membarrier-dc.cvau-dsb.ish-ic.ivau-dsb.ish", .executor = "ctrl"}),
              allowed);
    EXPECT_EQ(answer(aarch64::rules,
                     {.between = relation::same_thread, .writer = "dc.cvau-dsb.ish-ic.ivau-dsb.ish-membarrier"}),
              allowed)
        << "it speaks of the caller's siblings";
}

TEST(verdict_aarch64, the_class_prevents_tearing_and_not_staleness) {
    for (const std::string_view site : {"nop_branch", "branch"}) {
        ask a = {.between = relation::concurrent, .site = site, .seen = witness::torn, .exclusive = false};
        EXPECT_EQ(answer(aarch64::rules, a), forbidden);
        a.seen = witness::fault;
        EXPECT_EQ(answer(aarch64::rules, a), forbidden);
        a.seen = witness::stale;
        EXPECT_EQ(answer(aarch64::rules, a), allowed);
        a.seen = witness::never_new;
        EXPECT_EQ(answer(aarch64::rules, a), allowed);
    }
}

TEST(verdict_aarch64, what_runs_outside_the_class_while_it_changes_is_unpredictable) {
    for (const witness w : {witness::torn, witness::fault, witness::stale}) {
        EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "ctrl-isb", .seen = w, .exclusive = false}),
                  unpredictable);
        EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "ctrl-isb", .seen = w}), forbidden);
        EXPECT_EQ(
            answer(aarch64::rules,
                   {.writer = maintain, .executor = "ctrl-isb", .site = "nop_branch", .seen = w, .exclusive = false}),
            forbidden);
    }
}

TEST(verdict_aarch64, mprotect_maintains_only_once) {
    const ask a = {.between = relation::same_thread, .writer = "isb", .path = mapping::flip};
    EXPECT_EQ(full_answer(aarch64::rules, a).ruling, allowed);
    EXPECT_EQ(full_answer(aarch64::rules, a).strength, basis::kernel_impl);
}

TEST(verdict_aarch64, an_exception_synchronizes_unless_exs_says_otherwise) {
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "ctrl-syscall"}), forbidden);
    EXPECT_EQ(answer(aarch64::rules, {.writer = maintain, .executor = "ctrl-syscall", .machine = {{"exs", "1"}}}),
              allowed);
}

TEST(verdict_aarch64, the_writers_maintenance_does_not_order_two_fetches_of_one_location) {
    const auto coff = [](std::string_view writer, const facts& f) {
        return answer(aarch64::rules, {.between = relation::same_location,
                                       .writer = writer,
                                       .machine = f,
                                       .site = "nop_branch",
                                       .seen = witness::new_then_old,
                                       .exclusive = false});
    };
    EXPECT_EQ(coff(maintain, idc0_dic0), allowed);
    EXPECT_EQ(coff(maintain, idc1_dic0), allowed);
    EXPECT_EQ(coff("", idc1_dic1), forbidden);
}

TEST(verdict_aarch64, the_weaker_of_two_foundations_counts) {
    const judgement j = full_answer(aarch64::rules, {.between = relation::same_thread, .writer = "clear_cache"});
    EXPECT_EQ(j.ruling, forbidden);
    EXPECT_EQ(j.strength, basis::kernel_abi);
    EXPECT_NE(j.source.find("__builtin___clear_cache"), j.source.npos);
    EXPECT_EQ(full_answer(aarch64::rules, {.writer = maintain, .executor = "ctrl-isb"}).strength, basis::arch_text);
    EXPECT_EQ(full_answer(aarch64::rules,
                          {.between = relation::same_thread, .writer = "dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb-migrate"})
                  .strength,
              basis::kernel_impl);
}

// herdtools7, catalogue/aarch64-ifetch/tests/kinds.txt: one letter each for CTR_EL0.{IDC, DIC} = 00, 10 and 11.
TEST(verdict_aarch64, agrees_with_the_catalogue_of_the_model) {
    struct catalogued {
        relation between;
        std::string_view writer, executor, kinds;
    };
    constexpr std::string_view full = "dc.cvau-dsb.ish-ic.ivau-dsb.ish";
    constexpr catalogued all[] = {
        {relation::same_thread, "dsb.ish", "", "AAA"},
        {relation::same_thread, "isb", "", "AAA"},
        {relation::same_thread, "dsb.ish-isb", "", "AAF"},
        {relation::same_thread, "dc.cvau-dsb.ish-isb", "", "AAF"},
        {relation::same_thread, "dsb.ish-ic.ivau-dsb.ish-isb", "", "AFF"},
        {relation::same_thread, "dsb.ish-ic.ivau-dsb.ish-dc.cvau-dsb.ish-isb", "", "AFF"},
        {relation::same_thread, "dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb", "", "FFF"},
        {relation::cross_thread, full, "ctrl-isb", "FFF"},
        {relation::cross_thread, full, "dsb.ishld-isb", "FFF"},
        {relation::cross_thread, full, "addr", "AAA"},
        {relation::cross_thread, "dsb.ish-ic.ivau-dsb.ish", "ctrl-isb", "AFF"},
        {relation::cross_thread, "dc.cvau-dsb.ish", "ctrl-isb-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::cross_thread, "dc.cvau-dsb.ish", "dsb.ish-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::cross_thread, "dc.cvau-dmb.ish", "dsb.ish-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::cross_thread, "dmb.ish", "ctrl-isb-dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::cross_thread, "dmb.ish", "dmb.ish-dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::cross_thread, "dmb.ishst", "dmb.ishld-dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb", "AFF"},
        {relation::cross_thread, "dmb.ishst", "dsb.ishld-dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::cross_thread, "dmb.ishst", "ctrl-isb-ic.ivau-dsb.ish-isb", "AFF"},
        {relation::cross_thread, "dmb.ishst", "dsb.ish-ic.ivau-dsb.ish-isb", "AFF"},
        {relation::cross_thread, "dmb.ishst", "dsb.ish-isb", "AAF"},
        {relation::cross_thread, "dmb.ishst", "ctrl-isb", "AAF"},
        {relation::third_party, "", "ctrl-isb", "AAF"},
        {relation::third_party, full, "ctrl-isb", "AAF"},
        {relation::third_party, "", "dsb.ish-isb", "AAF"},
        {relation::third_party, full, "dsb.ish", "AAA"},
        {relation::third_party, "", "dsb.ish-dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::third_party, "", "dsb.ish-ic.ivau-dsb.ish-isb", "AFF"},
        {relation::two_locations, "dmb.ishst", "", "AAF"},
        {relation::two_locations, "dsb.ish", "", "AAF"},
        {relation::two_locations, full, "", "FFF"},
        {relation::two_locations, "dc.cvau-dsb.ish", "", "AAF"},
        {relation::two_locations, "dc.cvau-dsb.ish", "ic.ivau-dsb.ish", "AAF"},
        {relation::two_locations, "dc.cvau-dsb.ish", "ic.ivau-dsb.ish-isb", "FFF"},
        {relation::two_locations, "dc.cvau-dsb.ish", "isb-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::two_locations, "dmb.ishst", "dc.cvau-dsb.ish-ic.ivau-dsb.ish", "AAF"},
        {relation::two_locations, "dmb.ishst", "dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb", "FFF"},
        {relation::two_locations, "dmb.ishst", "ic.ivau-dsb.ish-isb", "AFF"},
        {relation::two_locations, "dmb.ishst", "dc.cvau-dsb.ish-isb", "AAF"},
        {relation::same_location, "", "", "AAF"},
        {relation::fetch_to_load, "", "", "FFF"},
    };
    const facts machines[] = {idc0_dic0, idc1_dic0, idc1_dic1};
    for (const catalogued& c : all)
        for (std::size_t i = 0; i < 3; ++i) {
            const witness seen = c.between == relation::two_locations   ? witness::second_first
                                 : c.between == relation::same_location ? witness::new_then_old
                                 : c.between == relation::fetch_to_load ? witness::fetch_then_old_data
                                                                        : witness::stale;
            EXPECT_EQ(answer(aarch64::rules, {.between = c.between,
                                              .writer = c.writer,
                                              .executor = c.executor,
                                              .machine = machines[i],
                                              .site = "branch",
                                              .seen = seen,
                                              .exclusive = false}),
                      c.kinds[i] == 'F' ? forbidden : allowed)
                << static_cast<int>(c.between) << " " << c.writer << "+" << c.executor << " " << i;
        }
}

}  // namespace
}  // namespace cmodx
