// SPDX-License-Identifier: Apache-2.0
// A heap: pieces of code, the threads that run them, and the rules of the machine.
#pragma once

#include "executors.hpp"
#include "slab.hpp"

struct codeheap {
    codeheap_error start(const codeheap_options& options);
    ~codeheap();

    codeheap_error alloc(const void* bytes, std::size_t length, std::size_t alignment, std::uint32_t flags,
                         void** code);
    codeheap_error update(void* at, const void* bytes, std::size_t length, std::uint32_t flags);
    codeheap_error release(void* code);
    codeheap_error publish();
    std::size_t reclaim();
    codeheap_error adopt();
    void ask(codeheap_info& info);

    void lock_all();
    void unlock_all();

    cmodx::code::executors threads;
    codeheap* next = nullptr;  // of all heaps, for fork

  private:
    using piece = cmodx::code::piece;
    struct batch {
        std::array<piece, 128> pieces;
        std::uint32_t count;
        std::uint32_t stamp;
        std::size_t bytes;
        batch* next;
    };
    static constexpr std::size_t most_bytes = 256 * 1024;  // that a batch waits for more

    codeheap_error here() const;
    template <class Write>
    codeheap_error gated(Write&& write);
    codeheap_error fill(const void* bytes, std::size_t length, std::size_t alignment, piece& p);
    codeheap_error make_entry(const piece& body, piece& entry);
    static std::uintptr_t* target_of(const piece& entry);
    codeheap_error make_visible(const void* begin, const void* end, std::uint32_t flags);
    codeheap_error check_machine();

    // update.cpp
    codeheap_error exchange(const piece& p, std::uint8_t* at, const std::uint8_t* bytes, std::size_t length,
                            std::uint32_t flags);
    codeheap_error behind_breakpoint(const piece& p, std::uint8_t* at, const std::uint8_t* bytes, std::size_t length);
    codeheap_error retarget(const piece& entry, const void* bytes, std::size_t length);

    // Freeing; all with freeing_ held.
    codeheap_error take_back(void* code);
    bool has_room(std::uint32_t pieces);
    void wait_for_grace(const piece& p);
    void outlive(const piece& p);
    codeheap_error give(const piece& p);
    void close_batch();
    void end_grace_periods();
    bool collect();  // takes freeing_ itself

    cmodx::code::slabs slabs_;
    cmodx::code::machine_facts facts_;
    codeheap_mapping mapping_{};
    std::uint32_t flags_ = 0;
    std::uint32_t* owner_ = nullptr;  // a page that reads 0 in a child of fork
    cmodx::code::mutex updating_;     // locks are taken in this order, then the slabs'
    cmodx::code::mutex freeing_;
    cmodx::code::mutex writing_;  // flip: one at a time
    batch* open_ = nullptr;
    batch* oldest_ = nullptr;  // closed, in order of their stamps
    batch* newest_ = nullptr;
    batch* replaced_ = nullptr;  // by updates while no thread was registered: for reclaim alone
    std::size_t waiting_ = 0;    // bytes
};

// Flip: nobody may be inside while a page is writable. The other mappings need nothing.
template <class Write>
codeheap_error codeheap::gated(Write&& write) {
    if (mapping_ != CODEHEAP_FLIP) return write();
    const cmodx::code::signals_blocked meanwhile;
    const cmodx::code::guard g(writing_);
    if (!threads.close_gate()) return CODEHEAP_BUSY;
    const codeheap_error e = write();
    threads.open_gate();
    return e;
}
