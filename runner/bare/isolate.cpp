// SPDX-License-Identifier: Apache-2.0
// A test's own context on a bare machine: a trap in the suite or the watchdog leaves it, and the other CPUs are told to
// drop what they do.
#include "runner/isolate.hpp"

#include "runner/bare/calls.hpp"
#include "runner/bare/cpu.hpp"

namespace cmodx {

isolated run_isolated(std::span<std::byte> record, std::chrono::nanoseconds limit,
                      const std::function<void(std::span<std::byte>)>& body) {
    bare::cpu& here = bare::cpus[0];
    bare::ended.how.store(bare::ending::none);
    bare::ended.size = 0;
    bare::release_memory();
    if (machine::cmodx_save(&here.base) == 0) {
        machine::mask();
        bare::pending = {.limit = machine::ticks() + bare::ticks_of(static_cast<std::uint64_t>(limit.count()))};
        bare::arm();
        here.isolated = true;
        machine::unmask();
        body(record);
    }
    machine::mask();
    here.isolated = false;
    here.armed = nullptr;
    bare::pending = {};
    machine::unmask();
    bare::drop_calls();
    if (!bare::abandon_others()) bare::panic("a CPU does not answer an interrupt any more");
    isolated came;
    switch (bare::ended.how.load()) {
        case bare::ending::none: came.how = isolated::end::completed; break;
        case bare::ending::timeout: came.how = isolated::end::timed_out; break;
        case bare::ending::fault:
            came.how = isolated::end::crashed;
            came.signal = bare::ended.cause;
            break;
    }
    came.complaint.assign(bare::ended.text.data(), bare::ended.size);
    return came;
}

void kill_isolated() {}

std::string signal_name(int signal) { return std::string(machine::fault_name(signal)); }

}  // namespace cmodx
