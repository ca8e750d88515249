// SPDX-License-Identifier: Apache-2.0
// Scenarios of several threads.
#pragma once

#include "drive/piece.hpp"

namespace cmodx::subjects {

void hand_off(script& s, const cmodx_subject& by, std::size_t);
template <level As>
void live(script& s, const cmodx_subject& by, std::size_t);
void live_across(script& s, const cmodx_subject& by, std::size_t boundary);
void churn(script& s, const cmodx_subject& by, std::size_t);

}  // namespace cmodx::subjects
