// SPDX-License-Identifier: Apache-2.0
// Which bytes of the regions are whose: slabs of equal slots, many small functions to a page.
//
// A region is cut into chunks of 64 KiB. A chunk holds slots of one size class for one arena, or is part of one large
// piece. Threads are spread over the arenas, so that two rarely meet at a lock; memory goes back to the arena that it
// came from. The books are kept apart from the code, which nobody can write by accident.
#pragma once

#include <pthread.h>

#include <array>

#include "memory.hpp"

namespace cmodx::code {

inline constexpr std::size_t chunk_size = 64 * 1024;
inline constexpr std::size_t arena_count = 4;
inline constexpr std::size_t largest_slot = 16 * 1024;

// Multiples of 16 up to 128, then four sizes from each power of two to the next; the last class is for the entries of
// functions that can be exchanged, which are told from code by it.
inline constexpr std::size_t entry_class = 36;
inline constexpr auto slot_sizes = [] {
    std::array<std::uint16_t, entry_class + 1> sizes{};
    std::size_t n = 0;
    for (std::size_t s = 16; s <= 128; s += 16) sizes[n++] = static_cast<std::uint16_t>(s);
    for (std::size_t base = 128; base < largest_slot; base *= 2)
        for (std::size_t quarter = 1; quarter <= 4; ++quarter)
            sizes[n++] = static_cast<std::uint16_t>(base + quarter * base / 4);
    sizes[n] = 32;
    return sizes;
}();
static_assert(slot_sizes[entry_class - 1] == largest_slot && slot_sizes[entry_class] == 32);

struct chunk {
    enum class use : std::uint8_t { none, slots, large, rest_of_large };
    use is = use::none;
    std::uint8_t size_class = 0;
    std::uint8_t arena = 0;
    bool listed = false;            // among the arena's that have room
    std::uint32_t slots = 0;        // of a large piece: its chunks
    std::uint32_t unused = 0;       // slots neither live nor waiting
    std::uint32_t cursor = 0;       // word of `used` from which to look
    std::uint64_t* used = nullptr;  // a bit a slot: live or waiting; of a large piece its length
    std::uint64_t* live = nullptr;  // a bit a slot
    chunk* next = nullptr;
};

struct extent {
    region memory;
    chunk* chunks = nullptr;   // memory.size / chunk_size of them
    std::uint32_t taken = 0;   // chunks that were ever in use: the first ones
    std::uint32_t vacant = 0;  // of these, those that are not in use
    extent* next = nullptr;
};

// A piece of code: its place and its size as it was rounded up.
struct piece {
    extent* in = nullptr;
    chunk* of = nullptr;
    std::uint32_t slot = 0;
    std::uint8_t* code = nullptr;
    std::size_t size = 0;

    bool is_entry() const { return of->is == chunk::use::slots && of->size_class == entry_class; }
};

class mutex {
  public:
    void lock() { pthread_mutex_lock(&m_); }
    void unlock() { pthread_mutex_unlock(&m_); }

  private:
    pthread_mutex_t m_ = PTHREAD_MUTEX_INITIALIZER;
};
class guard {
  public:
    explicit guard(mutex& m) : m_(m) { m_.lock(); }
    ~guard() { m_.unlock(); }
    guard(const guard&) = delete;

  private:
    mutex& m_;
};

// The index of the calling thread's arena.
std::uint32_t arena_of_thread();

class slabs {
  public:
    void prepare(codeheap_mapping path, std::size_t reserve, bool permanent);
    ~slabs();

    // A free piece of at least `length` bytes, filled with traps, at a multiple of `alignment`.
    codeheap_error take(std::size_t length, std::size_t alignment, piece& p);
    codeheap_error take_entry(piece& p) { return take_slot(entry_class, p); }
    // The live piece that holds `at`; false if there is none.
    bool find(const void* at, piece& p) { return find(at, p, false); }
    // Ends the life of the piece that begins at `at`; false if there is none. Its bytes stay as they are until `give`.
    bool retire(const void* at, piece& p) { return find(at, p, true); }
    // Fills a retired piece with traps.
    static codeheap_error trap(const piece& p) { return write(p.in->memory, p.code, nullptr, p.size); }
    // Makes a retired piece free.
    void give(const piece& p);
    // All of that at once, if the piece is a slot that is no entry; nothing is done if it is not.
    codeheap_error drop(const void* at, bool& was_slot);

    void lock_all();
    void unlock_all();
    codeheap_error make_own();
    void count(codeheap_info& info);
    template <class Each>
    void each_region(Each&& each) {
        for (extent* x = first(); x != nullptr; x = x->next) each(x->memory);
    }

  private:
    struct alignas(64) arena {
        mutex lock;
        std::array<chunk*, slot_sizes.size()> room{};
    };

    extent* first() const { return __atomic_load_n(&extents_, __ATOMIC_ACQUIRE); }
    bool find(const void* at, piece& p, bool retire);
    extent* extent_of(const void* at) const;
    extent* extent_of(const chunk* c) const;
    codeheap_error take_slot(std::size_t size_class, piece& p);
    codeheap_error take_large(std::size_t length, piece& p);
    codeheap_error take_chunks(std::uint32_t count, extent*& in, chunk*& begin);
    codeheap_error add_extent(std::size_t at_least);
    static std::uint32_t pick(chunk& c);
    void put_back(const piece& p);
    static void leave(extent& x, chunk* begin, std::uint32_t count);

    std::array<arena, arena_count> arenas_;
    mutex growth_;
    extent* extents_ = nullptr;
    codeheap_mapping path_{};
    std::size_t reserve_ = 0;
    bool permanent_ = false;
    std::size_t books_ = 0;  // bytes
};

}  // namespace cmodx::code
