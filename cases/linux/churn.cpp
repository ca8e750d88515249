// SPDX-License-Identifier: Apache-2.0
// Churn: a thread allocates a place for code, writes and runs a function there, and frees it; others get the place
// later. Around every function stand canaries. `fresh` counts the times that a place held other code before.
//
//     T0
//     store x    a whole function, where another was
//     steps
//     fetch x    must be the new function
#include <array>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

constexpr std::size_t places = 64;
constexpr std::size_t room = 256;  // bytes of a place: canary, function, canary
constexpr std::size_t lead = 64;
constexpr std::uint8_t canary = 0xa5;

struct churn {
    static constexpr std::string_view name = "Churn";
    static constexpr std::string_view meaning = "functions are written, run and freed, in the places of others";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr bool maps = true;

    static bool unharmed(const std::uint8_t* place, std::size_t size) {
        for (std::size_t i = 0; i < room; ++i)
            if ((i < lead || i >= lead + size) && place[i] != canary) return false;
        return true;
    }

    static void script(cmodx::script& s) {
        const platform::code_memory arena = platform::map(mapping::same, places * room);
        if (arena.executable == nullptr) return s.refuse(arena.failure);
        const std::size_t size = s.parts().site->size;
        if (size > room - 2 * lead) return s.fail("the site does not fit its place");
        for (std::size_t i = 0; i < places * room; ++i) arena.writable[i] = canary;
        std::array<bool, places> used{};
        for (std::uint32_t n = 0; n < 1024 && !s.over(); ++n) {
            const std::size_t i = s.choose(places);
            std::uint8_t* const at = arena.writable + i * room;
            const std::uint32_t g = 1 + s.choose(255);
            s.aim(at, at, room, lead);
            s.range(at + lead, at + lead + size);
            s.image(at + lead, size, 0, g);
            s.wrote();
            s.writer_steps();
            const std::uint32_t value = s.run();
            if (used[i] || value != s.token_of(g))
                s.expect(value, g);
            else
                s.count(outcome::current);
            used[i] = true;
            if (!unharmed(at, size)) s.count(witness::torn);
        }
        platform::unmap(arena);
    }
};

const define_script<churn> entry;

}  // namespace
}  // namespace cmodx
