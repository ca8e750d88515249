// SPDX-License-Identifier: Apache-2.0
// The registers and idioms that the steps and the events of an A64 stub share.
//
// X19 holds the frame and W20 the flag last loaded; both are callee-saved, so they outlive the calls to sites and
// to clear_cache. W0 to W4 and X8 are scratch, live within one event or step only.
#pragma once

#include "arch/aarch64/encode.hpp"
#include "arch/arch.hpp"

namespace cmodx::aarch64 {

inline constexpr xreg frame = x19;
inline constexpr wreg last_flag = w20;

// Appends the instructions `words`.
template <std::same_as<std::uint32_t>... Words>
constexpr void append(code_buffer& code, Words... words) {
    (code.little(words, 4), ...);
}

constexpr std::uint32_t load(xreg to, field f, location x = 0) {
    return ldr(to, frame, static_cast<std::uint32_t>(8 * word_of(f, x)));
}
constexpr std::uint32_t store(xreg from, field f, location x = 0) {
    return str(from, frame, static_cast<std::uint32_t>(8 * word_of(f, x)));
}
constexpr std::uint32_t observed(xreg to, std::size_t slot) {
    return ldr(to, frame, static_cast<std::uint32_t>(8 * word_of_observed(slot)));
}
constexpr std::uint32_t observe(xreg from, std::size_t slot) {
    require(slot < observations);
    return str(from, frame, static_cast<std::uint32_t>(8 * word_of_observed(slot)));
}

// System call `number`, its arguments being in place in X0 … X5; the result is or-ed into the frame's status.
constexpr void system_call(code_buffer& code, std::uint32_t number) {
    constexpr auto status = static_cast<std::uint32_t>(8 * word_of(field::status, 0));
    append(code, movz(x8, number), svc(0), ldr(x1, frame, status), orr(x1, x1, x0), str(x1, frame, status));
}

}  // namespace cmodx::aarch64
