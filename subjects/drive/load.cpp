// SPDX-License-Identifier: Apache-2.0
// Subjects out of shared objects.
#include <dlfcn.h>

#include "drive/driver.hpp"

namespace cmodx::subjects {
namespace {

std::string load(const std::string& file) {
    // A name without a slash would be looked for where libraries are.
    const std::string path = file.find('/') == file.npos ? "./" + file : file;
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return dlerror();
    auto* const list = reinterpret_cast<decltype(&cmodx_subjects)>(dlsym(library, "cmodx_subjects"));
    return list == nullptr ? "exports no cmodx_subjects" : add(list());
}

}  // namespace

load_function loader() { return load; }
const cmodx_subject* const* linked_in() { return nullptr; }

}  // namespace cmodx::subjects
