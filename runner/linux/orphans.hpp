// SPDX-License-Identifier: Apache-2.0
// What a test's process leaves behind, in whatever group or session, becomes a child of the runner and is ended.
#pragma once

namespace cmodx {

// Before the first test's process. Does nothing when this process has children already, as of a shell that became it:
// theirs are none of ours.
void adopt_orphans();

// Ends all of them. False if one does not end.
bool end_orphans();

}  // namespace cmodx
