// SPDX-License-Identifier: Apache-2.0
// What a file in cases/ includes: a case is a type with the shape's data and one function that classifies a round;
// `const define<that_type> entry;` makes it part of the suite.
#pragma once

#include "runner/engine/loops.hpp"
#include "runner/engine/rounds.hpp"

namespace cmodx {

// A member that the type has, or else this.
#define CMODX_MEMBER_OR(type, member, otherwise)  \
    [] {                                          \
        if constexpr (requires { type::member; }) \
            return type::member;                  \
        else                                      \
            return otherwise;                     \
    }()

template <class S>
class define {
  public:
    define() {
        shape_.next = shape_list();
        shape_list() = &shape_;
    }

  private:
    static constexpr auto loops() {
        std::array<void (*)(worker&), most_programs> all{};
        for (std::size_t i = 0; i < std::size(S::programs); ++i) {
            if constexpr (traits<S>::together)
                all[i] = round_loop<S>;
            else if constexpr (traits<S>::writer_observes)
                all[i] = i == 0 ? writer_loop<S> : noise_loop;
            else
                all[i] = i == 0 ? writer_loop<S> : executor_loop<S>;
        }
        return all;
    }

    shape shape_{.name = S::name,
                 .meaning = S::meaning,
                 .between = S::between,
                 .programs = S::programs,
                 .seeks = S::seeks,
                 .paths = S::paths,
                 .plain = CMODX_MEMBER_OR(S, plain, false),
                 .everywhere = CMODX_MEMBER_OR(S, everywhere, false),
                 .sweeps_placement = CMODX_MEMBER_OR(S, sweeps_placement, false),
                 .needs_generations = traits<S>::generations,
                 .only_site = CMODX_MEMBER_OR(S, only_site, std::string_view{}),
                 .at = CMODX_MEMBER_OR(S, at, placement{}),
                 .waits = traits<S>::waits,
                 .noisy = CMODX_MEMBER_OR(S, noisy, false),
                 .led_into = CMODX_MEMBER_OR(S, led_into, false),
                 .together = traits<S>::together,
                 .loops = loops()};
};

#undef CMODX_MEMBER_OR

}  // namespace cmodx
