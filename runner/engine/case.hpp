// SPDX-License-Identifier: Apache-2.0
// What a file in cases/ includes: a case is a type with the shape's data and one function that classifies a round;
// `const define<that_type> entry;` makes it part of the suite.
#pragma once

#include "runner/engine/worker.hpp"

namespace cmodx {

template <class S>
class define {
  public:
    define() {
        shape_.next = shape_list();
        shape_list() = &shape_;
    }

  private:
    static consteval bool sweeps() {
        if constexpr (requires { S::sweeps_placement; })
            return S::sweeps_placement;
        else
            return false;
    }
    static consteval std::uint16_t generations() {
        if constexpr (requires { S::needs_generations; })
            return S::needs_generations;
        else
            return 2;
    }
    static constexpr auto executor() -> void (*)(worker&) {
        if constexpr (std::size(S::programs) > 1)
            return executor_loop<S>;
        else
            return nullptr;
    }

    shape shape_{.name = S::name,
                 .meaning = S::meaning,
                 .between = S::between,
                 .programs = S::programs,
                 .seeks = S::seeks,
                 .paths = S::paths,
                 .sweeps_placement = sweeps(),
                 .needs_generations = generations(),
                 .writer = writer_loop<S>,
                 .executor = executor()};
};

}  // namespace cmodx
