// SPDX-License-Identifier: Apache-2.0
// What the Arm architecture requires of modified A64 code, and what Linux adds.
#pragma once

#include "arch/verdict.hpp"

namespace cmodx::aarch64 {

// Arm ARM DDI0487. The list of B2.2.5 has grown with the editions; B, BL, BRK, HVC, ISB, NOP, SMC and SVC are in all of
// the last, so that is the class used here: a conditional branch is not taken to be in it.
inline constexpr std::string_view concurrent_modification =
    "Arm ARM DDI0487, \"Concurrent modification and execution of instructions\" (B2.2.5; B2.6.5 in older editions)";
inline constexpr std::string_view synchronization =
    "Arm ARM DDI0487, \"Synchronization and coherency issues between data and instruction accesses\" (B2.7.4.2; B2.4.4 "
    "in older editions)";
inline constexpr std::string_view model =
    "herdtools7, herd/libdir/aarch64.cat with variant ifetch and catalogue/aarch64-ifetch/tests/kinds.txt; Simner et "
    "al., "
    "\"ARMv8-A system semantics: instruction fetch in relaxed architectures\", ESOP 2020";
inline constexpr std::string_view memory_model = "Arm ARM DDI0487, \"Definition of the Arm memory model\" (B2.3)";
inline constexpr std::string_view translation =
    "Arm ARM DDI0487, \"TLB maintenance requirements and the TLB maintenance instructions\" (D8.17; D5.10 in older "
    "editions)";
inline constexpr std::string_view asids =
    "Arm ARM DDI0487, \"Use of ASIDs and VMIDs to reduce TLB maintenance requirements\" (D8.16)";
inline constexpr std::string_view linux_flush = "Linux 6.12, arch/arm64/mm/flush.c";
inline constexpr std::string_view linux_switch = "Linux 6.12, arch/arm64/kernel/process.c, __switch_to";
inline constexpr std::string_view membarrier_header =
    "membarrier(2) and include/uapi/linux/membarrier.h, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE";
inline constexpr std::string_view clear_cache_manual =
    "GCC manual, \"__builtin___clear_cache\"; libgcc, config/aarch64/sync-cache.c";

namespace detail {

using namespace effect;

inline constexpr effects dmb = order_stores | order_loads | order_clean;
inline constexpr effects dsb = dmb | complete | stores_done | loads_done;

}  // namespace detail

// A DSB that is limited to loads or to stores does not wait for cache maintenance (DDI0487, "Data Synchronization
// Barrier"). STLR and LDAR order memory accesses only: neither completes maintenance nor holds back an ISB.
// clang-format off
inline constexpr action actions[] = {
    {"dc.cvau", {effect::clean}},
    {"dc.civac", {effect::clean}},
    {"dc.cvau.w", {effect::clean}},  // by any alias: the data cache is physically tagged to software
    {"ic.ivau", {effect::invalidate}},
    {.step = "ic.ivau.w", .does = {effect::invalidate}, .paths = set_of(mapping::same, mapping::flip)},
    {.step = "ic.ivau.w", .does = {effect::invalidate_alias}, .paths = set_of(mapping::alias)},
    {"dsb.ish", {detail::dsb}},
    {"dsb.sy", {detail::dsb}},
    {"dsb.ishst", {effect::stores_done | effect::order_stores}},
    {"dsb.ishld", {effect::loads_done | effect::order_loads}},
    {"dmb.ish", {detail::dmb}},
    {"dmb.sy", {detail::dmb}},
    {"dmb.ishst", {effect::order_stores}},
    {"dmb.ishld", {effect::order_loads}},
    {"isb", {effect::sync}},
    {"stlr", {effect::order_stores}},
    {"rel", {effect::order_stores}},
    {"acq", {effect::order_loads}},
    {"ctrl", {effect::branch | effect::depend}},
    {"addr", {effect::depend}},
    // Exception entry and return synchronize the context, unless FEAT_ExS lets software switch that off.
    {.step = "syscall", .does = {effect::sync}, .when = "exs!=1"},
    {.step = "sigreturn", .does = {effect::sync}, .when = "exs!=1"},
    {"migrate", {effect::moved, detail::dsb, effect::sync}, basis::kernel_impl, linux_switch},
    {.step = "eret", .does = {effect::sync}, .when = "exs!=1"},
    // All addresses, hence those of aliases: on this PE, or on all of the inner shareable domain.
    {"ic.iallu", {effect::invalidate_here}},
    {"ic.ialluis", {effect::invalidate}},
    {"tlbi", {effect::forget}},
    {"tlbi.asid", {effect::forget}},
    // A DSB before the interrupt is sent; an ISB in the handler.
    {"ipi", {detail::dsb, effect::sync_others}},
    {"remap", {effect::remapped}},
    {"by_turns", {effect::by_turns}},
    {"switch_asid", {effect::remapped, detail::dsb, effect::forget, detail::dsb, effect::sync}, basis::arch_text, asids},
    {"switch_space", {effect::remapped, detail::dsb, effect::sync}},
    {"wake", {}},  // WFI is none of the events that synchronize the context, and the interrupt is not taken yet
    {"membarrier", {detail::dmb | effect::stores_done}, basis::kernel_abi, membarrier_header},
    {.step = "membarrier", .does = {effect::sync_others}, .strength = basis::kernel_abi, .source = membarrier_header,
     .paths = one_process},
    {"fork", {effect::copied}},
    {"paged_in",
     {effect::clean, detail::dsb, effect::invalidate, detail::dsb, effect::sync},
     basis::kernel_impl,
     linux_flush},
    {"clear_cache",
     {effect::clean, detail::dsb, effect::invalidate, detail::dsb, effect::sync},
     basis::kernel_abi,
     clear_cache_manual},
};
// clang-format on

namespace detail {

inline constexpr need store{.what = modify, .published = order_stores};
inline constexpr need cleaned{.what = clean, .published = order_clean};
inline constexpr need synchronized{.what = sync | sync_others, .after = complete};
inline constexpr need executed{.what = fetch, .unless = moved};
inline constexpr need invalidated{.what = invalidate, .after = complete, .published = complete};

// By CTR_EL0.{IDC, DIC}. The links follow each other on one thread or on two; the last is a context
// synchronization of the thread that fetches.
inline constexpr chain maintained{store, cleaned, invalidated, synchronized, executed};
inline constexpr chain maintained_idc{
    store, {.what = invalidate, .after = stores_done, .published = complete}, synchronized, executed};
inline constexpr chain maintained_dic{store, cleaned, synchronized, executed};
inline constexpr chain maintained_idc_dic{store, {.what = sync | sync_others, .after = stores_done}, executed};
inline constexpr chain maintained_by_alias{
    store,
    cleaned,
    {.what = invalidate | invalidate_alias, .after = complete, .published = complete},
    synchronized,
    executed};
inline constexpr chain maintained_by_alias_idc{
    store,
    {.what = invalidate | invalidate_alias, .after = stores_done, .published = complete},
    synchronized,
    executed};

// Some are interrupted after the maintenance, and the others synchronize themselves when they come.
inline constexpr need interrupted{.what = sync_others, .after = complete};
inline constexpr chain by_turns_maintained{store, cleaned, invalidated, interrupted, {.what = sync}, executed};
inline constexpr chain by_turns_idc{
    store, {.what = invalidate, .after = stores_done, .published = complete}, interrupted, {.what = sync}, executed};
inline constexpr chain by_turns_idc_dic{store, {.what = sync_others, .after = stores_done}, {.what = sync}, executed};
// The store is that to the page tables.
inline constexpr chain retranslated{
    store, {.what = forget, .after = stores_done, .published = complete}, synchronized, executed};

inline constexpr chain read_in_order{store, {.what = fetch}};

// Fetches are in program order: what the writer completed before the second store needs no synchronization after.
inline constexpr need fetched_later{.what = fetch, .after = never};
inline constexpr chain written_in_order{store, cleaned, invalidated, fetched_later};
inline constexpr chain written_in_order_idc{
    store, {.what = invalidate, .after = stores_done, .published = complete}, fetched_later};
inline constexpr chain written_in_order_idc_dic{store, fetched_later};

constexpr bool is_pair(const question& q) { return q.site == "pair"; }  // of branches
constexpr bool is_conditional(const question& q) { return q.site == "cond_branch"; }
constexpr bool in_class(const question& q) { return q.site == "branch" || q.site == "nop_branch" || is_pair(q); }
constexpr bool in_class_throughout(const question& q) { return in_class(q) && (q.patch_size <= 4 || is_pair(q)); }
constexpr bool races_outside_class(const question& q) { return races(q) && !in_class(q); }

}  // namespace detail

// clang-format off
inline constexpr statement statements[] = {
    {.between = set_of(relation::data), .seen = broken, .ruling = verdict::forbidden, .strength = basis::arch_text,
     .source = memory_model, .reason = "an aligned word is loaded whole"},
    {.between = set_of(relation::data), .found = detail::read_in_order,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = memory_model,
     .reason = "what is modified is data: its store is ordered before the flag's, and its load after the flag's"},
    {.between = set_of(relation::data), .ruling = verdict::allowed, .strength = basis::arch_text,
     .source = memory_model,
     .reason = "what is modified is data, and its store or its load is not ordered with the flag's"},
    {.seen = broken, .holds = detail::in_class_throughout, .ruling = verdict::forbidden, .strength = basis::arch_text,
     .source = concurrent_modification,
     .reason = "both instructions are in the class that may be exchanged while they run: one of the two executes"},
    {.seen = set_of(witness::mixed), .holds = detail::is_conditional, .ruling = verdict::allowed,
     .strength = basis::arch_text, .source = concurrent_modification,
     .reason = "where condition and target of a branch both change, the old of one may go with the new of the other"},
    {.seen = mixtures, .holds = detail::is_pair, .ruling = verdict::allowed, .strength = basis::inferred,
     .source = concurrent_modification,
     .reason = "each of the two instructions is old or new, and nothing is said of both"},
    {.holds = detail::races_outside_class, .ruling = verdict::unpredictable, .strength = basis::arch_text,
     .source = concurrent_modification,
     .reason = "the instruction runs while it is modified and is not in the class for which that is defined"},

    {.between = handed_over, .seen = not_new, .with = effect::remapped, .found = detail::retranslated,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = translation,
     .reason = "the old translation was invalidated, and the executing thread then synchronized its context"},
    {.seen = not_new, .with = effect::remapped,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = translation,
     .reason = "a TLB may hold the old translation until it is invalidated and the context is synchronized"},
    {.between = handed_over, .seen = not_new, .with = effect::by_turns, .found = detail::by_turns_maintained,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "maintained, and every thread was interrupted then, or synchronized its context when it came"},
    {.between = handed_over, .seen = not_new, .when = "idc=1", .with = effect::by_turns, .found = detail::by_turns_idc,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "maintained, and every thread was interrupted then, or synchronized its context when it came"},
    {.between = handed_over, .seen = not_new, .when = "idc=1,dic=1", .with = effect::by_turns,
     .found = detail::by_turns_idc_dic,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "complete, and every thread was interrupted then, or synchronized its context when it came"},
    {.seen = not_new, .with = effect::by_turns,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = synchronization,
     .reason = "a thread that was not interrupted synchronizes its context only when it comes, and one that was there "
               "only by the interrupt"},

    {.between = handed_over, .seen = not_new, .with = effect::copied, .found = detail::maintained,
     .ruling = verdict::forbidden, .strength = basis::kernel_impl, .source = linux_flush,
     .reason = "the kernel maintained the copy of the page, and the thread what it modified"},
    {.between = handed_over, .seen = not_new, .when = "idc=1", .with = effect::copied, .found = detail::maintained_idc,
     .ruling = verdict::forbidden, .strength = basis::kernel_impl, .source = linux_flush,
     .reason = "the kernel maintained the copy of the page, and the thread what it modified"},
    {.between = handed_over, .seen = not_new, .when = "idc=1,dic=1", .with = effect::copied,
     .found = detail::maintained_idc_dic,
     .ruling = verdict::forbidden, .strength = basis::kernel_impl, .source = linux_flush,
     .reason = "the kernel maintained the copy of the page, and the thread what it modified"},
    {.between = handed_over, .seen = not_new, .found = detail::maintained,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "cleaned, invalidated and completed, and the executing thread then synchronized its context"},
    {.between = handed_over, .seen = not_new, .when = "idc=1", .found = detail::maintained_idc,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "with IDC=1 no clean is needed: complete, then invalidated, then the context synchronized"},
    {.between = handed_over, .seen = not_new, .when = "idc=1,dic=1", .found = detail::maintained_idc_dic,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "with IDC=1 and DIC=1 no maintenance is needed: the store was complete, then the context synchronized"},
    // Legal by the register's description, though no configuration of the model.
    {.between = handed_over, .seen = not_new, .when = "dic=1", .found = detail::maintained_dic,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "with DIC=1 no invalidation is needed: cleaned, completed, then the context synchronized"},
    {.between = handed_over, .seen = not_new, .paths = set_of(mapping::alias), .found = detail::maintained_by_alias,
     .ruling = verdict::unspecified, .strength = basis::inferred, .source = linux_flush,
     .reason = "the invalidation named the writable address, by which a virtually indexed cache may miss the code"},
    {.between = handed_over, .seen = not_new, .paths = set_of(mapping::alias), .when = "idc=1",
     .found = detail::maintained_by_alias_idc,
     .ruling = verdict::unspecified, .strength = basis::inferred, .source = linux_flush,
     .reason = "the invalidation named the writable address, by which a virtually indexed cache may miss the code"},

    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first),
     .found = detail::written_in_order,
     .ruling = verdict::forbidden, .strength = basis::arch_model, .source = model,
     .reason = "the first modification was maintained before the second was made, and fetches are in program order"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first), .when = "idc=1",
     .found = detail::written_in_order_idc, .ruling = verdict::forbidden, .strength = basis::arch_model,
     .source = model,
     .reason = "the first modification was maintained before the second was made, and fetches are in program order"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first), .when = "idc=1,dic=1",
     .found = detail::written_in_order_idc_dic, .ruling = verdict::forbidden, .strength = basis::arch_model,
     .source = model, .reason = "with DIC=1 fetches see stores in order, and the two stores were ordered"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first), .found = detail::maintained,
     .ruling = verdict::forbidden, .strength = basis::arch_model, .source = model,
     .reason = "the first location was maintained, and the context synchronized, before it was fetched"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first), .when = "idc=1",
     .found = detail::maintained_idc, .ruling = verdict::forbidden, .strength = basis::arch_model, .source = model,
     .reason = "the first location was invalidated, and the context synchronized, before it was fetched"},

    {.between = set_of(relation::same_location), .seen = went_back, .when = "idc=1,dic=1",
     .ruling = verdict::forbidden, .strength = basis::arch_model, .source = model,
     .reason = "with DIC=1 two fetches of one location are coherent"},
    // The writer's own maintenance is no help against the generation that it has just replaced: between its store and its maintenance the executor may fetch the
    // new code and then, from a cache that is not invalidated yet, the old.
    {.between = set_of(relation::same_location), .seen = set_of(witness::new_then_older),
     .found = detail::written_in_order, .ruling = verdict::forbidden, .strength = basis::arch_model, .source = model,
     .reason = "the generation between the two was maintained before the one that was seen was written"},
    {.between = set_of(relation::same_location), .seen = set_of(witness::new_then_older), .when = "idc=1",
     .found = detail::written_in_order_idc, .ruling = verdict::forbidden, .strength = basis::arch_model,
     .source = model,
     .reason = "the generation between the two was maintained before the one that was seen was written"},
    {.between = set_of(relation::same_location), .seen = went_back, .found = detail::maintained,
     .ruling = verdict::forbidden, .strength = basis::inferred, .source = model,
     .reason = "the executing thread maintained the location and synchronized its context between its two fetches"},
    {.between = set_of(relation::same_location), .seen = went_back,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = synchronization,
     .reason = "that the new instruction was seen does not mean that the old will not be seen again"},

    {.between = set_of(relation::fetch_to_load), .seen = set_of(witness::fetch_then_old_data),
     .ruling = verdict::forbidden, .strength = basis::arch_model, .source = model,
     .reason = "a fetch that sees a store is ordered before later accesses of the thread, and these see it too"},
    {.between = set_of(relation::fetch_to_data), .seen = set_of(witness::fetch_then_old_data),
     .found = detail::read_in_order, .ruling = verdict::forbidden, .strength = basis::arch_model, .source = model,
     .reason = "the data was written before the code, and the fetch of the code comes before later accesses"},
    {.between = set_of(relation::fetch_to_data), .seen = set_of(witness::fetch_then_old_data),
     .ruling = verdict::allowed, .strength = basis::arch_model, .source = model,
     .reason = "the stores to the data and to the code are not ordered"},

    {.seen = not_new, .paths = set_of(mapping::flip),
     .ruling = verdict::allowed, .strength = basis::kernel_impl, .source = linux_flush,
     .reason = "mprotect maintains a page the first time it becomes executable only, and the steps do not"},
    {.seen = not_new, .ruling = verdict::allowed, .strength = basis::arch_text, .source = synchronization,
     .reason = "an instruction may have been fetched at any time since the last context synchronization, from caches "
               "that are not coherent"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first),
     .ruling = verdict::allowed, .strength = basis::arch_model, .source = model,
     .reason = "the first location may still be fetched from a cache that is not coherent"},
};

inline constexpr protocol protocols[] = {
    {relation::same_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb"},
    {relation::same_thread, protocol::origin::sufficient, "dsb.ish-ic.ivau-dsb.ish-isb"},
    {relation::same_thread, protocol::origin::sufficient, "dsb.ish-isb"},
    {relation::same_thread, protocol::origin::sufficient, "clear_cache"},
    {relation::same_thread, protocol::origin::practice, ""},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish", "dsb.ishld-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish-membarrier", "ctrl"},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish", "ctrl-isb-ic.ivau-dsb.ish-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "dsb.ish-ic.ivau-dsb.ish", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "dsb.ish", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "stlr", "acq-ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "clear_cache", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "clear_cache-membarrier", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, "clear_cache", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, "clear_cache-stlr", "acq"},
    {relation::cross_thread, protocol::origin::practice, "dc.cvau-dsb.ish-ic.ivau-dsb.ish", "acq-isb"},
    {relation::cross_thread, protocol::origin::practice, "dc.cvau-dsb.ish-ic.ivau-stlr", "acq-ctrl-isb"},
    {relation::cross_thread, protocol::origin::practice, "membarrier", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, ""},
    {relation::concurrent, protocol::origin::practice, ""},
    {relation::same_location, protocol::origin::sufficient, ""},  // DIC=1
    {relation::same_location, protocol::origin::practice, "dc.cvau-dsb.ish-ic.ivau-dsb.ish"},
    {relation::two_locations, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish"},
    {relation::two_locations, protocol::origin::sufficient, "dmb.ishst"},  // DIC=1
    {relation::two_locations, protocol::origin::practice, ""},
    {relation::third_party, protocol::origin::sufficient, "", "ctrl-isb"},  // DIC=1
    {relation::third_party, protocol::origin::sufficient, "", "dsb.ish-dc.cvau-dsb.ish-ic.ivau-dsb.ish-isb"},
    {relation::third_party, protocol::origin::practice, "dc.cvau-dsb.ish-ic.ivau-dsb.ish", "ctrl-isb"},
    {relation::fetch_to_load, protocol::origin::sufficient, ""},
    {relation::fetch_to_data, protocol::origin::sufficient, "dmb.ishst"},
    {relation::data, protocol::origin::sufficient, "dmb.ishst", "dmb.ishld"},
    {relation::data, protocol::origin::sufficient, "stlr", "acq"},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish-ipi", "ctrl"},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ialluis-dsb.ish", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish", "ctrl-isb-ic.iallu-dsb.ish-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish", "ctrl-eret"},
    {relation::cross_thread, protocol::origin::practice, "ipi", "ctrl"},
    {relation::two_locations, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish-ipi"},
    {relation::same_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.iallu-dsb.ish-eret"},
    {relation::cross_thread, protocol::origin::sufficient, "dsb.ishst-tlbi-dsb.ish", "ctrl-isb", purpose::translation},
    {relation::cross_thread, protocol::origin::sufficient, "dsb.ishst-tlbi.asid-dsb.ish", "ctrl-isb",
     purpose::translation},
    {relation::cross_thread, protocol::origin::sufficient, "dsb.ishst-tlbi-dsb.ish-ipi", "ctrl", purpose::translation},
    {relation::cross_thread, protocol::origin::sufficient, "dc.cvau-dsb.ish-ic.ivau-dsb.ish-ipi", "ctrl-isb",
     purpose::by_turns},
};
// clang-format on

inline constexpr architecture_rules rules{
    .name = "aarch64", .actions = actions, .statements = statements, .protocols = protocols, .twin_site = "nop_branch"};

}  // namespace cmodx::aarch64
