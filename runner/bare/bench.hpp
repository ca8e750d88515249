// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace cmodx::bare {

// `samples` of each price; 0: as many as usual.
void run_bench(std::size_t samples);

}  // namespace cmodx::bare
