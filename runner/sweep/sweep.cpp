// SPDX-License-Identifier: Apache-2.0
// `cmodx sweep WHAT`: which maps there are.
#include "runner/sweep/sweep.hpp"

#include "runner/commands.hpp"

namespace cmodx {
namespace {

constexpr struct {
    std::string_view name;
    sweep_command run;
} sweeps[] = {{"torn", sweep_torn},     {"wait", sweep_wait},         {"propagation", sweep_propagation},
              {"toggle", sweep_toggle}, {"distance", sweep_distance}, {"lines", sweep_lines}};

}  // namespace

sweep_command find_sweep(const std::string& what) {
    for (const auto& s : sweeps)
        if (s.name == what) return s.run;
    return nullptr;
}

std::string sweep_names() {
    std::string names;
    for (const auto& s : sweeps) names += (names.empty() ? "" : ", ") + std::string(s.name);
    return names;
}

}  // namespace cmodx
