// SPDX-License-Identifier: Apache-2.0
// Alias.Mremap, Alias.Shm, Alias.Private: as SM by an alias, but the second mapping is made by mremap with old size 0,
// by a second shmat, or is a private one of the same file.
//
//     T0
//     fetch x    old code
//     store x'   new code, by the other mapping
//     steps
//     fetch x    must be the new code
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

// Two mappings of the same memory; null if it is denied.
struct pair {
    std::uint8_t* writable = nullptr;
    std::uint8_t* executable = nullptr;
};

pair by_mremap(std::size_t size) {
    void* const first = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (first == MAP_FAILED) return {};
    void* const second = mremap(first, 0, size, MREMAP_MAYMOVE);
    if (second == MAP_FAILED || mprotect(second, size, PROT_READ | PROT_EXEC) != 0) return {};
    return {static_cast<std::uint8_t*>(first), static_cast<std::uint8_t*>(second)};
}

pair by_shmat(std::size_t size) {
    const int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0700);
    if (id < 0) return {};
    void* const first = shmat(id, nullptr, 0);
    void* const second = shmat(id, nullptr, SHM_EXEC | SHM_RDONLY);
    shmctl(id, IPC_RMID, nullptr);
    const auto failed = [](void* p) { return reinterpret_cast<std::intptr_t>(p) == -1; };
    if (failed(first) || failed(second)) return {};
    return {static_cast<std::uint8_t*>(first), static_cast<std::uint8_t*>(second)};
}

pair by_private_mapping(std::size_t size) {
    const int file = static_cast<int>(syscall(SYS_memfd_create, "cmodx", 0x0001U /* MFD_CLOEXEC */));
    if (file < 0) return {};
    pair both;
    if (ftruncate(file, static_cast<off_t>(size)) == 0) {
        void* const first = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        void* const second = mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
        if (first != MAP_FAILED && second != MAP_FAILED)
            both = {static_cast<std::uint8_t*>(first), static_cast<std::uint8_t*>(second)};
    }
    close(file);
    return both;
}

enum class way : std::uint8_t { mremap, shm, private_mapping };

constexpr std::string_view names[] = {"Alias.Mremap", "Alias.Shm", "Alias.Private"};
constexpr std::string_view meanings[] = {"one thread modifies code by a second mapping from mremap and runs it",
                                         "one thread modifies code by a second shmat and runs it",
                                         "one thread modifies a file by a shared mapping and runs it by a private one"};

template <way Way>
struct alias {
    static constexpr bool shm = Way == way::shm;
    static constexpr implied_step opened[] = {{"mmap.private", 0, implied_step::place::first}};
    static constexpr std::string_view name = names[static_cast<std::size_t>(Way)];
    static constexpr std::string_view meaning = meanings[static_cast<std::size_t>(Way)];
    static constexpr std::span<const implied_step> implied =
        Way == way::private_mapping ? std::span<const implied_step>(opened) : std::span<const implied_step>();
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::alias};
    static constexpr bool maps = true;

    static void script(cmodx::script& s) {
        const std::size_t size = s.extent();
        const pair p = shm ? by_shmat(size) : Way == way::mremap ? by_mremap(size) : by_private_mapping(size);
        if (p.executable == nullptr) return s.refuse("a second, executable mapping is denied");
        const std::size_t offset = s.place();
        s.image(p.writable, size, offset, 0);
        platform::synchronize(p.executable, size);
        s.aim(p.writable, p.executable, size, offset);
        if (!s.survives([&] { s.expect(s.run(), 0); })) return s.refuse("a second, executable mapping does not run");
        for (std::uint32_t g = 1; g <= 64 && !s.over(); ++g) {
            s.modify(g);
            s.writer_steps();
            s.expect(s.run(), g);
        }
        for (std::uint8_t* const at : {p.writable, p.executable}) shm ? shmdt(at) : munmap(at, size);
    }
};

const define_script<alias<way::mremap>> by_a_move;
const define_script<alias<way::shm>> by_shared_memory;
const define_script<alias<way::private_mapping>> by_a_file;

}  // namespace
}  // namespace cmodx
