// SPDX-License-Identifier: Apache-2.0
// What this is a build of, as documents say it.
#pragma once

namespace cmodx {

extern const char* const version;
extern const char* const commit;  // 12 digits, with -dirty if files differed from it; or unknown

}  // namespace cmodx
