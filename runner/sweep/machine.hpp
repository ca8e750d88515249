// SPDX-License-Identifier: Apache-2.0
// What the maps have in common: the architecture, the steps that make a modification arrive here, and the CPUs.
#pragma once

#include "runner/bench/prices.hpp"
#include "runner/measure/measurement.hpp"

namespace cmodx {

class sweep_machine {
  public:
    explicit sweep_machine(const measurement& m);
    const bench_context& context() const { return context_; }
    const architecture& isa() const { return context_.on.isa; }  // NOLINT(clang-analyzer-core.*): it comes first
    std::span<const fact> facts() const { return facts_; }
    // The cheapest sufficient protocol of one thread, and of two, that has the kernel disturb nobody.
    const test_case& self() const { return self_; }
    const test_case& across() const { return across_; }
    void emit_writer(code_buffer& code) const { emit(code, across_.writer); }
    void emit_executor(code_buffer& code) const { emit(code, across_.executor); }
    void emit_self(code_buffer& code) const { emit(code, self_.writer); }

  private:
    static void emit(code_buffer& code, const std::vector<const step*>& steps) {
        for (const step* s : steps) s->emit(code, 0);
    }
    test_case cheapest(std::string_view shape) const;
    bench_context context_;
    std::vector<fact> facts_;
    test_case self_;
    test_case across_;
};

// Spins that no compiler removes.
inline void spin(std::uint32_t times) {
    for (std::uint32_t i = 0; i < times; ++i) asm volatile("" ::: "memory");
}

// Modified bytes begin `before` bytes in front of an address that is a multiple of `boundary` and, below a page, of no
// larger power of two; offset from the begin of three pages.
constexpr std::size_t place_before(std::size_t boundary, std::size_t before, std::size_t page) {
    return (boundary >= page ? 2 * page : page + page / 2 + boundary) - before;
}

}  // namespace cmodx
