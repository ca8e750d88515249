// SPDX-License-Identifier: Apache-2.0
// Subjects that are linked in: of a static binary, or from an archive that is not position-independent.
#include "drive/driver.hpp"

namespace cmodx::subjects {

load_function loader() { return nullptr; }
const cmodx_subject* const* linked_in() { return cmodx_subjects(); }

}  // namespace cmodx::subjects
