// SPDX-License-Identifier: Apache-2.0
// Write: code is a mapped file, which a thread writes by pwrite. Discard: code is a private, modified copy of a file's
// page, which a thread drops by MADV_DONTNEED, so that the file's contents are code again. Write.Private: the mapping
// of the file is private.
//
//     T0                          T0
//     fetch x       old code      fetch x              old code
//     pwrite file   new code      madvise DONTNEED     the file's code
//     steps                       steps
//     fetch x       must be new   fetch x              must be the file's code
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

enum class way : std::uint8_t { write, write_private, discard };

constexpr std::string_view names[] = {"Write", "Write.Private", "Discard"};
constexpr std::string_view meanings[] = {"a thread modifies the file that its code is mapped from",
                                         "a thread modifies the file of which its code is a private mapping",
                                         "a thread discards its modified copy of a file's code"};

template <way Way>
struct file {
    static constexpr bool discards = Way == way::discard;
    static constexpr implied_step opened[] = {{"mmap.private", 0, implied_step::place::first}};
    static constexpr std::string_view name = names[static_cast<std::size_t>(Way)];
    static constexpr std::string_view meaning = meanings[static_cast<std::size_t>(Way)];
    static constexpr std::span<const implied_step> implied =
        Way == way::write_private ? std::span<const implied_step>(opened) : std::span<const implied_step>();
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::file};
    static constexpr bool maps = true;

    static void script(cmodx::script& s) {
        const std::size_t size = s.extent();
        const std::size_t offset = s.place();
        std::vector<std::uint8_t> bytes(size);
        s.image(bytes.data(), size, offset, 0);
        const int backing = static_cast<int>(syscall(SYS_memfd_create, "cmodx", 0x0001U /* MFD_CLOEXEC */));
        if (backing < 0) return s.refuse("memfd_create is denied");
        const int protection = PROT_READ | PROT_EXEC | (discards ? PROT_WRITE : 0);
        void* p = MAP_FAILED;
        if (write(backing, bytes.data(), size) == static_cast<ssize_t>(size))
            p = mmap(nullptr, size, protection, Way == way::write ? MAP_SHARED : MAP_PRIVATE, backing, 0);
        if (p == MAP_FAILED) {
            close(backing);
            return s.refuse("an executable file mapping is denied");
        }
        auto* const at = static_cast<std::uint8_t*>(p);
        platform::synchronize(at, size);
        s.aim(at, at, size, offset);
        s.expect(s.run(), 0);
        discards ? discard(s, at) : rewrite(s, backing, offset);
        munmap(p, size);
        close(backing);
    }

    static void rewrite(cmodx::script& s, int backing, std::size_t offset) {
        for (std::uint32_t g = 1; g <= 32 && !s.over(); ++g) {
            const auto patch = s.patch(g);
            const auto at = static_cast<off_t>(offset + s.parts().site->patch);
            if (pwrite(backing, patch.data(), patch.size(), at) != static_cast<ssize_t>(patch.size()))
                return s.fail("the file could not be written");
            s.wrote();
            s.writer_steps();
            s.expect(s.run(), g);
        }
    }

    static void discard(cmodx::script& s, std::uint8_t* at) {
        for (std::uint32_t g = 1; g <= 16 && !s.over(); ++g) {
            s.modify(g);
            s.writer_steps();
            s.expect(s.run(), g);
            if (madvise(at, s.extent(), MADV_DONTNEED) != 0) return s.refuse("MADV_DONTNEED is denied");
            s.wrote();
            s.writer_steps();
            s.expect(s.run(), 0);
        }
    }
};

const define_script<file<way::write>> written;
const define_script<file<way::write_private>> written_and_private;
const define_script<file<way::discard>> discarded;

}  // namespace
}  // namespace cmodx
