// SPDX-License-Identifier: Apache-2.0
// Broadcast: what membarrier comes to before and after a process has registered, and in the child of one that has
// (Broadcast.Fork). What it does is the matter of MP.RF, and from another address space, of Process.
//
//     P0                     P1, its child
//     membarrier   EPERM
//     register     0
//     membarrier   0
//     fork                   membarrier   0
#include "cases/linux/child.hpp"
#include "runner/linux/membarrier.hpp"

namespace cmodx {
namespace {

template <bool Forked>
struct broadcast {
    static constexpr std::string_view name = Forked ? "Broadcast.Fork" : "Broadcast";
    static constexpr std::string_view meaning = Forked ? "membarrier in the child of a process that has registered"
                                                       : "membarrier before and after a process has registered";
    static constexpr std::string_view needs = "membarrier_sync_core";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{Forked ? "membarrier.fork" : "membarrier.unregistered"}};
    static constexpr witness seeks[] = {witness::wrong_errno};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr bool without_steps = true;

    static void script(cmodx::script& s) {
        script_words& w = s.words();
        const auto store = [&](std::size_t i, int value) {
            w.word[i] = static_cast<std::uint64_t>(std::int64_t{value});
        };
        const auto result = [&](std::size_t i) { return static_cast<std::int64_t>(w.word[i].load()); };
        child other(s, 0, [&] {
            store(0, membarrier_sync_core());
            store(1, membarrier_register());
            store(2, membarrier_sync_core());
            child(s, 0, [&] { store(3, membarrier_sync_core()); }).end();
        });
        if (!other.started()) return;
        if (other.end() != 0) return;
        if (result(1) != 0) return s.refuse("membarrier registration is denied");
        if (Forked) {
            s.contract(result(3), 0);
        } else {
            s.contract(result(0), -EPERM);
            s.contract(result(2), 0);
        }
    }
};

// Broadcast.Flags: the command takes none.
struct broadcast_flags {
    static constexpr std::string_view name = "Broadcast.Flags";
    static constexpr std::string_view meaning = "membarrier with a flag that there is not";
    static constexpr std::string_view needs = "membarrier_sync_core";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{"membarrier.flags"}};
    static constexpr witness seeks[] = {witness::wrong_errno};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr bool without_steps = true;

    static void script(cmodx::script& s) {
        if (membarrier_register() != 0) return s.refuse("membarrier registration is denied");
        s.contract(membarrier_with_flags(), -EINVAL);
    }
};

const define_script<broadcast_flags> with_flags;
const define_script<broadcast<false>> before_and_after;
const define_script<broadcast<true>> in_a_child;

}  // namespace
}  // namespace cmodx
