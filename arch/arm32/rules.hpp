// SPDX-License-Identifier: Apache-2.0
// What the Arm architecture requires of modified A32 code, and what Linux adds: user mode cannot maintain caches.
#pragma once

#include "arch/verdict.hpp"

namespace cmodx::arm32 {

// Both lists hold B, NOP and the like in A32; see Arm ARM DDI0406C.d A3.5.4 for ARMv7-A.
inline constexpr std::string_view concurrent_modification =
    "Arm ARM DDI0487, \"Concurrent modification and execution of instructions\" in AArch32 (E2.2.5; E2.6.5 in older "
    "editions); DDI0406C.d A3.5.4";
inline constexpr std::string_view synchronization =
    "Arm ARM DDI0487, \"Synchronization and coherency issues between data and instruction accesses\" in AArch32 "
    "(E2.5.3.2)";
inline constexpr std::string_view memory_model =
    "Arm ARM DDI0406C.d, \"Memory types and attributes and the memory order model\" (A3.5); DDI0487 E2.3";
inline constexpr std::string_view translation =
    "Arm ARM DDI0406C.d, \"TLB maintenance requirements\" (B3.10) and \"Requirements for branch predictor maintenance "
    "operations\" (B2.2.9)";
inline constexpr std::string_view linux_cacheflush =
    "Linux 6.12, arch/arm/kernel/traps.c, do_cache_op: __ARM_NR_cacheflush";
inline constexpr std::string_view clear_cache_manual =
    "GCC manual, \"__builtin___clear_cache\": here the system call cacheflush";
inline constexpr std::string_view linux_pte = "Linux 6.12, arch/arm/mm/flush.c, __sync_icache_dcache";
inline constexpr std::string_view linux_switch = "Linux 6.12, arch/arm/include/asm/switch_to.h";
inline constexpr std::string_view membarrier_header =
    "membarrier(2) and include/uapi/linux/membarrier.h, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE";

namespace detail {

using namespace effect;

inline constexpr effects dmb = order_stores | order_loads | order_clean;
inline constexpr effects dsb = dmb | complete | stores_done | loads_done;

}  // namespace detail

// clang-format off
inline constexpr action actions[] = {
    // Entry to the kernel synchronizes the context; so does the ISB at the end, of the calling thread only.
    {"cacheflush",
     {effect::sync, effect::clean, detail::dsb, effect::invalidate},
     basis::kernel_abi,
     linux_cacheflush},
    {"cacheflush", {effect::predict, detail::dsb, effect::sync}, basis::kernel_abi, linux_cacheflush},
    {"clear_cache",
     {effect::sync, effect::clean, detail::dsb, effect::invalidate},
     basis::kernel_abi,
     clear_cache_manual},
    {"clear_cache", {effect::predict, detail::dsb, effect::sync}, basis::kernel_abi, clear_cache_manual},
    {"dccmvau", {effect::clean}},
    {"icimvau", {effect::invalidate}},
    {"iciallu", {effect::invalidate_here, effect::predict_here}},
    {"icialluis", {effect::invalidate, effect::predict}},
    {"bpiall", {effect::predict_here}},
    {"bpiallis", {effect::predict}},
    {"bpimva", {effect::predict}},
    {"tlbi", {effect::forget}},
    // A DSB before the interrupt is sent; an ISB in the handler.
    {"ipi", {detail::dsb, effect::sync_others}},
    {"remap", {effect::remapped}},
    {"by_turns", {effect::by_turns}},
    {"switch_asid", {effect::remapped, detail::dsb, effect::forget, effect::predict, detail::dsb, effect::sync}},
    {"switch_space", {effect::remapped, detail::dsb, effect::sync}},
    {"eret", {effect::sync}},
    {"breakpoint", {effect::guarded}},
    {"breakpoint.one", {effect::guarded}},
    {"wake", {}},  // WFI does not synchronize the context, and the interrupt is not taken yet
    {"membarrier", {detail::dmb | effect::stores_done}, basis::kernel_abi, membarrier_header},
    {.step = "membarrier", .does = {effect::sync_others}, .strength = basis::kernel_abi, .source = membarrier_header,
     .paths = one_process},
    {"fork", {effect::copied}},
    {"paged_in",
     {effect::clean, detail::dsb, effect::invalidate, effect::predict, detail::dsb, effect::sync},
     basis::kernel_impl,
     linux_pte},
    {"isb", {effect::sync}},
    {"dsb", {detail::dsb}},
    {"dsb.ish", {detail::dsb}},
    {"dsb.sy", {detail::dsb}},
    {"dsb.ishst", {effect::stores_done | effect::order_stores}},
    {"dmb", {detail::dmb}},
    {"dmb.ish", {detail::dmb}},
    {"dmb.ishst", {effect::order_stores}},
    {"ctrl", {effect::branch | effect::depend}},
    {"addr", {effect::depend}},
    {"rel", {effect::order_stores}},
    {"stl", {effect::order_stores}},
    {"acq", {effect::order_loads}},
    {"syscall", {effect::sync}},
    {"sigreturn", {effect::sync}},
    {"migrate", {effect::moved, detail::dsb, effect::sync}, basis::kernel_impl, linux_switch},
};
// clang-format on

namespace detail {

inline constexpr need store{.what = modify, .published = order_stores};
inline constexpr need cleaned{.what = clean, .published = order_clean};
inline constexpr need invalidated{.what = invalidate, .after = complete, .published = complete};
inline constexpr need executed{.what = fetch, .unless = moved};

// The manual's whole sequence, branch predictors included; iciallu and its like come with them.
inline constexpr need predicted{.what = predict, .published = complete};
inline constexpr chain maintained{
    store, cleaned, invalidated, predicted, {.what = sync | sync_others, .after = complete}, executed};
// Some are interrupted after the maintenance, and the others synchronize themselves when they come. The first four
// links are those of `maintained`.
inline constexpr chain by_turns_maintained{
    cleaned, invalidated, predicted, {.what = sync_others, .after = complete}, {.what = sync}, executed};
// The store is that to the page tables.
inline constexpr chain retranslated{store,
                                    {.what = forget, .after = stores_done, .published = complete},
                                    predicted,
                                    {.what = sync | sync_others, .after = complete},
                                    executed};
inline constexpr chain maintained_idc{store,
                                      {.what = invalidate, .after = stores_done, .published = complete},
                                      predicted,
                                      {.what = sync | sync_others, .after = complete},
                                      executed};
inline constexpr chain maintained_dic{store, cleaned, {.what = sync | sync_others, .after = complete}, executed};
inline constexpr chain maintained_idc_dic{store, {.what = sync | sync_others, .after = stores_done}, executed};
inline constexpr chain read_in_order{store, {.what = fetch}};
// Each thread's context was synchronized after the maintenance and before the second store.
inline constexpr chain written_in_order{
    store, cleaned, invalidated, predicted, {.what = sync_others, .after = complete}, {.what = publish}};

// In T32 the class is one of halfwords, and single ones are fetched whole (E2.2.1): a 16-bit instruction, and the
// second halfword of a BL that remains one.
constexpr bool in_class(const question& q) {
    return q.site == "branch" || q.site == "nop_branch" || q.site == "short_branch" || q.site == "call";
}
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
    {.seen = broken, .holds = races, .with = effect::guarded, .ruling = verdict::unpredictable,
     .strength = basis::arch_text, .source = concurrent_modification,
     .reason = "the breakpoint is UDF, as Linux's are, and not in the class that may be exchanged while it runs"},
    {.seen = broken, .holds = detail::in_class, .ruling = verdict::forbidden, .strength = basis::arch_text,
     .source = concurrent_modification,
     .reason = "both instructions are in the class that may be exchanged while they run: one of the two executes"},
    {.holds = detail::races_outside_class, .ruling = verdict::unpredictable, .strength = basis::arch_text,
     .source = concurrent_modification,
     .reason = "the instruction runs while it is modified and is not in the class for which that is defined"},

    {.between = handed_over, .seen = not_new, .with = effect::remapped, .found = detail::retranslated,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = translation,
     .reason = "the old translation and the branch predictors were invalidated, and the executing thread then "
               "synchronized its context"},
    {.seen = not_new, .with = effect::remapped,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = translation,
     .reason = "a TLB may hold the old translation until it is invalidated and the context is synchronized"},
    {.between = handed_over, .seen = not_new, .with = effect::by_turns, .found = detail::by_turns_maintained,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "maintained, and every thread was interrupted then, or synchronized its context when it came"},
    {.seen = not_new, .with = effect::by_turns,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = synchronization,
     .reason = "a thread that was not interrupted synchronizes its context only when it comes, and one that was there "
               "only by the interrupt"},

    {.between = handed_over, .seen = not_new, .with = effect::copied, .found = detail::maintained,
     .ruling = verdict::forbidden, .strength = basis::kernel_impl, .source = linux_pte,
     .reason = "the kernel maintained the copy of the page, and the thread what it modified"},
    {.between = handed_over, .seen = not_new, .found = detail::maintained,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "cleaned, invalidated with the branch predictors, and the executing thread then synchronized its "
               "context"},
    {.between = handed_over, .seen = not_new, .when = "idc=1,dic=1", .found = detail::maintained_idc_dic,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "with IDC=1 and DIC=1 no maintenance is needed: the store was complete, then the context synchronized"},
    {.between = handed_over, .seen = not_new, .when = "idc=1", .found = detail::maintained_idc,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "with IDC=1 no clean is needed: complete, then invalidated with the branch predictors, then the context "
               "synchronized"},
    {.between = handed_over, .seen = not_new, .when = "dic=1", .found = detail::maintained_dic,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = synchronization,
     .reason = "with DIC=1 no invalidation is needed: cleaned, completed, then the context synchronized"},

    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first),
     .found = detail::written_in_order,
     .ruling = verdict::forbidden, .strength = basis::inferred, .source = synchronization,
     .reason = "the first modification was maintained and every context synchronized before the second was made"},
    {.between = set_of(relation::same_location), .seen = set_of(witness::new_then_older),
     .found = detail::written_in_order,
     .ruling = verdict::forbidden, .strength = basis::inferred, .source = synchronization,
     .reason = "the generation between the two was maintained, and every context synchronized, before the next"},
    {.between = set_of(relation::same_location, relation::two_locations),
     .seen = went_back | set_of(witness::second_first),
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = synchronization,
     .reason = "fetches are not ordered, and are made from caches that are not coherent"},

    {.seen = not_new, .paths = set_of(mapping::flip),
     .ruling = verdict::allowed, .strength = basis::kernel_impl, .source = linux_pte,
     .reason = "mprotect cleans a page the first time it becomes executable only, and the steps do not"},
    {.seen = not_new, .ruling = verdict::allowed, .strength = basis::arch_text, .source = synchronization,
     .reason = "an instruction may have been fetched at any time since the last context synchronization, from caches "
               "that are not coherent"},
};

inline constexpr protocol protocols[] = {
    {relation::same_thread, protocol::origin::sufficient, "cacheflush"},
    {relation::same_thread, protocol::origin::sufficient, "clear_cache"},
    {relation::same_thread, protocol::origin::practice, ""},
    {relation::cross_thread, protocol::origin::sufficient, "cacheflush", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "cacheflush-membarrier", "ctrl"},
    {relation::cross_thread, protocol::origin::sufficient, "clear_cache", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::practice, "cacheflush", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, "clear_cache", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, "membarrier", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, ""},
    {relation::concurrent, protocol::origin::practice, ""},
    {relation::same_location, protocol::origin::practice, ""},
    {relation::same_location, protocol::origin::practice, "cacheflush"},
    {relation::two_locations, protocol::origin::sufficient, "cacheflush-membarrier"},
    {relation::two_locations, protocol::origin::practice, "dmb"},
    {relation::two_locations, protocol::origin::practice, "cacheflush"},
    {relation::third_party, protocol::origin::practice, "", "ctrl-isb"},
    {relation::fetch_to_load, protocol::origin::practice, ""},
    {relation::fetch_to_data, protocol::origin::practice, "dmb"},
    {relation::data, protocol::origin::sufficient, "dmb", "dmb"},
    {relation::cross_thread, protocol::origin::sufficient, "dccmvau-dsb-icimvau-bpimva-dsb", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "dccmvau-dsb-icimvau-bpimva-dsb-ipi", "ctrl"},
    {relation::cross_thread, protocol::origin::sufficient, "dccmvau-dsb-icialluis-dsb", "ctrl-isb"},
    {relation::cross_thread, protocol::origin::sufficient, "dccmvau-dsb", "ctrl-isb-iciallu-dsb-isb"},
    {relation::same_thread, protocol::origin::sufficient, "dccmvau-dsb-icimvau-bpimva-dsb-isb"},
    {relation::same_thread, protocol::origin::sufficient, "dccmvau-dsb-icimvau-bpiall-dsb-isb"},
    {relation::two_locations, protocol::origin::sufficient, "dccmvau-dsb-icimvau-bpimva-dsb-ipi"},
    {relation::cross_thread, protocol::origin::sufficient, "dsb-tlbi-bpiallis-dsb", "ctrl-isb", purpose::translation},
    {relation::cross_thread, protocol::origin::sufficient, "dsb-tlbi-bpiallis-dsb-ipi", "ctrl", purpose::translation},
    {relation::cross_thread, protocol::origin::sufficient, "dccmvau-dsb-icimvau-bpimva-dsb-ipi", "ctrl-isb",
     purpose::by_turns},
};
// clang-format on

inline constexpr architecture_rules rules{
    .name = "arm32", .actions = actions, .statements = statements, .protocols = protocols, .twin_site = "nop_branch"};

}  // namespace cmodx::arm32
