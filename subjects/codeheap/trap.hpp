// SPDX-License-Identifier: Apache-2.0
// Threads that run into a breakpoint that an update has put in front of its other bytes.
#pragma once

namespace cmodx::code {

// Installs a handler of SIGTRAP, once, in front of the one that there is; false if that is denied.
bool take_sigtrap();

// Around a fork.
void lock_sigtrap();
void unlock_sigtrap();

// While it lives, whoever runs into the breakpoint at `at` comes back there.
class breakpoint_in_flight {
  public:
    explicit breakpoint_in_flight(const void* at);
    ~breakpoint_in_flight();
    breakpoint_in_flight(const breakpoint_in_flight&) = delete;

  private:
    const void* at_;
};

}  // namespace cmodx::code
