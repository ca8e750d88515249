// SPDX-License-Identifier: Apache-2.0
// What Intel and AMD require of modified code, and what Linux adds. A verdict that forbids without a vendor holds for
// both.
#pragma once

#include "arch/verdict.hpp"

namespace cmodx::x86_64 {

// Intel's sections by title: the numbers moved four times (8.1.3 in 253668-032, 11.1.3 in 325462-091US).
inline constexpr std::string_view cross_modifying = "Intel SDM vol. 3A, \"Handling Self- and Cross-Modifying Code\"";
inline constexpr std::string_view both_cross_modifying =
    "Intel SDM vol. 3A, \"Handling Self- and Cross-Modifying Code\"; AMD APM vol. 2 (24593), 7.6.1";
inline constexpr std::string_view self_modifying = "Intel SDM vol. 3A, \"Self-Modifying Code\"";
inline constexpr std::string_view erratum =
    "Intel specification updates, \"Unsynchronized Cross-Modifying Code Operations Can Cause Unexpected Instruction "
    "Execution Results\"";
inline constexpr std::string_view memory_ordering =
    "Intel SDM vol. 3A, \"Memory Ordering in P6 and More Recent Processor Families\"; AMD APM vol. 2 (24593), "
    "\"Multiprocessor Memory Access Ordering\"";
inline constexpr std::string_view coherency = "AMD APM vol. 2 (24593), 7.6.1: cross-modifying code";
inline constexpr std::string_view amd_self_modifying = "AMD APM vol. 2 (24593), 7.6.1: self-modifying code";
inline constexpr std::string_view translation =
    "Intel SDM vol. 3A, \"Invalidation of TLBs and Paging-Structure Caches\"; AMD APM vol. 2 (24593), \"TLB "
    "Management\"";
inline constexpr std::string_view linux_breakpoint = "Linux 6.12, arch/x86/kernel/alternative.c, text_poke_bp_batch";
inline constexpr std::string_view demand_paging =
    "no manual: programs are paged in without serialization everywhere (A. Lutomirski, \"Re: [PATCH 07/32] mm: Bring "
    "back "
    "vmalloc_exec\", LKML, 2023-06-17)";
inline constexpr std::string_view membarrier_header =
    "membarrier(2) and include/uapi/linux/membarrier.h, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE";

// Locked instructions, LFENCE and SFENCE serialize on neither, MFENCE on AMD alone: Intel SDM vol. 3A, "Serializing
// Instructions"; AMD APM vol. 2 (24593), 7.6.4. System call and signal return may leave the kernel by SYSRET or ERETU,
// which do not serialize (Intel SDM vol. 2, "ERETU"); Linux 6.12, arch/x86/include/asm/sync_core.h.
// clang-format off
inline constexpr action actions[] = {
    {"cpuid", {effect::sync}},
    {"serialize", {effect::sync}},
    {"iret", {effect::sync}},
    {.step = "mfence", .does = {effect::sync}, .when = "vendor=amd"},
    {.step = "mfence", .does = {}},
    {"lfence", {}},
    {"sfence", {}},
    {"lock", {}},
    {"clflush", {}},
    {"clflushopt", {}},
    {"clear_cache", {}},  // the compiler emits nothing
    {"ctrl", {}},         // loads are in order as it is
    {"addr", {}},
    {"acq", {}},
    {"rel", {}},
    {"syscall", {}},
    {"sigreturn", {}},
    {"jmp", {effect::jump}},
    {"migrate", {effect::moved}},
    {.step = "membarrier", .does = {effect::sync_others}, .strength = basis::kernel_abi, .source = membarrier_header,
     .paths = one_process},
    {.step = "membarrier", .does = {}},
    {"fork", {}},
    {"paged_in", {effect::sync}, basis::inferred, demand_paging},
    {"breakpoint", {effect::guarded}},
    {"mov.cr3", {effect::forget_here | effect::sync}},
    {"mov.cr0", {effect::sync}},
    {"invlpg", {effect::forget_here | effect::sync}},
    {"wbinvd", {effect::sync}},
    {"ipi", {effect::sync_others}},  // the handler returns by IRET
    {"remap", {effect::remapped}},
    {"by_turns", {effect::by_turns}},
    {"switch_asid", {effect::remapped, effect::forget_here | effect::sync}},
    {"switch_space", {effect::remapped, effect::sync}},
    {"eret", {effect::sync}},  // IRET
    {"wake", {effect::sync}},  // HLT ends by an interrupt, from which IRET returns
};
// clang-format on

namespace detail {

using namespace effect;

inline constexpr chain serialized{{{modify}, {.what = sync | sync_others}, {.what = fetch, .unless = moved}}};
inline constexpr chain jumped{{{modify}, {.what = jump, .unless = moved}, {.what = fetch, .unless = moved}}};
inline constexpr chain stayed{{{modify}, {.what = fetch, .unless = moved}}};
inline constexpr chain by_turns_serialized{{{modify}, {sync_others}, {sync}, {fetch}}};
inline constexpr chain retranslated{{{modify}, {.what = forget}, {fetch}}};  // the store is that to the page tables
inline constexpr chain behind_breakpoint{{{guarded}, {sync_others}}};
inline constexpr chain written_in_order{{{modify}, {sync_others}, {publish}}};

constexpr bool in_quadword(const question& q) { return by_one_store(q) && inside_aligned(q, 8); }
constexpr bool is_split(const question& q) { return !inside_aligned(q, 8); }
constexpr bool merges(const question& q) { return q.site == "merge"; }

}  // namespace detail

// clang-format off
inline constexpr statement statements[] = {
    {.between = set_of(relation::data), .seen = broken, .holds = detail::is_split,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = memory_ordering,
     .reason = "what is modified is data, and not inside one aligned quadword: its load may be split"},
    {.between = set_of(relation::data), .ruling = verdict::forbidden, .strength = basis::arch_text,
     .source = memory_ordering,
     .reason = "an aligned word is loaded whole, stores are seen in program order, and loads are made in it"},
    {.seen = broken, .when = "vendor=amd", .holds = [](const question& q) { return detail::merges(q) && races(q); },
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = coherency,
     .reason = "one instruction replaces two: the first of these may run, and then the middle of the new one"},
    {.seen = broken, .when = "vendor=amd", .holds = detail::in_quadword,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = coherency,
     .reason = "a store inside a naturally aligned quadword may modify code that runs: old or new is executed"},
    {.seen = set_of(witness::neither_pair), .when = "vendor=amd", .holds = detail::in_quadword,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = coherency,
     .reason = "stores reach fetch in program order, and so do fetches up to the next branch: once new, always new"},
    {.seen = set_of(witness::mixed), .when = "vendor=amd", .holds = detail::in_quadword,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = coherency,
     .reason = "the quadword may be read more than once, and be modified between two instructions of it"},
    {.seen = mixtures, .holds = races,
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = cross_modifying,
     .reason = "code runs while it is modified, and what two instructions of it come to is not said"},
    {.seen = broken, .holds = races, .found = detail::behind_breakpoint,
     .ruling = verdict::forbidden, .strength = basis::vendor_informal, .source = linux_breakpoint,
     .reason = "a breakpoint stood on the first byte, and every thread was synchronized, before the rest was modified"},
    {.seen = broken, .when = "vendor=amd", .holds = races,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = coherency,
     .reason = "code that runs is modified by a store that is not inside one naturally aligned quadword"},
    {.seen = broken, .holds = races,
     .ruling = verdict::unspecified, .strength = basis::vendor_informal, .source = erratum,
     .reason = "code runs while it is modified; Intel guarantees nothing of that"},

    {.seen = not_new, .with = effect::remapped, .found = detail::retranslated,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = translation,
     .reason = "the executing CPU invalidated the old translation after the tables had changed"},
    {.seen = not_new, .with = effect::remapped,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = translation,
     .reason = "a CPU may use the old translation until it invalidates it"},
    {.seen = not_new, .with = effect::by_turns, .found = detail::by_turns_serialized,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = both_cross_modifying,
     .reason = "every thread serialized after the modification: in the interrupt, or by itself when it came"},
    {.seen = not_new, .with = effect::by_turns,
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = cross_modifying,
     .reason = "a thread that was not interrupted serializes only when it comes, and one that was there only in the "
               "interrupt"},

    {.between = set_of(relation::same_thread, relation::cross_thread, relation::load_to_fetch, relation::concurrent),
     .seen = not_new, .found = detail::serialized,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = both_cross_modifying,
     .reason = "the executing thread serialized after the modification and before it ran the code"},
    {.between = set_of(relation::same_thread), .seen = not_new, .paths = set_of(mapping::same, mapping::flip),
     .found = detail::jumped,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = both_cross_modifying,
     .reason = "the thread jumped after it had modified its code (Intel's Option 1; AMD asks for nothing)"},
    {.between = set_of(relation::same_thread), .seen = not_new, .when = "vendor=amd", .found = detail::stayed,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = amd_self_modifying,
     .reason = "a thread's stores to code are recognized at once, by the physical address"},

    {.between = set_of(relation::same_thread), .seen = not_new,
     .paths = set_of(mapping::alias, mapping::poke, mapping::file),
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = self_modifying,
     .reason = "prefetched code is checked by the linear address: a store by another needs serialization"},
    {.between = set_of(relation::same_thread), .seen = not_new, .with = effect::moved,
     .ruling = verdict::unspecified, .strength = basis::inferred, .source = both_cross_modifying,
     .reason = "the thread went on on another CPU, and the manuals do not speak of that"},
    {.between = set_of(relation::same_thread), .seen = not_new,
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = cross_modifying,
     .reason = "without a jump or a serializing instruction the behaviour is specific to the model"},

    {.between = set_of(relation::cross_thread, relation::load_to_fetch, relation::concurrent),
     .seen = set_of(witness::stale), .when = "vendor=amd",
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = coherency,
     .reason = "without a serializing instruction after the flag, code fetched speculatively may be executed"},
    {.between = set_of(relation::cross_thread, relation::load_to_fetch, relation::concurrent), .seen = not_new,
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = cross_modifying,
     .reason = "the executing thread must serialize; what happens if it does not is not said"},

    {.between = set_of(relation::same_location), .seen = went_back, .when = "vendor=amd",
     .holds = detail::in_quadword,
     .ruling = verdict::forbidden, .strength = basis::inferred, .source = coherency,
     .reason = "stores reach fetch in program order, though nothing is said of one location fetched twice"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first), .when = "vendor=amd",
     .holds = detail::in_quadword,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = coherency,
     .reason = "stores reach instruction fetch in program order"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first),
     .found = detail::written_in_order,
     .ruling = verdict::forbidden, .strength = basis::inferred, .source = both_cross_modifying,
     .reason = "every thread was serialized between the two modifications"},
    {.between = set_of(relation::same_location, relation::two_locations),
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = cross_modifying,
     .reason = "code runs while it is modified, and neither vendor says in what order fetches see that"},
    {.between = set_of(relation::third_party, relation::fetch_to_load, relation::fetch_to_data),
     .ruling = verdict::unspecified, .strength = basis::inferred, .source = both_cross_modifying,
     .reason = "neither manual says what the execution of new code tells of it"},
};

inline constexpr protocol protocols[] = {
    {relation::same_thread, protocol::origin::sufficient, ""},  // AMD
    {relation::same_thread, protocol::origin::sufficient, "jmp"},
    {relation::same_thread, protocol::origin::sufficient, "cpuid"},
    {relation::same_thread, protocol::origin::sufficient, "serialize"},
    {relation::same_thread, protocol::origin::sufficient, "iret"},
    {relation::same_thread, protocol::origin::sufficient, "mfence"},  // AMD
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-cpuid"},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-serialize"},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-iret"},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-mfence"},  // AMD
    {relation::cross_thread, protocol::origin::sufficient, "membarrier", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, ""},
    {relation::cross_thread, protocol::origin::practice, "", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, "", "ctrl-lock"},
    {relation::cross_thread, protocol::origin::practice, "", "ctrl-lfence"},
    {relation::concurrent, protocol::origin::practice, ""},
    {relation::same_location, protocol::origin::sufficient, ""},  // AMD
    {relation::two_locations, protocol::origin::sufficient, ""},  // AMD
    {relation::two_locations, protocol::origin::sufficient, "membarrier"},
    {relation::third_party, protocol::origin::practice, "", "ctrl-cpuid"},
    {relation::fetch_to_load, protocol::origin::practice, ""},
    {relation::fetch_to_data, protocol::origin::practice, ""},
    {relation::data, protocol::origin::sufficient, ""},
    {relation::cross_thread, protocol::origin::sufficient, "ipi", "ctrl"},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-mov.cr3"},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-mov.cr0"},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-invlpg"},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-wbinvd"},
    {relation::same_thread, protocol::origin::sufficient, "invlpg"},
    {relation::two_locations, protocol::origin::sufficient, "ipi"},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-invlpg", purpose::translation},
    {relation::cross_thread, protocol::origin::sufficient, "", "ctrl-mov.cr3", purpose::translation},
    {relation::cross_thread, protocol::origin::sufficient, "ipi", "ctrl-iret", purpose::by_turns},
};
// clang-format on

inline constexpr architecture_rules rules{.name = "x86_64",
                                          .actions = actions,
                                          .statements = statements,
                                          .protocols = protocols,
                                          .twin_site = "imm",
                                          .loads_in_order = true};

}  // namespace cmodx::x86_64
