// SPDX-License-Identifier: Apache-2.0
// Poke: a thread has the kernel write its code: through /proc/self/mem (Poke.Mem), by process_vm_writev (Poke.Vm), or
// by receiving it into the executable page: read, recv, and the same and readv across two pages. The call itself must
// succeed.
//
//     T0
//     fetch x       old code
//     read into x   new code
//     steps
//     fetch x       must be the new code
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

enum class way : std::uint8_t { mem, vm, read, recv, readv, read_two, recv_two };

// The files that the bytes take their way through; -1: none.
class files {
  public:
    explicit files(way w) {
        if (w == way::mem) ends_[0] = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
        if (w == way::recv || w == way::recv_two) ok_ = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) == 0;
        if (w == way::read || w == way::readv || w == way::read_two) ok_ = pipe2(ends_, O_CLOEXEC) == 0;
        if (w == way::mem) ok_ = ends_[0] >= 0;
    }
    ~files() {
        for (const int file : ends_)
            if (file >= 0) close(file);
    }
    files(const files&) = delete;
    files& operator=(const files&) = delete;
    bool ok() const { return ok_; }
    int in() const { return ends_[0]; }
    int out() const { return ends_[1]; }

  private:
    int ends_[2] = {-1, -1};
    bool ok_ = true;
};

constexpr std::string_view names[] = {"Poke.Mem",   "Poke.Vm",       "Poke.Read",    "Poke.Recv",
                                      "Poke.Readv", "Poke.Read.Two", "Poke.Recv.Two"};
constexpr std::string_view meanings[] = {"a thread modifies code through /proc/self/mem",
                                         "a thread modifies code by process_vm_writev",
                                         "a thread reads a pipe into code",
                                         "a thread receives from a socket into code",
                                         "a thread reads a pipe into code on two pages, by two vectors",
                                         "a thread reads a pipe into code on two pages",
                                         "a thread receives from a socket into code on two pages"};

template <way Way>
struct poke {
    static constexpr std::string_view name = names[static_cast<std::size_t>(Way)];
    static constexpr std::string_view meaning = meanings[static_cast<std::size_t>(Way)];
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{"write.executable", 0, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault, witness::wrong_errno};
    static constexpr mapping paths[] = {mapping::poke};
    static constexpr bool maps = Way >= way::readv;  // two pages
    static constexpr std::string_view site = maps ? "body" : "imm";

    // 0, or the error of the call that writes.
    static int write(const cmodx::script& s, const files& f, std::uint32_t g) {
        const auto patch = s.patch(g);
        const auto size = static_cast<ssize_t>(patch.size());
        const iovec from = {const_cast<std::uint8_t*>(patch.data()), patch.size()};
        const iovec to = {s.executable(), patch.size()};
        // By halves: what stands before the end of the page, and what stands behind it.
        const iovec halves[] = {{s.executable(), patch.size() / 2},
                                {s.executable() + patch.size() / 2, patch.size() - patch.size() / 2}};
        errno = 0;
        if (f.out() >= 0 && ::write(f.out(), patch.data(), patch.size()) != size) return errno;
        ssize_t written = 0;
        switch (Way) {
            case way::mem:
                written = pwrite64(f.in(), patch.data(), patch.size(),
                                   static_cast<off64_t>(reinterpret_cast<std::uintptr_t>(s.executable())));
                break;
            case way::vm: written = process_vm_writev(getpid(), &from, 1, &to, 1, 0); break;
            case way::read:
            case way::read_two: written = ::read(f.in(), s.executable(), patch.size()); break;
            case way::recv:
            case way::recv_two: written = ::recv(f.in(), s.executable(), patch.size(), 0); break;
            case way::readv: written = ::readv(f.in(), halves, 2); break;
        }
        return written == size ? 0 : errno != 0 ? errno : EIO;
    }

    static void script(cmodx::script& s) {
        constexpr std::uint32_t rounds = 32;
        const files f(Way);
        if (!f.ok()) return s.refuse("a pipe, a socket or /proc/self/mem is denied");
        const std::size_t size = 2 * s.page();
        platform::code_memory own;
        if (maps) {
            own = platform::map(mapping::poke, size);
            if (own.executable == nullptr) return s.refuse(own.failure);
            const site_layout& layout = *s.parts().site;
            const std::size_t offset = s.page() - layout.patch - layout.patch_size / 2;
            s.image(own.writable, size, offset, 0);
            platform::synchronize(own.executable, size);
            s.aim(own.writable, own.executable, size, offset);
        }
        s.expect(s.run(), 0);
        for (std::uint32_t g = 1; g <= rounds && !s.over(); ++g) {
            const int error = write(s, f, g);
            if (error == ENOSYS || error == EPERM)
                s.refuse("the call is denied");
            else if (error != 0)
                s.contract(-error, 0);
            if (error != 0) break;
            s.wrote();
            s.writer_steps();
            s.expect(s.run(), g);
        }
        platform::unmap(own);
    }
};

const define_script<poke<way::mem>> by_mem;
const define_script<poke<way::vm>> by_vm;
const define_script<poke<way::read>> by_read;
const define_script<poke<way::recv>> by_recv;
const define_script<poke<way::readv>> by_readv;
const define_script<poke<way::read_two>> by_read_into_two;
const define_script<poke<way::recv_two>> by_recv_into_two;

}  // namespace
}  // namespace cmodx
