// SPDX-License-Identifier: Apache-2.0
// What lies in an image of code: a head that fills a page; the code, whose last page is filled up with traps; on a page
// of their own, which is never executable, the entries.
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/codeheap.h"

namespace cmodx::code {

struct image_head {
    char magic[8];
    std::uint32_t version;
    std::uint32_t entries;    // how many offsets follow the code's last page
    std::uint64_t code;       // offset of the code in the file, a multiple of the page size
    std::uint64_t length;     // bytes of code
    std::uint64_t size;       // bytes of the file
    std::uint8_t digest[32];  // SHA-256 of the entries and the code
};
inline constexpr char image_magic[8] = {'c', 'o', 'd', 'e', 'h', 'e', 'a', 'p'};
inline constexpr std::uint32_t image_version = 2;

// The head is one page.
constexpr std::uint64_t entries_at(const image_head& h) { return (h.code + h.length + h.code - 1) & -h.code; }

// Bytes that trap in each language that a verifier reads, at whichever of them one begins. x86: hlt; int3; hlt; out
// %eax, which is for the kernel. A32: UDF. A64: unallocated (bits 28 to 25 are 0011).
inline constexpr std::uint8_t filler[4] = {0xf4, 0xcc, 0xf4, 0xe7};
constexpr std::uint8_t filler_at(std::uint64_t offset) { return filler[offset % sizeof filler]; }

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
