// SPDX-License-Identifier: Apache-2.0
// Fresh: code comes into memory with a page, at an address where other code ran before, and nobody synchronizes: a file
// that is mapped (Fresh), or anonymous memory that becomes executable for the first time (Fresh.Anon).
//
//     T0
//     fetch x                 old code
//     write file              new code
//     map file at x
//     fetch x                 must be the new code
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

bool map_file(std::uint8_t* at, const std::vector<std::uint8_t>& bytes, int sharing) {
    const int file = static_cast<int>(syscall(SYS_memfd_create, "cmodx", 0x0001U /* MFD_CLOEXEC */));
    if (file < 0) return false;
    bool done = write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    done = done && mmap(at, bytes.size(), PROT_READ | PROT_EXEC, sharing | MAP_FIXED, file, 0) == at;
    close(file);
    return done;
}

bool map_anonymous(std::uint8_t* at, const std::vector<std::uint8_t>& bytes) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap(at, bytes.size(), PROT_READ | PROT_WRITE, flags, -1, 0) != at) return false;
    std::memcpy(at, bytes.data(), bytes.size());
    return mprotect(at, bytes.size(), PROT_READ | PROT_EXEC) == 0;
}

template <bool File>
struct fresh {
    static constexpr std::string_view name = File ? "Fresh" : "Fresh.Anon";
    static constexpr std::string_view meaning =
        File ? "a file is written, mapped and run, and nobody synchronizes"
             : "memory is written, becomes executable for the first time and is run, and nobody synchronizes";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{"paged_in"}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {File ? mapping::file : mapping::flip};
    static constexpr bool maps = true;
    static constexpr bool without_steps = true;

    static void script(cmodx::script& s) {
        constexpr std::uint32_t rounds = 64;
        const std::size_t size = s.extent();
        void* const hole = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (hole == MAP_FAILED) return s.refuse("memory could not be mapped");
        auto* const at = static_cast<std::uint8_t*>(hole);
        const std::size_t offset = s.place();
        std::vector<std::uint8_t> bytes(size);
        s.aim(at, at, size, offset);
        for (std::uint32_t g = 0; g < rounds && !s.over(); ++g) {
            s.image(bytes.data(), size, offset, g);
            const int sharing = s.choose(2) == 0 ? MAP_SHARED : MAP_PRIVATE;
            if (!(File ? map_file(at, bytes, sharing) : map_anonymous(at, bytes))) {
                s.refuse("an executable mapping is denied");
                break;
            }
            s.wrote();
            s.expect(s.run(), g);
        }
        munmap(hole, size);
    }
};

const define_script<fresh<true>> file;
const define_script<fresh<false>> anonymous;

}  // namespace
}  // namespace cmodx
