// SPDX-License-Identifier: Apache-2.0
// Images: made and sealed in one process, opened in another that trusts nothing but the seals.
#include "image.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.hpp"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace cmodx::code {
namespace {

constexpr int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

void digest_of(const std::uint32_t* entries, std::size_t count, const void* code, std::size_t length,
               std::uint8_t digest[32]) {
    sha256 h;
    h.add(entries, count * sizeof *entries);
    h.add(code, length);
    h.finish(digest);
}

}  // namespace

codeheap_error open_image(int image, opened_image& opened) {
    struct stat about = {};
    const int sealed = fcntl(image, F_GET_SEALS);
    if (sealed < 0 || (sealed & seals) != seals) return CODEHEAP_NOT_SEALED;
    if (fstat(image, &about) != 0 || about.st_size < static_cast<off_t>(sizeof(image_head))) return CODEHEAP_TRUNCATED;
    const auto size = static_cast<std::size_t>(about.st_size);
    void* file = mmap(nullptr, size, PROT_READ, MAP_SHARED, image, 0);
    if (file == MAP_FAILED) return CODEHEAP_NO_MEMORY;
    opened = {static_cast<const std::uint8_t*>(file), size};
    const image_head& h = opened.head();
    codeheap_error e = CODEHEAP_OK;
    if (memcmp(h.magic, image_magic, sizeof image_magic) != 0 || h.version != image_version)
        e = CODEHEAP_BAD_IMAGE;
    else if (h.size != size || h.code != page_size() || h.code > size || h.length > size - h.code || h.length == 0 ||
             entries_at(h) + std::uint64_t{h.entries} * sizeof(std::uint32_t) != size)
        e = CODEHEAP_TRUNCATED;
    if (e == CODEHEAP_OK) {
        std::uint8_t digest[32];
        digest_of(opened.entries(), h.entries, opened.code(), static_cast<std::size_t>(h.length), digest);
        if (memcmp(digest, h.digest, sizeof digest) != 0) e = CODEHEAP_BAD_DIGEST;
    }
    if (e != CODEHEAP_OK) close_image(opened);
    return e;
}

void close_image(opened_image& opened) {
    munmap(const_cast<std::uint8_t*>(opened.file), opened.size);
    opened = {};
}

}  // namespace cmodx::code

using namespace cmodx::code;  // NOLINT(google-build-using-namespace): the C functions are outside

codeheap_error codeheap_image_begin(size_t capacity, int* image, void** room) {
    if (capacity == 0 || capacity > SIZE_MAX / 2 || image == nullptr || room == nullptr) return CODEHEAP_BAD_ARGUMENT;
    // A sysctl may bar a memfd from execution unless it says that it is for that (Linux 6.3).
    int file = memfd_create("codeheap-image", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (file < 0 && errno == EINVAL) file = memfd_create("codeheap-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return CODEHEAP_NO_ALIAS;
    const std::size_t page = page_size();
    const std::size_t size = (capacity + page - 1) & -page;
    void* p = MAP_FAILED;
    if (ftruncate(file, static_cast<off_t>(page + size)) == 0)
        p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, static_cast<off_t>(page));
    if (p == MAP_FAILED) {
        close(file);
        return CODEHEAP_NO_MEMORY;
    }
    *image = file;
    *room = p;
    return CODEHEAP_OK;
}

codeheap_error codeheap_image_seal(int image, void* room, size_t length, const uint32_t* entries, size_t count) {
    struct stat about = {};
    const std::size_t page = page_size();
    if (room == nullptr || length == 0 || count > UINT32_MAX || (entries == nullptr && count != 0) ||
        fstat(image, &about) != 0 || length > static_cast<std::size_t>(about.st_size) - page)
        return CODEHEAP_BAD_ARGUMENT;
    image_head h = {};
    memcpy(h.magic, image_magic, sizeof image_magic);
    h.version = image_version;
    h.entries = static_cast<std::uint32_t>(count);
    h.code = page;
    h.length = length;
    h.size = entries_at(h) + count * sizeof *entries;
    digest_of(entries, count, room, length, h.digest);
    const auto used = static_cast<std::size_t>(entries_at(h)) - page;
    for (std::size_t i = length; i < used; ++i) static_cast<std::uint8_t*>(room)[i] = filler_at(i);
    munmap(room, static_cast<std::size_t>(about.st_size) - page);
    const auto put = [&](const void* from, std::size_t size, std::uint64_t at) {
        return size == 0 || pwrite(image, from, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
    };
    if (ftruncate(image, static_cast<off_t>(h.size)) != 0 || !put(&h, sizeof h, 0) ||
        !put(entries, count * sizeof *entries, entries_at(h)))
        return CODEHEAP_NO_MEMORY;
    if (fcntl(image, F_ADD_SEALS, seals) == 0) return CODEHEAP_OK;
    return errno == EBUSY ? CODEHEAP_STILL_WRITABLE : CODEHEAP_NOT_SEALED;
}

void codeheap_image_unmap(const void* code, size_t length) {
    munmap(const_cast<void*>(code), (length + page_size() - 1) & -page_size());
}
