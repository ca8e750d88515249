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

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace cmodx {
namespace {

constexpr std::string_view key = "cmodx.args=";
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

std::string line_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

int open_port() {
    std::error_code none;
    for (int i = 0; i < port_tries; ++i) {
        for (const auto& port : std::filesystem::directory_iterator("/sys/class/virtio-ports", none)) {
            if (line_of(port.path() / "name") != "cmodx") continue;
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

// The byte that %XX stands for; `text` begins behind the %.
char byte_of(std::string_view text) {
    unsigned value = 0;
    const char* const end = text.data() + std::min<std::size_t>(text.size(), 2);
    if (text.size() < 2 || std::from_chars(text.data(), end, value, 16).ptr != end)
        throw std::runtime_error("cmodx.args: % wants two hexadecimal digits");
    return static_cast<char>(value);
}

}  // namespace

bool is_init(const std::vector<std::string>& arguments) {
    return getpid() == 1 && !arguments.empty() && arguments.front() == "/init";
}

std::vector<std::string> guest_arguments(std::string_view command_line) {
    std::size_t begin = 0;
    while ((begin = command_line.find(key, begin)) != std::string_view::npos && begin != 0 &&
           command_line[begin - 1] != ' ')
        ++begin;
    if (begin == std::string_view::npos) throw std::runtime_error("the kernel's command line has no cmodx.args");
    std::string_view text = command_line.substr(begin + key.size());
    text = text.substr(0, text.find_first_of(" \n"));
    std::vector<std::string> arguments(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ',') {
            arguments.emplace_back();
        } else if (text[i] == '%') {
            arguments.back() += byte_of(text.substr(i + 1));
            i += 2;
        } else {
            arguments.back() += text[i];
        }
    }
    return arguments;
}

std::vector<std::string> become_init() {
    try {
        mount_at("/proc", "proc");
        mount_at("/sys", "sysfs");
        mount_at("/dev", "devtmpfs");
        mount_at("/tmp", "tmpfs");
        std::vector<std::string> arguments = guest_arguments(line_of("/proc/cmdline"));
        arguments.insert(arguments.begin(), "/init");
        const int port = open_port();
        const pid_t suite = fork();
        if (suite < 0) throw wrong("fork");
        if (suite == 0) {
            dup2(port, STDOUT_FILENO);
            return arguments;
        }
        say_end(port, wait_for(suite));
    } catch (const std::exception& e) {
        fmt::print(stderr, "cmodx: init failed: {}\n", e.what());
    }
    power_off();
}

}  // namespace cmodx
