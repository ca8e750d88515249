// SPDX-License-Identifier: Apache-2.0
// A piece of code of a subject's that returns the token of a generation, whichever level it is made by.
#pragma once

#include <vector>

#include "drive/scenario.hpp"

namespace cmodx::subjects {

struct piece {
    cmodx_code code{};
    bool bytes = false;
    std::size_t at = 0;  // bytes: of the site inside the code
    int error = 0;       // why there is none
};

std::uint8_t* base_of(const piece& p);

// Made and published as generation g, `size` bytes long at least. Any thread may, and s only lends the site's bytes.
piece make(script& s, const cmodx_subject& by, level as, std::uint32_t g, std::size_t at = 0, std::size_t size = 0);

// Where a piece has to lie so that of the modified bytes `before` lie in front of a multiple of `boundary`, and below
// the size of a page of no larger power of two. The subject chooses addresses, so it is tried a few times.
piece make_across(script& s, const cmodx_subject& by, std::size_t boundary, std::size_t before, std::uint32_t g);

// 0, or why not.
int modify(script& s, const cmodx_subject& by, piece& p, std::uint32_t g);

// Runs it; the token of what ran.
std::uint32_t run(script& s, const cmodx_subject& by, const piece& p);
// What is counted from now on is this piece's.
void aim(script& s, const piece& p);
// Counts it as script::expect does.
bool expect(script& s, const piece& p, std::uint32_t value, std::uint32_t g);

// The subject has refused to modify the piece, or has not. One that refuses every place is skipped for what it says.
void refused(script& s, const cmodx_subject& by, int error);
void accepted();

inline void begin(const cmodx_subject& by) {
    if (by.reader_begin != nullptr) by.reader_begin();
}
inline void synchronize(const cmodx_subject& by) {
    if (by.reader_sync != nullptr) by.reader_sync();
}
inline void end(const cmodx_subject& by) {
    if (by.reader_end != nullptr) by.reader_end();
}

}  // namespace cmodx::subjects
