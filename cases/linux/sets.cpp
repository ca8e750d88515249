// SPDX-License-Identifier: Apache-2.0
// Sets: a thread modifies code on 512 lines one after the other, maintains all of it, and runs all of it: every set
// and way of an instruction cache of 32 KiB holds old code when the maintenance begins.
//
//     T0
//     fetch x1 … x512    old code
//     store x1 … x512    new code
//     steps              over all of it
//     fetch x1 … x512    must be the new code
#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

struct sets {
    static constexpr std::string_view name = "Sets";
    static constexpr std::string_view meaning =
        "one thread modifies code on 512 lines, maintains all of it and runs it";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr bool maps = true;

    static void script(cmodx::script& s) {
        constexpr std::size_t lines = 512;
        constexpr std::size_t line = 64;
        const platform::code_memory all = platform::map(s.parts().path, lines * line);
        if (all.executable == nullptr) return s.refuse(all.failure);
        if (s.parts().site->size > line) return s.fail("the site does not fit a line");
        for (std::size_t k = 0; k < lines; ++k) s.image(all.writable + k * line, line, 0, 0);
        platform::synchronize(all.executable, all.size);
        const auto aim = [&](std::size_t k) { s.aim(all.writable, all.executable, all.size, k * line); };
        for (std::uint32_t g = 0; g < 16 && !s.over(); ++g) {
            if (g != 0) {
                for (std::size_t k = 0; k < lines; ++k) {
                    aim(k);
                    s.modify(g);
                }
                s.range(all.executable, all.executable + lines * line);
                s.writer_steps();
            }
            for (std::size_t k = 0; k < lines; ++k) {
                aim(k);
                s.expect(s.run(), g);
            }
        }
        platform::unmap(all);
    }
};

const define_script<sets> entry;

}  // namespace
}  // namespace cmodx
