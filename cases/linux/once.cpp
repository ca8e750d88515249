// SPDX-License-Identifier: Apache-2.0
// Once: a thread runs code while another modifies it, once and for good, at one place after the other: sites of which
// the way back is another matter.
//
//     T0                     T1
//                            fetch x    old code
//     store x   new code     fetch x    old or new
//                            ...
#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

struct once {
    static constexpr std::string_view name = "Once";
    static constexpr std::string_view meaning = "a thread runs code while another modifies it, once and for good";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::concurrent;
    static constexpr witness seeks[] = {witness::fault, witness::torn};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr std::string_view site = {};
    static constexpr unsigned cpus = 2;
    static constexpr bool maps = true;
    static constexpr bool without_steps = true;

    static void script(cmodx::script& s) {
        constexpr std::size_t line = 64;
        constexpr std::size_t places = 64;
        constexpr std::size_t behind = 128 * 1024;  // where halves of two jumps may lead: traps
        const architecture& isa = *s.parts().isa;
        const site_layout& site = *s.parts().site;
        const std::size_t stride = (site.size / line + 2) * line;
        const platform::code_memory arena = platform::map(mapping::same, places * stride + behind);
        if (arena.executable == nullptr) return s.refuse(arena.failure);
        code_buffer traps{arena.writable, arena.size};
        while (traps.size < arena.size) isa.trap(traps);
        const std::size_t offset = s.place() % line;
        for (std::size_t k = 0; k < places; ++k) s.image(arena.writable + k * stride, stride, offset, 0);
        platform::synchronize(arena.executable, arena.size);
        const auto aim = [&](std::size_t k) {
            s.aim(arena.writable, arena.executable, arena.size, k * stride + offset);
        };
        const auto run = [&](std::size_t k) {
            const auto entry = reinterpret_cast<std::uintptr_t>(arena.executable + k * stride + offset + site.entry);
            return reinterpret_cast<std::uint32_t (*)()>(entry + site.state)();
        };
        script_words& w = s.words();
        aim(0);
        const std::uint32_t most = 1u << s.choose(12);  // spins, for all places of this call
        const auto writer = [&] {
            for (std::uint32_t k = 0; k < places && s.wait_for(w.turn, k + 1); ++k) {
                for (std::uint32_t spins = s.choose(most); spins != 0; --spins) platform::pause();
                aim(k);
                s.modify(1);
                w.flag.store(k + 1, std::memory_order_release);
            }
        };
        const auto executor = [&] {
            for (std::uint32_t k = 0; k < places && !s.over() && !w.abandoned; ++k) {
                const auto look = [&] {
                    const std::uint32_t value = run(k);
                    s.expect(value, value == s.token_of(1) ? 1 : 0);
                };
                for (unsigned n = 0; n < 3; ++n) look();
                w.turn.store(k + 1, std::memory_order_release);
                for (std::uint32_t tries = 1; w.flag.load(std::memory_order_acquire) <= k && !s.over(); ++tries) {
                    look();
                    if (tries % 4096 == 0) platform::rest();
                }
                for (unsigned n = 0; n < 3; ++n) look();
            }
            w.abandoned = true;
        };
        const std::size_t cpu = s.choose(static_cast<std::uint32_t>(s.cpus()));
        s.move_to(cpu);
        s.together(cpu + 1, writer, executor);
        platform::unmap(arena);
    }
};

const define_script<once> entry;

}  // namespace
}  // namespace cmodx
