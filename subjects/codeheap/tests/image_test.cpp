// SPDX-License-Identifier: Apache-2.0
// Publish with proof: what another process made is run only if it is sealed, whole, unchanged and allowed.
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#include "check.hpp"

using namespace heap_tests;  // NOLINT(google-build-using-namespace)

namespace {

// Takes descriptor and bytes of code, makes an image of them.
int image_of(const bytes& code, std::vector<std::uint32_t> entries = {0}) {
    int image = -1;
    void* room = nullptr;
    EXPECT_IS(codeheap_image_begin(code.size(), &image, &room), CODEHEAP_OK);
    memcpy(room, code.data(), code.size());
    EXPECT_IS(codeheap_image_seal(image, room, code.size(), entries.data(), entries.size()), CODEHEAP_OK);
    return image;
}

codeheap_error verdict_of(const bytes& code, const codeheap_policy& policy, std::string_view reason,
                          std::vector<std::uint32_t> entries = {0}) {
    const int image = image_of(code, std::move(entries));
    codeheap_report report;
    const codeheap_error e = codeheap_image_verify(image, &policy, &report);
    if (std::string_view(report.reason).find(reason) == std::string_view::npos) {
        heap_tests::failed = true;
        std::fprintf(stderr, "the reason is '%s', not '%s'\n", report.reason, reason.data());
    }
    close(image);
    return e;
}

}  // namespace

// Another process makes it, seals it and sends it; it never had an executable view of it.
HEAP_TEST(image_from_another_process) {
    int pair[2];
    EXPECT_IS(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    const pid_t producer = fork();
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    char byte = 0;
    iovec vector = {&byte, 1};
    msghdr message = {};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (producer == 0) {
        const int image = image_of(returning(42));
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof image);
        memcpy(CMSG_DATA(c), &image, sizeof image);
        _exit(sendmsg(pair[1], &message, 0) == 1 && !heap_tests::failed ? 0 : 1);
    }
    EXPECT_IS(recvmsg(pair[0], &message, 0), 1);
    int image = -1;
    const cmsghdr* const passed = CMSG_FIRSTHDR(&message);
    EXPECT_IS(passed != nullptr, true);
    if (passed != nullptr) memcpy(&image, CMSG_DATA(passed), sizeof image);
    int status = -1;
    waitpid(producer, &status, 0);
    EXPECT_IS(status, 0);
    const void* code = nullptr;
    std::size_t length = 0;
    codeheap_report report;
    EXPECT_IS(codeheap_image_map(image, nullptr, &report, &code, &length), CODEHEAP_OK);
    EXPECT_IS(report.decoded, 2u);
    EXPECT_IS(call(code), 42);
    // For good: neither the mapping nor the file can be written any more.
    EXPECT_IS(mprotect(const_cast<void*>(code), length, PROT_READ | PROT_WRITE), -1);
    EXPECT_IS(pwrite(image, "x", 1, 4096), -1);
    EXPECT_IS(mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, image, 0) == MAP_FAILED, true);
    codeheap_image_unmap(code, length);
    close(image);
    close(pair[0]);
    close(pair[1]);
}

HEAP_TEST(image_not_whole) {
    const bytes code = returning(1);
    int image = -1;
    void* room = nullptr;
    codeheap_report report;
    const std::uint32_t entry = 0;
    // Not sealed.
    codeheap_image_begin(4096, &image, &room);
    EXPECT_IS(codeheap_image_verify(image, nullptr, &report), CODEHEAP_NOT_SEALED);
    // A late writer: somebody else still has it mapped.
    void* late = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, image, 0);
    memcpy(room, code.data(), code.size());
    EXPECT_IS(codeheap_image_seal(image, room, code.size(), &entry, 1), CODEHEAP_STILL_WRITABLE);
    EXPECT_IS(codeheap_image_verify(image, nullptr, &report), CODEHEAP_NOT_SEALED);
    // A byte that he has changed in between.
    static_cast<std::uint8_t*>(late)[4096] ^= 1;
    munmap(late, 8192);
    constexpr int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    EXPECT_IS(fcntl(image, F_ADD_SEALS, seals), 0);
    EXPECT_IS(codeheap_image_verify(image, nullptr, &report), CODEHEAP_BAD_DIGEST);
    close(image);
    // Truncated before it was sealed.
    for (const off_t size : {0, 40, 4096, 4100}) {
        codeheap_image_begin(4096, &image, &room);
        late = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, image, 0);
        memcpy(room, code.data(), code.size());
        EXPECT_IS(codeheap_image_seal(image, room, code.size(), &entry, 1), CODEHEAP_STILL_WRITABLE);
        munmap(late, 8192);
        EXPECT_IS(ftruncate(image, size), 0);
        EXPECT_IS(fcntl(image, F_ADD_SEALS, seals), 0);
        EXPECT_IS(codeheap_image_verify(image, nullptr, &report), CODEHEAP_TRUNCATED);
        close(image);
    }
    // Something else.
    image = memfd_create("other", MFD_ALLOW_SEALING);
    EXPECT_IS(ftruncate(image, 8192), 0);
    EXPECT_IS(fcntl(image, F_ADD_SEALS, seals), 0);
    EXPECT_IS(codeheap_image_verify(image, nullptr, &report), CODEHEAP_BAD_IMAGE);
    close(image);
    // Another than the one that was agreed on.
    const std::uint8_t digest[32] = {};
    codeheap_policy policy = {};
    policy.digest = digest;
    EXPECT_IS(verdict_of(code, policy, "not those that were finished"), CODEHEAP_BAD_DIGEST);
}

HEAP_TEST(image_not_allowed) {
    codeheap_policy p = {};
    p.architecture = "x86_64";
    const bytes ret = {0xc3};
    EXPECT_IS(verdict_of(ret, p, ""), CODEHEAP_OK);
    EXPECT_IS(verdict_of({0x90, 0x06, 0xc3}, p, "no instruction"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of({0x90, 0xe8, 0x00, 0x00}, p, "no instruction"), CODEHEAP_REFUSED);  // cut off
    EXPECT_IS(verdict_of({0x0f, 0x05, 0xc3}, p, "a system call: syscall"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of({0xcd, 0x80, 0xc3}, p, "a system call: int"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of({0xf4, 0xc3}, p, "hlt"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of({0x66, 0xcf, 0xc3}, p, "iret"), CODEHEAP_REFUSED);
    // jmp into the immediate of the mov behind it; then to its begin.
    EXPECT_IS(
        verdict_of({0xeb, 0x01, 0xb8, 0x0f, 0x05, 0x00, 0x00, 0xc3}, p, "into the middle of an instruction, at +3"),
        CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of({0xeb, 0x00, 0xb8, 0x0f, 0x05, 0x00, 0x00, 0xc3}, p, ""), CODEHEAP_OK);
    // LOOP is a branch, too; and one that AMD's processors and Intel's read differently is none.
    EXPECT_IS(verdict_of({0xe2, 0x01, 0xb8, 0x0f, 0x05, 0x00, 0x00, 0xc3}, p, "into the middle"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of({0x66, 0xe9, 0x00, 0x00, 0xc3}, p, "depends on the processor"), CODEHEAP_REFUSED);
    // A call out of the code: only to what is listed.
    const bytes out = {0xe8, 0xfb, 0x0f, 0x00, 0x00, 0xc3};  // to 0x1000
    EXPECT_IS(verdict_of(out, p, "not listed, at +4096"), CODEHEAP_REFUSED);
    const std::uint64_t targets[] = {0x1000};
    p.targets = targets;
    p.target_count = 1;
    EXPECT_IS(verdict_of(out, p, ""), CODEHEAP_OK);
    // An entry inside an instruction.
    EXPECT_IS(verdict_of({0xb8, 1, 0, 0, 0, 0xc3}, p, "an entry", {0, 2}), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of({0xb8, 1, 0, 0, 0, 0xc3}, p, "", {0, 5}), CODEHEAP_OK);
    const char* allowed[] = {"mov", "ret", nullptr};
    p.instructions = allowed;
    EXPECT_IS(verdict_of({0xb8, 1, 0, 0, 0, 0xc3}, p, ""), CODEHEAP_OK);
    EXPECT_IS(verdict_of({0x90, 0xc3}, p, "not on the list of instructions: nop"), CODEHEAP_REFUSED);
    p.instructions = nullptr;
    p.allow_system_calls = 1;
    EXPECT_IS(verdict_of({0x0f, 0x05, 0xc3}, p, ""), CODEHEAP_OK);
}

// What is mapped executable is what was verified, and traps.
HEAP_TEST(image_has_nothing_behind_its_code) {
    codeheap_policy p = {};
    p.architecture = "x86_64";
    // mov $231, %eax; mov $42, %edi, which goes on to what follows; as an entry, 0x50f has the bytes of a system call.
    bytes code(1380, 0x90);
    for (const int b : {0xb8, 231, 0, 0, 0, 0xbf, 42, 0, 0, 0}) code.push_back(static_cast<std::uint8_t>(b));
    EXPECT_IS(verdict_of(code, p, "the last instruction goes on", {0x50f}), CODEHEAP_REFUSED);
    for (const bytes& last : {bytes{0x74, 0xfe}, bytes{0xe8, 0xfb, 0xff, 0xff, 0xff}, bytes{0xcc}, bytes{0x90}})
        EXPECT_IS(verdict_of(last, p, "the last instruction goes on"), CODEHEAP_REFUSED);
    for (const bytes& last : {bytes{0xeb, 0xfe}, bytes{0xff, 0xe0}, bytes{0x0f, 0x0b}, bytes{0xc2, 8, 0}})
        EXPECT_IS(verdict_of(last, p, ""), CODEHEAP_OK);
    // The entries are not where the code is.
    if (std::string_view(cmodx::target::isa::name) == "x86_64") {
        code.push_back(0xc3);
        const int image = image_of(code, {0x50f});
        const void* mapped = nullptr;
        std::size_t length = 0;
        EXPECT_IS(codeheap_image_map(image, &p, nullptr, &mapped, &length), CODEHEAP_OK);
        const auto* at = static_cast<const std::uint8_t*>(mapped);
        constexpr std::uint8_t traps[] = {0xf4, 0xcc, 0xf4, 0xe7};
        std::size_t i = length;
        while (i < 4096 && at[i] == traps[i % 4]) ++i;
        EXPECT_IS(i, 4096u);
        codeheap_image_unmap(mapped, length);
        close(image);
    }
    // A producer who writes his own image.
    int image = -1;
    void* room = nullptr;
    codeheap_image_begin(4096, &image, &room);
    void* late = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, image, 0);
    static_cast<std::uint8_t*>(room)[0] = 0xc3;
    const std::uint32_t entry = 0;
    EXPECT_IS(codeheap_image_seal(image, room, 1, &entry, 1), CODEHEAP_STILL_WRITABLE);
    static_cast<std::uint8_t*>(late)[4096 + 2000] = 0x0f;
    munmap(late, 8192);
    EXPECT_IS(fcntl(image, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    codeheap_report report;
    EXPECT_IS(codeheap_image_verify(image, &p, &report), CODEHEAP_REFUSED);
    EXPECT_IS(report.offset, 2000u);
    close(image);
}

// A verifier reads other architectures than its own.
HEAP_TEST(image_of_other_architectures) {
    const auto word = [](std::initializer_list<std::uint32_t> words) {
        bytes b;
        for (const std::uint32_t w : words)
            for (int i = 0; i < 4; ++i) b.push_back(static_cast<std::uint8_t>(w >> 8 * i));
        return b;
    };
    codeheap_policy p = {};
    p.architecture = "aarch64";
    EXPECT_IS(verdict_of(word({0x52800540, 0xd65f03c0}), p, ""), CODEHEAP_OK);
    EXPECT_IS(verdict_of(word({0xd4000001, 0xd65f03c0}), p, "a system call: svc"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of(word({0x00000000, 0xd65f03c0}), p, "no instruction"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of(word({0x14000010, 0xd65f03c0}), p, "not listed, at +64"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of(word({0x54000020, 0xd65f03c0}), p, ""), CODEHEAP_OK);
    EXPECT_IS(verdict_of(word({0xd65f03c0, 0x54ffffe0}), p, "the last instruction goes on"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of(word({0xd65f03c0, 0x17ffffff}), p, ""), CODEHEAP_OK);
    p.architecture = "arm32";
    EXPECT_IS(verdict_of(word({0xe3a00007, 0xe12fff1e}), p, ""), CODEHEAP_OK);
    EXPECT_IS(verdict_of(word({0xef000000, 0xe12fff1e}), p, "a system call: svc"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of(word({0xea000010, 0xe12fff1e}), p, "not listed, at +72"), CODEHEAP_REFUSED);
    EXPECT_IS(verdict_of(word({0x1f000000, 0xe12fff1e}), p, "a system call: svcne"), CODEHEAP_REFUSED);
    // blx to what is svc in Thumb.
    EXPECT_IS(verdict_of(word({0xfa000000, 0xe12fff1e, 0x0000df00, 0xe12fff1e}), p, "another instruction set"),
              CODEHEAP_REFUSED);
    for (const std::uint32_t last : {0x012fff1eu, 0x01a0f00eu, 0xe1a0000eu, 0xebfffffeu})  // bxeq, moveq pc, mov, bl
        EXPECT_IS(verdict_of(word({0xe3a00007, last}), p, ""), CODEHEAP_REFUSED);
    for (const std::uint32_t last : {0xe1a0f00eu, 0xe49df004u, 0xe8bd8008u, 0xe51ff004u, 0xe7f000f0u})
        EXPECT_IS(verdict_of(word({0xe3a00007, last}), p, ""), CODEHEAP_OK);
    p.architecture = "z80";
    EXPECT_IS(verdict_of({0xc9}, p, "does not read z80"), CODEHEAP_NO_VERIFIER);
}
