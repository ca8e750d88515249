// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "check.hpp"

int main(int argc, char** argv) {
    using heap_tests::test;
    int status = 77;
    for (const test* t = test::first; t != nullptr; t = t->next) {
        if (argc > 1 && std::strcmp(argv[1], "--list") == 0) {
            std::puts(t->name);
            status = 0;
            continue;
        }
        if (argc > 1 && std::strcmp(argv[1], t->name) != 0) continue;
        try {
            t->run();
            std::printf("%-28s %s\n", t->name, heap_tests::failed ? "FAILED" : "passed");
            if (status == 77) status = 0;
        } catch (const heap_tests::skipped& s) {
            std::printf("%-28s skipped: %s\n", t->name, s.reason.c_str());
        }
        if (heap_tests::failed) status = 1;
    }
    return heap_tests::failed ? 1 : status;
}
