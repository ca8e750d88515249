// SPDX-License-Identifier: Apache-2.0
// What machine.cpp has to call before there are address spaces.
#pragma once

namespace cmodx::machine {

void prepare_pages();
void prepare_tags();  // on each CPU

}  // namespace cmodx::machine
