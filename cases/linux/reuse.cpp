// SPDX-License-Identifier: Apache-2.0
// Reuse: other code comes to lie at an address where a thread has run code: by munmap and mmap (Reuse), a mapping over
// it (Reuse.Over), one that is moved there (Reuse.Move), or shmdt and shmat (Reuse.Shm). `fresh` counts true reuses.
//
//     T0                       T1
//                              fetch x    old code
//     unmap x
//     map x      new code
//     steps
//     store flag               load flag
//                              steps
//                              fetch x    must be the new code
#include <sys/mman.h>
#include <sys/shm.h>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

enum class way : std::uint8_t { unmap, over, move, shm };

constexpr int everything = PROT_READ | PROT_WRITE | PROT_EXEC;

std::uint8_t* map_anywhere(std::uint8_t* at, std::size_t size, int flags) {
    void* const p = mmap(at, size, everything, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return p == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(p);
}

// A new segment that is gone with its last mapping.
std::uint8_t* attach(std::uint8_t* at, std::size_t size) {
    const int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0700);
    if (id < 0) return nullptr;
    void* const p = shmat(id, at, SHM_EXEC);
    shmctl(id, IPC_RMID, nullptr);
    return reinterpret_cast<std::intptr_t>(p) == -1 ? nullptr : static_cast<std::uint8_t*>(p);
}

constexpr std::string_view names[] = {"Reuse", "Reuse.Over", "Reuse.Move", "Reuse.Shm"};
constexpr std::string_view meanings[] = {"code is unmapped and other code mapped at its address",
                                         "other code is mapped over code", "a mapping of other code is moved over code",
                                         "shared memory with code is exchanged for other at its address"};

template <way Way>
struct reuse {
    static constexpr std::string_view name = names[static_cast<std::size_t>(Way)];
    static constexpr std::string_view meaning = meanings[static_cast<std::size_t>(Way)];
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::cross_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr unsigned cpus = 2;
    static constexpr bool maps = true;

    // Puts generation g at `at` by a new mapping; false: it was refused.
    static bool remap(cmodx::script& s, std::uint8_t* at, std::size_t offset, std::uint32_t g) {
        const std::size_t size = s.extent();
        std::uint8_t* p = nullptr;
        switch (Way) {
            case way::unmap:
                munmap(at, size);
                p = map_anywhere(at, size, 0);
                if (p != nullptr && p != at) {  // another mapping came in between
                    munmap(p, size);
                    p = map_anywhere(at, size, MAP_FIXED);
                }
                break;
            case way::over: p = map_anywhere(at, size, MAP_FIXED); break;
            case way::move: p = map_anywhere(nullptr, size, 0); break;
            case way::shm:
                shmdt(at);
                p = attach(at, size);
                break;
        }
        if (p == nullptr) return false;
        s.image(p, size, offset, g);
        s.wrote();
        return Way != way::move || mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at;
    }

    static void script(cmodx::script& s) {
        constexpr std::uint32_t rounds = 200;
        script_words& w = s.words();
        const std::size_t size = s.extent();
        std::uint8_t* const at = Way == way::shm ? attach(nullptr, size) : map_anywhere(nullptr, size, 0);
        if (at == nullptr) return s.refuse("an executable mapping is denied");
        const std::size_t offset = s.place();
        s.image(at, size, offset, 0);
        platform::synchronize(at, size);
        s.aim(at, at, size, offset);
        s.range(at + offset, at + offset + s.parts().site->size);
        if (!s.survives([&] { s.run(); })) return s.refuse("memory that was mapped executable does not run");
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= rounds && s.wait_for(w.turn, g); ++g) {
                if (!remap(s, at, offset, g)) {
                    s.refuse("an executable mapping is denied");
                    w.abandoned = true;
                    return;
                }
                s.writer_steps();
                s.publish(g);
            }
        };
        const auto executor = [&] {
            for (std::uint32_t g = 0; g <= rounds && !s.over() && s.wait_for(w.flag, g); ++g) {
                if (g != 0) s.executor_steps();
                s.expect(s.run(), g);
                w.turn.store(g + 1, std::memory_order_release);
            }
            w.abandoned = true;
        };
        s.together(s.choose(static_cast<std::uint32_t>(s.cpus())), writer, executor);
        Way == way::shm ? shmdt(at) : munmap(at, size);
    }
};

const define_script<reuse<way::unmap>> unmapped;
const define_script<reuse<way::over>> mapped_over;
const define_script<reuse<way::move>> moved_over;
const define_script<reuse<way::shm>> attached;

}  // namespace
}  // namespace cmodx
