// SPDX-License-Identifier: Apache-2.0
// Alone, since every commit makes it anew.
#include "runner/built.hpp"

#include "version.hpp"

namespace cmodx {

const char* const version = generated::version;
const char* const commit = generated::commit;

}  // namespace cmodx
