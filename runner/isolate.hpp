// SPDX-License-Identifier: Apache-2.0
// Runs a function apart from the rest, with a limit: whatever it does ends as a value here. On Linux that is a process
// and a process group of its own; on a bare machine a context that traps and the timer can leave.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace cmodx {

struct isolated {
    enum class end { completed, silent, crashed, timed_out, failed };
    end how = end::failed;
    int signal = 0;         // crashed: by which
    int code = 0;           // silent: the exit code
    std::string complaint;  // the last lines on standard error; failed: what could not be done
};

// Calls body(record) there, which fills `record`, and the bytes come back here. `completed` only if exactly that many
// arrived, unharmed. Ends whatever the function started before it returns.
isolated run_isolated(std::span<std::byte> record, std::chrono::nanoseconds limit,
                      const std::function<void(std::span<std::byte>)>& body);

// Ends what runs now, if anything does; async-signal-safe.
void kill_isolated();

std::string signal_name(int signal);

}  // namespace cmodx
