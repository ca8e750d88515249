// SPDX-License-Identifier: Apache-2.0
// A region of executable memory and the way in which it is written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/codeheap.h"

namespace cmodx::code {

std::size_t page_size();

// Memory for the heap's own data, zero; null if there is none.
void* take_pages(std::size_t bytes);
void give_pages(void* pages, std::size_t bytes);

struct region {
    std::uint8_t* code = nullptr;   // executable, never writable (but in CODEHEAP_RWX)
    std::uint8_t* alias = nullptr;  // dual: the same memory, writable, never executable
    std::size_t size = 0;           // bytes, whole pages
    codeheap_mapping path{};
    int kernel = -1;      // poke: /proc/self/mem
    bool sealed = false;  // by mseal: it can be mapped neither anew nor away

    bool holds(const void* p) const {
        const auto* at = static_cast<const std::uint8_t*>(p);
        return at >= code && static_cast<std::size_t>(at - code) < size;
    }
    // Where the byte at `at` is written: valid for dual and for RWX.
    std::uint8_t* writable(const void* at) const {
        const auto offset = static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - code);
        return (path == CODEHEAP_DUAL ? alias : code) + offset;
    }
};

codeheap_error map_region(region& r, codeheap_mapping path, std::size_t size, bool permanent);
void unmap_region(region& r);

// Gives a forked child the first `used` bytes at the same addresses, its own from now on.
codeheap_error make_own(region& r, std::size_t used);

// Copies `length` bytes to `at`; with a null source, `length` bytes of traps, whole granules. Flip: the pages are not
// executable meanwhile.
codeheap_error write(const region& r, void* at, const void* from, std::size_t length);

// Backs the pages before they are written one by one; a hint.
void populate(const region& r, void* at, std::size_t length);

}  // namespace cmodx::code
