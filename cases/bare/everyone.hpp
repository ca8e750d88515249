// SPDX-License-Identifier: Apache-2.0
// One CPU writes and all others run, each with counts of its own.
#pragma once

#include "cases/bare/rounds.hpp"

namespace cmodx {

inline constexpr std::uint32_t finished = ~0u;  // in the word `turn`

// One of those who run. The first tells the script at once what it ran, the others when all is over.
struct observer {
    unsigned index = 0;
    std::uint64_t good = 0;
    std::uint64_t stale = 0;
    std::uint64_t torn = 0;

    void check(script& s, std::uint32_t value, std::uint32_t g) {
        if (index == 1) {
            s.expect(value, g);
        } else if (value == s.token_of(g)) {
            ++good;
        } else {
            const int found = generation_of(value, s.parts().site->token_bits);
            ++(found < 0 || found >= s.parts().site->generations ? torn : stale);
        }
    }
    // Of a run while the writer went from `before` on, to `after` + 1 at most.
    void check(script& s, std::uint32_t value, std::uint32_t before, std::uint32_t after) {
        if (after - before >= s.parts().site->generations / 2u) return;  // what is old could be taken for new
        std::uint32_t g = before;
        while (g != after + 1 && value != s.token_of(g)) ++g;
        check(s, value, value == s.token_of(g) ? g : before);
    }
    void report(script& s) const {
        for (std::uint64_t n = 0; n < good; ++n) s.count(outcome::current);
        for (std::uint64_t n = 0; n < stale; ++n) s.count(witness::stale);
        for (std::uint64_t n = 0; n < torn; ++n) s.count(witness::torn);
    }
};

using observers = std::array<observer, 64>;

template <class F, class G>
void from(script& s, observers& all, unsigned i, F& other, G& mine) {
    if (i == s.cpus()) return mine();
    all[i].index = i;
    s.together(
        i, [&] { other(all[i]); }, [&] { from(s, all, i + 1, other, mine); });
}

// other(observer) on every CPU but this one, and mine() here.
template <class F, class G>
void everyone(script& s, F other, G mine) {
    observers all;
    from(s, all, 1, other, mine);
    for (const observer& o : all) o.report(s);
}

// Until each of the others has acknowledged generation g in its word; false: one has given up.
inline bool acknowledged(script& s, std::uint32_t g) {
    for (std::size_t i = 1; i < s.cpus() && i < s.words().word.size(); ++i)
        while (s.words().word[i].load(std::memory_order_acquire) < g) {
            if (s.words().abandoned) return false;
            platform::pause();
        }
    return true;
}

}  // namespace cmodx
