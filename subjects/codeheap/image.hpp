// SPDX-License-Identifier: Apache-2.0
// What lies in an image of code: a head that fills a page, the code, the entries.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/codeheap.h"

namespace cmodx::code {

struct image_head {
    char magic[8];
    std::uint32_t version;
    std::uint32_t entries;    // how many offsets follow the code, at a multiple of 4
    std::uint64_t code;       // offset of the code in the file, a multiple of the page size
    std::uint64_t length;     // bytes of code
    std::uint64_t size;       // bytes of the file
    std::uint8_t digest[32];  // SHA-256 of the entries and the code
};
inline constexpr char image_magic[8] = {'c', 'o', 'd', 'e', 'h', 'e', 'a', 'p'};

constexpr std::uint64_t entries_at(const image_head& h) { return (h.code + h.length + 3) & ~std::uint64_t{3}; }

// An image that was found to be sealed, whole and unchanged, mapped read-only.
struct opened_image {
    const std::uint8_t* file = nullptr;
    std::size_t size = 0;
    const image_head& head() const { return *reinterpret_cast<const image_head*>(file); }
    const std::uint32_t* entries() const { return reinterpret_cast<const std::uint32_t*>(file + entries_at(head())); }
    const std::uint8_t* code() const { return file + head().code; }
};
CODEHEAP_API codeheap_error open_image(int image, opened_image& opened);
CODEHEAP_API void close_image(opened_image& opened);

struct sha256 {
    void add(const void* bytes, std::size_t length);
    void finish(std::uint8_t digest[32]);

  private:
    void block(const std::uint8_t* bytes);
    std::uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::uint8_t pending_[64] = {};
    std::uint64_t total_ = 0;
};

}  // namespace cmodx::code
