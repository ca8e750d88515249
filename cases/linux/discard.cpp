// SPDX-License-Identifier: Apache-2.0
// Discard.Anon: a thread drops an anonymous page that it has run code on, by MADV_DONTNEED, and writes and runs other
// code there: the page is another than before, at the same address.
//
//     T0
//     fetch x            old code
//     madvise DONTNEED
//     store x            new code
//     steps
//     fetch x            must be the new code
#include <sys/mman.h>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

struct discard {
    static constexpr std::string_view name = "Discard.Anon";
    static constexpr std::string_view meaning =
        "a thread drops an anonymous page with code and writes other code there";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr bool maps = true;

    static void script(cmodx::script& s) {
        const std::size_t size = s.extent();
        const std::size_t offset = s.place();
        constexpr int everything = PROT_READ | PROT_WRITE | PROT_EXEC;
        void* const p = mmap(nullptr, size, everything, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) return s.refuse("an executable mapping is denied");
        auto* const at = static_cast<std::uint8_t*>(p);
        s.image(at, size, offset, 0);
        platform::synchronize(at, size);
        s.aim(at, at, size, offset);
        s.range(at + offset, at + offset + s.parts().site->size);
        s.expect(s.run(), 0);
        for (std::uint32_t g = 1; g <= 32 && !s.over(); ++g) {
            if (madvise(p, size, MADV_DONTNEED) != 0) {
                s.refuse("MADV_DONTNEED is denied");
                break;
            }
            if (at[offset] != 0 || at[size - 1] != 0) s.fail("the page was not dropped");
            s.image(at, size, offset, g);
            s.wrote();
            s.writer_steps();
            s.expect(s.run(), g);
        }
        munmap(p, size);
    }
};

const define_script<discard> entry;

}  // namespace
}  // namespace cmodx
