// SPDX-License-Identifier: Apache-2.0
// Where the sites, flags and stubs of a batch lie in its memory.
#pragma once

#include <algorithm>
#include <span>

#include "runner/engine/assemble.hpp"
#include "runner/engine/worker.hpp"

namespace cmodx {

constexpr std::uint64_t hash_of_choice(std::uint32_t chosen, std::uint64_t hash) {
    for (int i = 0; i < 4; ++i, chosen >>= 8) hash = (hash ^ (chosen & 0xff)) * 0x100000001b3;
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

    // Lays out instance `k` for the first `threads` workers; says what is wrong, or null.
    const char* lay_out(const platform::code_memory& memory, batch& b, unsigned k, std::span<worker> threads);

  private:
    std::size_t place(location x, std::size_t zone);
    void lay_out_site(location x, std::size_t begin, std::size_t end);
    void lay_out_stub(std::size_t program, std::size_t zone);
    void lay_out_frame(lane& l, batch& b, instance& i, std::size_t slot) const;

    const test& test_;
    std::span<const stub> stubs_;
    chooser& choose_;
    platform::code_memory memory_{};
    std::array<std::size_t, locations> patched_{};  // offset of the modified bytes in the memory
    std::array<std::size_t, locations> entry_{};
    std::array<stub, most_programs> own_{};  // by program, those that contain a location
    const char* error_ = nullptr;
};

}  // namespace cmodx
