// SPDX-License-Identifier: Apache-2.0
// Does what a sanitizer must end: `sanitized address`, `undefined` or `thread`. Ends with 0 if nothing did.
#include <string_view>
#include <thread>
#include <vector>

namespace {

int beyond(std::size_t size) {
    const std::vector<int> v(size);
    return v.data()[size];
}

int too_much(int n) { return 0x7fffffff + n; }

int race() {
    int shared = 0;
    std::thread other([&] { ++shared; });
    ++shared;
    other.join();
    return shared;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc == 2 ? argv[1] : "";
    volatile int sink = 0;
    if (what == "address") sink = beyond(static_cast<std::size_t>(argc));
    if (what == "undefined") sink = too_much(argc);
    if (what == "thread") sink = race();
    static_cast<void>(sink);
    return 0;
}
