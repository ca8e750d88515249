// SPDX-License-Identifier: Apache-2.0
// TextPoke: code is modified through a temporary mapping in page tables that nobody else uses, and that is dropped
// then; where it runs, it is never writable. So Linux does on x86 (arch/x86/kernel/alternative.c, __text_poke).
//
//     T0                       T1
//     enter its own space
//     map x      writable
//     store x    new code
//     unmap x, leave
//     steps
//     store flag               load flag
//                              steps
//                              fetch x    must be the new code
#include "cases/bare/rounds.hpp"

namespace cmodx {
namespace {

struct text_poke {
    static constexpr std::string_view name = "TextPoke";
    static constexpr std::string_view meaning =
        "code is modified through a temporary mapping in page tables of its own";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::cross_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::alias};
    static constexpr unsigned cpus = 2;
    static constexpr bool maps = true;
    static constexpr bool twins = true;

    static void script(cmodx::script& s) {
        constexpr std::size_t poking = kernel::window_pages / 2;
        const kernel& k = *platform::as_kernel();
        if (k.window() == nullptr) return s.refuse("there are no page tables");
        const std::size_t page = s.page();
        const platform::code_memory m = platform::map(mapping::same, s.extent());
        if (m.executable == nullptr) return s.refuse(m.failure);
        const std::size_t offset = s.place();
        lay_out(s, k, m, offset, 0, access::read_execute);
        s.aim(k.window() + poking * page, k.window(), m.size, offset);
        const auto write = [&](std::uint32_t g) {
            for (std::size_t p = 0; p < m.size / page; ++p)
                k.set_page(1, poking + p, m.writable + p * page, access::read_write);
            k.enter_space(1, 1);
            s.modify(g);
            for (std::size_t p = 0; p < m.size / page; ++p) {
                k.set_page(1, poking + p, nullptr, access::none);
                k.forget_page(k.window() + (poking + p) * page);
            }
            k.enter_space(0, 0);
            s.writer_steps();
            s.publish(g);
        };
        take_turns(s, write, [](std::uint32_t g) { return g; });
    }
};

const define_script<text_poke> entry;

}  // namespace
}  // namespace cmodx
