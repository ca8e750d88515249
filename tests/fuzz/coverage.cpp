// SPDX-License-Identifier: Apache-2.0
// `cmodx_fuzz PARSER [libFuzzer's arguments]`: one parser fed by coverage; see ci/fuzz.
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "tests/parsers.hpp"

namespace {

const cmodx::parser* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
    // Processes that libFuzzer starts by itself get its own arguments alone.
    const char* const inherited = getenv("CMODX_PARSER");
    const std::string name = inherited != nullptr ? inherited : *argc > 1 ? (*argv)[1] : "";
    for (const cmodx::parser& p : cmodx::parsers())
        if (p.name == name) chosen = &p;
    if (chosen == nullptr) {
        for (const cmodx::parser& p : cmodx::parsers()) std::printf("%s\n", p.name.data());
        exit(name == "list" ? 0 : 2);
    }
    if (inherited != nullptr) return 0;
    setenv("CMODX_PARSER", name.c_str(), 1);
    std::copy(*argv + 2, *argv + *argc + 1, *argv + 1);
    --*argc;
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    chosen->take(std::string(reinterpret_cast<const char*>(data), size));
    return 0;
}
