// SPDX-License-Identifier: Apache-2.0
// Runs a function in a process and a process group of its own, with a limit: whatever it does ends as a value here.
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

// Forks; the child calls body(record), which fills `record`, and the bytes come back here. `completed` only if
// exactly that many arrived, unharmed. Ends every process of the child's group before it returns.
isolated run_isolated(std::span<std::byte> record, std::chrono::nanoseconds limit,
                      const std::function<void(std::span<std::byte>)>& body);

// Sends SIGKILL to the group of the child that runs now, if one does; async-signal-safe.
void kill_isolated();

std::string signal_name(int signal);

}  // namespace cmodx
