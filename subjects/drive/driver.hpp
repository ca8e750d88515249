// SPDX-License-Identifier: Apache-2.0
// How subjects come to the driver: out of shared objects (load.cpp), or because they are linked in (linked.cpp).
#pragma once

#include <string>

#include "subject.h"

namespace cmodx::subjects {

// Takes a list that is ended by null; empty, or what is wrong with it.
std::string add(const cmodx_subject* const* list);

// One of the two files says: what loads a shared object, or null; the subjects that are linked in, or null.
using load_function = std::string (*)(const std::string& file);
load_function loader();
const cmodx_subject* const* linked_in();

}  // namespace cmodx::subjects
