// SPDX-License-Identifier: Apache-2.0
#include "runner/linux/init.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace cmodx {
namespace {

constexpr int port_tries = 500;  // at 10 ms: the kernel announces ports from a work queue
constexpr timespec port_pause = {0, 10'000'000};

std::runtime_error wrong(std::string_view what) {
    return std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

void mount_at(const char* place, const char* type) {
    mkdir(place, 0755);
    // The kernel may have mounted devtmpfs already.
    if (mount(type, place, type, 0, nullptr) != 0 && errno != EBUSY) throw wrong(place);
}

std::string contents_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw wrong(file.c_str());
    return {std::istreambuf_iterator<char>(in), {}};
}

// CPUs that `maxcpus=` left asleep while the kernel came up.
void wake_cpus() {
    std::error_code none;
    for (const auto& cpu : std::filesystem::directory_iterator("/sys/devices/system/cpu", none)) {
        const std::filesystem::path online = cpu.path() / "online";
        if (std::filesystem::exists(online, none) && contents_of(online) == "0\n") std::ofstream(online) << "1";
    }
}

int open_port() {
    std::error_code none;
    for (int i = 0; i < port_tries; ++i) {
        for (const auto& port : std::filesystem::directory_iterator("/sys/class/virtio-ports", none)) {
            if (contents_of(port.path() / "name") != "cmodx\n") continue;
            const int file = open(("/dev" / port.path().filename()).c_str(), O_WRONLY | O_CLOEXEC);
            if (file >= 0) return file;
        }
        nanosleep(&port_pause, nullptr);
    }
    throw std::runtime_error("no virtio port is named cmodx");
}

// Ends with the child that is the suite; whatever else ends before was orphaned by a test.
int wait_for(pid_t suite) {
    for (;;) {
        int status = 0;
        const pid_t ended = wait(&status);
        if (ended == suite) return status;
        if (ended < 0 && errno != EINTR) throw wrong("wait");
    }
}

void say_end(int port, int status) {
    const std::string line = WIFSIGNALED(status) ? fmt::format("{{\"end\": {{\"signal\": {}}}}}\n", WTERMSIG(status))
                                                 : fmt::format("{{\"end\": {{\"exit\": {}}}}}\n", WEXITSTATUS(status));
    if (write(port, line.data(), line.size()) != static_cast<ssize_t>(line.size())) throw wrong("the port");
}

[[noreturn]] void power_off() {
    sync();
    reboot(RB_POWER_OFF);
    for (;;) pause();  // the first process must not end
}

}  // namespace

bool is_init(const std::vector<std::string>& arguments) {
    return getpid() == 1 && !arguments.empty() && arguments.front() == "/init";
}

std::vector<std::string> guest_arguments(std::string_view contents) {
    if (!contents.empty() && contents.back() != '\0') throw std::runtime_error("/arguments: the last one has no end");
    std::vector<std::string> arguments;
    for (std::size_t end = 0; (end = contents.find('\0')) != std::string_view::npos; contents.remove_prefix(end + 1))
        arguments.emplace_back(contents.substr(0, end));
    return arguments;
}

std::vector<std::string> become_init() {
    try {
        mount_at("/proc", "proc");
        mount_at("/sys", "sysfs");
        mount_at("/dev", "devtmpfs");
        mount_at("/tmp", "tmpfs");
        std::vector<std::string> arguments = guest_arguments(contents_of("/arguments"));
        arguments.insert(arguments.begin(), "/init");
        wake_cpus();
        const int port = open_port();
        const pid_t suite = fork();
        if (suite < 0) throw wrong("fork");
        if (suite == 0) {
            dup2(port, STDOUT_FILENO);
            close(port);
            return arguments;
        }
        say_end(port, wait_for(suite));
    } catch (const std::exception& e) {
        fmt::print(stderr, "cmodx: init failed: {}\n", e.what());
    }
    power_off();
}

}  // namespace cmodx
