// SPDX-License-Identifier: Apache-2.0
// Scenarios of one thread.
#pragma once

#include "drive/piece.hpp"

namespace cmodx::subjects {

void same_thread(script& s, const cmodx_subject& by, std::size_t);
template <level As>
void modify_same_thread(script& s, const cmodx_subject& by, std::size_t);
void modify_across(script& s, const cmodx_subject& by, std::size_t);
void writable_and_executable(script& s, const cmodx_subject& by, std::size_t);
void forked(script& s, const cmodx_subject& by, std::size_t);
void exhausted(script& s, const cmodx_subject& by, std::size_t);

}  // namespace cmodx::subjects
