// SPDX-License-Identifier: Apache-2.0
// The suite as the first process of a guest: it mounts what tests need, takes its arguments from a file of the
// initramfs, sends results through a virtio port, and powers the guest off.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cmodx {

// Whether this process is a guest's /init; the first process of a container is not.
bool is_init(const std::vector<std::string>& arguments);

// Returns in a child process, with the arguments that it is to run with: standard output is the port named "cmodx",
// standard error the console. The first process waits for that child, says on the port how it ended, and powers off;
// when it cannot do its work it says so in one line on the console and powers off.
std::vector<std::string> become_init();

// The contents of /arguments, each argument ended by a zero byte: a kernel's command line has room for a few only, and
// a syntax of its own. Throws std::runtime_error.
std::vector<std::string> guest_arguments(std::string_view contents);

}  // namespace cmodx
