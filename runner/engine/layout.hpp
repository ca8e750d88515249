// SPDX-License-Identifier: Apache-2.0
// Where the sites, flags and stubs of a batch lie in its memory.
#pragma once

#include <algorithm>
#include <span>

#include "runner/engine/assemble.hpp"
#include "runner/engine/worker.hpp"

namespace cmodx {

// Of how many batches, or calls of a script, results have a hash of what the seed decides.
inline constexpr std::size_t hashed_batches = 8;

constexpr std::uint64_t hash_of_choice(std::uint64_t chosen, std::uint64_t hash) {
    for (int i = 0; i < 8; ++i, chosen >>= 8) hash = (hash ^ (chosen & 0xff)) * 0x100000001b3;
    return hash;
}

// The random choices of a batch, and a hash of those that are the same wherever the seed is.
class chooser {
  public:
    explicit chooser(std::uint64_t seed) : random_(seed) {}
    std::uint32_t operator()(std::uint32_t bound) {
        const std::uint32_t chosen = random_.below(bound);
        hash_ = hash_of_choice(chosen, hash_);
        return chosen;
    }
    // Of what machines have more or less, such as CPUs.
    std::uint32_t out_of(std::size_t count) { return random_.below(static_cast<std::uint32_t>(count)); }
    std::uint64_t seed_of_another() { return random_.next(); }
    std::uint64_t hash() const { return hash_; }

  private:
    random_source random_;
    std::uint64_t hash_ = fnv_basis;
};

// Which program a thread runs: of those that run free, all behind the first observe alike.
inline std::size_t program_of(const shape& form, std::size_t thread) {
    return form.together ? thread : std::min<std::size_t>(thread, form.programs.size() - 1);
}

class layout {
  public:
    // `stubs`: by program, for those without a location inside.
    layout(const test& t, std::span<const stub> stubs, chooser& choose) : test_(t), stubs_(stubs), choose_(choose) {}

    std::size_t slot_size() const;  // bytes of memory that one instance needs

    // Draws where instance `k` lies.
    void choose_places(unsigned k);
    // Does that, and lays it out for the first `threads` workers; says what is wrong, or null.
    const char* lay_out(const platform::code_memory& memory, batch& b, unsigned k, std::span<worker> threads);

  private:
    // A stub with locations inside.
    struct inner {
        bool present = false;
        spacing draw;
        std::size_t begin = 0;
        std::size_t end = 0;
    };

    std::size_t place(location x, std::size_t zone);
    void place_stub(std::size_t program, std::size_t zone);
    void lay_out_site(location x);
    void lay_out_stub(std::size_t program);
    void lay_out_frame(lane& l, batch& b, instance& i, std::size_t slot) const;

    const test& test_;
    std::span<const stub> stubs_;
    chooser& choose_;
    platform::code_memory memory_{};
    std::array<std::size_t, locations> begin_{};    // offset in the memory
    std::array<std::size_t, locations> end_{};      // of its zone; 0: the location is inside a stub, or not used
    std::array<std::size_t, locations> patched_{};  // offset of the modified bytes
    std::array<std::size_t, locations> entry_{};
    std::array<inner, most_programs> inner_{};  // by program
    std::size_t apart_ = 0;                     // bytes from the site to the data behind it
    const char* error_ = nullptr;
};

}  // namespace cmodx
