// SPDX-License-Identifier: Apache-2.0
// Flip: the second time that a page becomes executable. The first time some kernels maintain the caches, and only
// then; SM by a flip mapping goes on to the third and later ones.
//
//     T0
//     mprotect   execute
//     fetch x    old code
//     mprotect   write
//     store x    new code
//     mprotect   execute
//     steps
//     fetch x    must be the new code
#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

struct flip {
    static constexpr std::string_view name = "Flip";
    static constexpr std::string_view meaning =
        "a thread modifies and runs code whose page becomes executable for the second time";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::flip};

    static void script(cmodx::script& s) {
        s.expect(s.run(), 0);
        s.modify(1);
        s.writer_steps();
        s.expect(s.run(), 1);
    }
};

const define_script<flip> entry;

}  // namespace
}  // namespace cmodx
