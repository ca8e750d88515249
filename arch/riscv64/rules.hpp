// SPDX-License-Identifier: Apache-2.0
// What the RISC-V extensions Zifencei, Ziccif and Ziccid require of modified code, and what Linux adds.
#pragma once

#include "arch/verdict.hpp"

namespace cmodx::riscv64 {

inline constexpr std::string_view zifencei =
    "RISC-V unprivileged ISA manual, \"Zifencei\" 2.0 (src/unpriv/zifencei.adoc)";
inline constexpr std::string_view ziccif = "RISC-V unprivileged ISA manual, \"Ziccif\" 1.0 (src/unpriv/ziccif.adoc)";
inline constexpr std::string_view ziccid = "RISC-V unprivileged ISA manual, \"Ziccid\" 1.0 (src/unpriv/ziccid.adoc)";
inline constexpr std::string_view memory_model = "RISC-V unprivileged ISA manual, \"RVWMO Memory Consistency Model\"";
inline constexpr std::string_view sbi = "RISC-V SBI specification 2.0, \"RFENCE Extension\", remote FENCE.I";
inline constexpr std::string_view translation =
    "RISC-V privileged ISA manual, \"Supervisor Memory-Management Fence Instruction\" (src/supervisor.adoc)";
inline constexpr std::string_view linux_flush =
    "Linux 6.12, arch/riscv/kernel/sys_riscv.c and mm/cacheflush.c: riscv_flush_icache";
inline constexpr std::string_view linux_cmodx = "Linux, Documentation/arch/riscv/cmodx.rst";
inline constexpr std::string_view linux_pte = "Linux 6.12, arch/riscv/mm/cacheflush.c, flush_icache_pte";
inline constexpr std::string_view linux_context = "Linux 6.12, arch/riscv/mm/context.c, switch_mm";
inline constexpr std::string_view clear_cache_manual = "GCC manual, \"__builtin___clear_cache\"";
inline constexpr std::string_view membarrier_header =
    "membarrier(2) and include/uapi/linux/membarrier.h, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE; here with FENCE.I";

// xRET is not defined to synchronize instruction fetch: a system call or a signal return does nothing.
// clang-format off
inline constexpr action actions[] = {
    {"fence.i", {effect::sync}},
    {"fence.w.w", {effect::order_stores}},
    {"fence.r.r", {effect::order_loads}},
    {"fence.rw.w", {effect::order_stores}},
    {"fence.r.rw", {effect::order_loads}},
    {"fence.rw.rw", {effect::order_stores | effect::order_loads}},
    {"fence", {effect::order_stores | effect::order_loads}},
    {"rel", {effect::order_stores}},
    {"acq", {effect::order_loads}},
    {"ctrl", {effect::branch | effect::depend}},
    {"addr", {effect::depend}},
    {"flush_icache", {effect::order_stores, effect::sync}, basis::kernel_abi, linux_flush},
    {.step = "flush_icache", .does = {effect::sync_others | effect::follows}, .strength = basis::kernel_abi,
     .source = linux_flush, .paths = one_process},
    {"flush_icache.local", {effect::sync}, basis::kernel_abi, linux_flush},
    {"prctl.icache", {effect::follows}, basis::kernel_abi, linux_cmodx},
    {"sfence.vma", {effect::forget_here}},  // orders stores before translations, not before stores
    {.step = "rfence.i", .does = {effect::sync_others}, .strength = basis::kernel_abi, .source = sbi},
    // A FENCE before the interrupt is sent; FENCE.I in the handler.
    {"ipi", {effect::order_stores, effect::sync_others}},
    {"remap", {effect::remapped}},
    {"by_turns", {effect::by_turns}},
    {"switch_asid", {effect::remapped, effect::order_stores | effect::forget_here, effect::sync}},
    {"switch_space", {effect::remapped}},
    {"eret", {}},  // xRET is not defined to synchronize instruction fetch
    {"wake", {}},
    {"membarrier", {effect::order_stores}, basis::kernel_abi, membarrier_header},
    {.step = "membarrier", .does = {effect::sync_others}, .strength = basis::kernel_abi, .source = membarrier_header,
     .paths = one_process},
    {"fork", {effect::copied}},
    {"paged_in", {effect::order_stores, effect::sync}, basis::kernel_impl, linux_pte},
    // For the calling thread by its definition; for the others because it is that system call in practice.
    {"clear_cache", {effect::sync}, basis::kernel_abi, clear_cache_manual},
    {.step = "clear_cache", .does = {effect::order_stores, effect::sync_others | effect::follows}, .strength = basis::inferred,
     .source = clear_cache_manual, .paths = one_process},
    {"migrate", {effect::moved}},
    {"syscall", {}},
    {"sigreturn", {}},
};
// clang-format on

namespace detail {

using namespace effect;

inline constexpr need store{.what = modify, .published = order_stores};
inline constexpr need executed{.what = fetch, .unless = moved};
inline constexpr chain synchronized{store, {.what = sync}, executed};
// Who asks other harts for FENCE.I has to execute a FENCE before.
inline constexpr need requested{.what = sync_others, .after = order_stores};
inline constexpr chain synchronized_by_others{store, requested, executed};
inline constexpr chain by_turns_synchronized{store, requested, {.what = sync}, {.what = fetch}};
// The store is that to the page tables. FENCE.I besides: the manual orders translations by SFENCE.VMA, not fetches.
inline constexpr chain retranslated{store, {.what = forget}, {.what = sync}, {.what = fetch}};
// The setting is made before the thread is moved: before FENCE.I, or after it.
inline constexpr chain followed{store, {.what = sync}, {.what = follows}, {.what = moved}, {.what = fetch}};
inline constexpr chain set_and_followed{store, {.what = follows}, {.what = sync}, {.what = moved}, {.what = fetch}};
// Asked for before the fork.
inline constexpr chain inherited{need{.what = follows}, {.what = copied}, {.what = sync}, {.what = fetch}};
inline constexpr chain written_in_order{store, {.what = fetch, .after = never}};
inline constexpr chain read_in_order{store, {.what = fetch}};
inline constexpr chain fetched_in_order{need{.what = observe}, {.what = sync}, {.what = fetch}};
inline constexpr chain synchronized_between{store, requested, {.what = publish}};

// Ziccif: an instruction that does not span an aligned 4-byte boundary is fetched whole (M = 4 with compressed code).
// Short instructions must not be joined to a longer one; a longer may give way to shorter ones.
constexpr bool fetched_whole(const question& q) { return by_one_store(q) && inside_aligned(q, 4) && q.site != "join"; }
constexpr bool is_split(const question& q) { return !inside_aligned(q, 4); }
constexpr bool joins(const question& q) { return q.site == "join" && races(q); }

}  // namespace detail

// clang-format off
inline constexpr statement statements[] = {
    {.between = set_of(relation::data), .seen = broken, .holds = detail::is_split,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = memory_model,
     .reason = "what is modified is data, and not aligned: its load may be split"},
    {.between = set_of(relation::data), .seen = broken, .ruling = verdict::forbidden, .strength = basis::arch_text,
     .source = memory_model, .reason = "an aligned word is loaded whole"},
    {.between = set_of(relation::data), .found = detail::read_in_order,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = memory_model,
     .reason = "what is modified is data: its store is ordered before the flag's, and its load after the flag's"},
    {.between = set_of(relation::data), .ruling = verdict::allowed, .strength = basis::arch_text,
     .source = memory_model,
     .reason = "what is modified is data, and its store or its load is not ordered with the flag's"},
    {.seen = broken, .when = "ziccif=1", .holds = detail::fetched_whole,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = ziccif,
     .reason = "the modified instruction does not span an aligned 4-byte boundary and is fetched whole"},
    {.seen = broken, .when = "ziccif=1", .holds = detail::joins,
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = ziccif,
     .reason = "code runs while two instructions of it are joined to one, of which the second half may run alone"},
    {.seen = broken, .when = "ziccif=1", .holds = races,
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = ziccif,
     .reason = "code runs while it is modified, and the modification spans an aligned 4-byte boundary"},
    {.seen = broken, .holds = races,
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = ziccif,
     .reason = "code runs while it is modified, and without Ziccif fetches are not known to be atomic"},

    {.between = handed_over, .seen = not_new, .with = effect::remapped, .found = detail::retranslated,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = translation,
     .reason = "the executing hart forgot the old translation after the tables had changed, and fetched anew then"},
    {.seen = not_new, .with = effect::remapped,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = translation,
     .reason = "a hart may use the old translation until it executes SFENCE.VMA"},
    {.between = handed_over, .seen = not_new, .with = effect::by_turns, .found = detail::by_turns_synchronized,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = zifencei,
     .reason = "every hart performed FENCE.I after the store: in the interrupt, or by itself when it came"},
    {.seen = not_new, .with = effect::by_turns,
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = zifencei,
     .reason = "a hart that was not interrupted performs FENCE.I only when it comes, and one that was there only in "
               "the interrupt"},

    {.between = set_of(relation::same_thread), .seen = not_new, .with = effect::copied, .found = detail::synchronized,
     .ruling = verdict::forbidden, .strength = basis::kernel_impl, .source = linux_pte,
     .reason = "the kernel synchronized the copy of the page, and the thread what it modified"},
    {.between = set_of(relation::same_thread, relation::cross_thread, relation::load_to_fetch, relation::concurrent),
     .seen = not_new,
     .found = detail::synchronized,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = zifencei,
     .reason = "the executing hart performed FENCE.I after the store had become visible to it"},
    {.between = set_of(relation::same_thread, relation::cross_thread, relation::load_to_fetch, relation::concurrent),
     .seen = not_new,
     .found = detail::synchronized_by_others,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = zifencei,
     .reason = "the store was ordered before the request upon which the executing hart performed FENCE.I"},
    {.between = set_of(relation::same_thread), .seen = not_new, .with = effect::copied, .found = detail::inherited,
     .ruling = verdict::forbidden, .strength = basis::kernel_impl, .source = linux_cmodx,
     .reason = "the child has the setting of its parent, whose memory it copied: the kernel performs FENCE.I for it"},
    // A thread that Linux moves is synchronized anew if it asked for that, or if all harts were to be.
    {.between = set_of(relation::same_thread, relation::cross_thread, relation::load_to_fetch), .seen = not_new,
     .found = detail::followed,
     .ruling = verdict::forbidden, .strength = basis::kernel_abi, .source = linux_cmodx,
     .reason = "the thread performed FENCE.I, and the kernel does so wherever it moves the thread to"},
    {.between = set_of(relation::same_thread, relation::cross_thread, relation::load_to_fetch), .seen = not_new,
     .found = detail::set_and_followed,
     .ruling = verdict::forbidden, .strength = basis::kernel_abi, .source = linux_cmodx,
     .reason = "the thread performed FENCE.I, and the kernel does so wherever it moves the thread to"},
    {.seen = set_of(witness::never_new), .when = "ziccid=1",
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = ziccid,
     .reason = "stores become visible to instruction fetch in the end"},

    {.between = set_of(relation::same_location), .seen = went_back, .when = "ziccid=1",
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = ziccid,
     .reason = "fetches of a hart are in program order"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first), .when = "ziccid=1",
     .found = detail::written_in_order,
     .ruling = verdict::forbidden, .strength = basis::arch_text, .source = ziccid,
     .reason = "fetches of a hart are in program order, and the two stores were ordered"},
    {.between = set_of(relation::two_locations), .seen = set_of(witness::second_first),
     .found = detail::synchronized_between,
     .ruling = verdict::forbidden, .strength = basis::inferred, .source = zifencei,
     .reason = "every hart performed FENCE.I between the two modifications"},
    {.between = set_of(relation::same_location), .seen = set_of(witness::new_then_older),
     .found = detail::synchronized_between,
     .ruling = verdict::forbidden, .strength = basis::inferred, .source = zifencei,
     .reason = "every hart performed FENCE.I between the two modifications"},
    {.between = set_of(relation::same_location, relation::two_locations),
     .seen = went_back | set_of(witness::second_first), .found = detail::fetched_in_order,
     .ruling = verdict::unspecified, .strength = basis::arch_text, .source = zifencei,
     .reason = "that FENCE.I orders the fetches before it, too, is said by the manual since September 2026 only"},
    {.between = set_of(relation::same_location, relation::two_locations),
     .seen = went_back | set_of(witness::second_first),
     .ruling = verdict::allowed, .strength = basis::arch_text, .source = zifencei,
     .reason = "nothing orders the two fetches"},

    {.between = set_of(relation::third_party, relation::fetch_to_load, relation::fetch_to_data),
     .ruling = verdict::unspecified, .strength = basis::inferred, .source = zifencei,
     .reason = "the memory model does not include fetches: what the execution of new code tells is not said"},
    {.seen = not_new, .with = effect::moved,
     .ruling = verdict::allowed, .strength = basis::kernel_abi, .source = linux_cmodx,
     .reason = "the thread went on on another hart, for which its FENCE.I counts nothing"},
    {.seen = not_new, .paths = set_of(mapping::flip),
     .ruling = verdict::allowed, .strength = basis::kernel_impl, .source = linux_pte,
     .reason = "mprotect synchronizes a page the first time it becomes executable only, and the steps do not"},
    {.seen = not_new, .ruling = verdict::allowed, .strength = basis::arch_text, .source = zifencei,
     .reason = "without FENCE.I on the executing hart, after the store, its fetches may never see it"},
};

inline constexpr protocol protocols[] = {
    {relation::same_thread, protocol::origin::sufficient, "fence.i"},
    {relation::same_thread, protocol::origin::sufficient, "flush_icache"},
    {relation::same_thread, protocol::origin::sufficient, "flush_icache.local"},
    {relation::same_thread, protocol::origin::sufficient, "prctl.icache-fence.i"},
    {relation::same_thread, protocol::origin::sufficient, "clear_cache"},
    {relation::same_thread, protocol::origin::practice, ""},
    {relation::cross_thread, protocol::origin::sufficient, "fence.w.w", "ctrl-fence.i"},
    {relation::cross_thread, protocol::origin::sufficient, "fence.w.w", "fence.i"},  // the manual's own example
    {relation::cross_thread, protocol::origin::sufficient, "prctl.icache-fence.w.w", "ctrl-fence.i"},
    {relation::cross_thread, protocol::origin::sufficient, "flush_icache", "ctrl"},
    {relation::cross_thread, protocol::origin::sufficient, "membarrier", "ctrl"},
    {relation::cross_thread, protocol::origin::sufficient, "clear_cache", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, "flush_icache.local", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, "fence.i-fence.w.w", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, "", "ctrl-fence.i"},
    {relation::cross_thread, protocol::origin::practice, "fence.w.w", "ctrl"},
    {relation::cross_thread, protocol::origin::practice, ""},
    {relation::concurrent, protocol::origin::practice, ""},
    {relation::same_location, protocol::origin::sufficient, ""},  // Ziccid
    {relation::same_location, protocol::origin::practice, "flush_icache"},
    {relation::two_locations, protocol::origin::sufficient, "fence.w.w"},  // Ziccid
    {relation::two_locations, protocol::origin::sufficient, "flush_icache"},
    {relation::two_locations, protocol::origin::practice, ""},
    {relation::third_party, protocol::origin::practice, "", "ctrl-fence.i"},
    {relation::fetch_to_load, protocol::origin::practice, ""},
    {relation::fetch_to_data, protocol::origin::practice, "fence.w.w"},
    {relation::data, protocol::origin::sufficient, "fence.w.w", "fence.rw.rw"},
    {relation::cross_thread, protocol::origin::sufficient, "ipi", "ctrl"},
    {relation::cross_thread, protocol::origin::sufficient, "fence.rw.rw-rfence.i", "ctrl"},
    {relation::two_locations, protocol::origin::sufficient, "ipi"},
    {relation::cross_thread, protocol::origin::sufficient, "fence.w.w", "ctrl-sfence.vma-fence.i",
     purpose::translation},
    {relation::cross_thread, protocol::origin::sufficient, "ipi", "ctrl-fence.i", purpose::by_turns},
};
// clang-format on

inline constexpr architecture_rules rules{.name = "riscv64",
                                          .actions = actions,
                                          .statements = statements,
                                          .protocols = protocols,
                                          .twin_site = "imm",
                                          .sync_waits = true};

}  // namespace cmodx::riscv64
