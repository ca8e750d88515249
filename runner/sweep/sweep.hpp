// SPDX-License-Identifier: Apache-2.0
// The maps of `cmodx sweep`, one file each.
#pragma once

#include "runner/measure/measurement.hpp"

namespace cmodx {

int sweep_torn(const measure_arguments& arguments);         // where a fetch tears under one store
int sweep_wait(const measure_arguments& arguments);         // behind a breakpoint, how long until a tail may be written
int sweep_propagation(const measure_arguments& arguments);  // from a store to the first execution of the new code
int sweep_toggle(const measure_arguments& arguments);       // what toggling costs who runs the code
int sweep_distance(const measure_arguments& arguments);     // a thread that modifies what comes next
int sweep_lines(const measure_arguments& arguments);        // many lines, every set and way

}  // namespace cmodx
