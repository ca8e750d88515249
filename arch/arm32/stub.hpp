// SPDX-License-Identifier: Apache-2.0
// The registers and idioms that the steps and the events of an A32 stub share.
//
// R4 holds the frame and R5 the flag last loaded; both are callee-saved, so they outlive the calls to sites and to
// clear_cache. R0 to R3, and R7 for the numbers of system calls, are scratch, live within one event or step only.
#pragma once

#include <concepts>

#include "arch/arch.hpp"
#include "arch/arm32/encode.hpp"

namespace cmodx::arm32 {

inline constexpr reg frame = r4;
inline constexpr reg last_flag = r5;

// Appends the instructions `words`.
template <std::same_as<std::uint32_t>... Words>
constexpr void append(code_buffer& code, Words... words) {
    (code.little(words, 4), ...);
}

constexpr std::uint32_t load(reg to, field f, location x = 0) {
    return ldr(to, frame, static_cast<std::int32_t>(4 * word_of(f, x)));
}
constexpr std::uint32_t store(reg from, field f, location x = 0) {
    return str(from, frame, static_cast<std::int32_t>(4 * word_of(f, x)));
}
constexpr std::uint32_t observed(reg to, std::size_t slot) {
    return ldr(to, frame, static_cast<std::int32_t>(4 * word_of_observed(slot)));
}
constexpr std::uint32_t observe(reg from, std::size_t slot) {
    require(slot < observations);
    return str(from, frame, static_cast<std::int32_t>(4 * word_of_observed(slot)));
}

// System call `number` of the EABI, its arguments being in place in R0 … R6; the result is or-ed into the frame's
// status.
constexpr void system_call(code_buffer& code, std::uint32_t number) {
    constexpr auto status = static_cast<std::int32_t>(4 * word_of(field::status, 0));
    append(code, movw(r7, number & 0xffff), movt(r7, number >> 16), svc(0));
    // Only -4095 … -1 are errors: an emulator's cacheflush returns its first argument.
    append(code, cmn(r0, immediate{4096}), mov(r0, immediate{0}, cond::lo));
    append(code, ldr(r1, frame, status), orr(r1, r1, r0), str(r1, frame, status));
}

}  // namespace cmodx::arm32
