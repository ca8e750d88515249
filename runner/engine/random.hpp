// SPDX-License-Identifier: Apache-2.0
// A small generator whose sequence is the same on every machine; it paces, places and picks.
#pragma once

#include <cstdint>
#include <string_view>

namespace cmodx {

// splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
class random_source {
  public:
    explicit constexpr random_source(std::uint64_t seed) : state_(seed) {}

    constexpr std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // Uniform in [0, bound), without a division.
    constexpr std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
    }

  private:
    std::uint64_t state_;
};

// 64-bit FNV-1a; start with `basis` or an earlier result.
constexpr std::uint64_t fnv_basis = 0xcbf29ce484222325;
constexpr std::uint64_t fnv(const std::uint8_t* bytes, std::size_t size, std::uint64_t hash = fnv_basis) {
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}
constexpr std::uint64_t fnv(std::string_view text, std::uint64_t hash = fnv_basis) {
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    return hash;
}

}  // namespace cmodx
