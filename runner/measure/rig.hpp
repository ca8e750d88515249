// SPDX-License-Identifier: Apache-2.0
// One site in memory of its own by a mapping, stubs that modify, publish and run it, and threads on other CPUs that do
// so meanwhile: what prices and maps are measured with.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "arch/all.hpp"
#include "arch/token.hpp"
#include "runner/engine/platform.hpp"

namespace cmodx {

using stub = void (*)(std::uintptr_t* frame);

// What one thread's stubs work on.
struct thread_frame {
    alignas(64) std::array<std::uintptr_t, frame_words> words{};
    alignas(16) std::array<std::uint8_t, 64> scratch{};

    std::uintptr_t& operator[](field f) { return words[static_cast<std::size_t>(f)]; }
    std::uint32_t observed(std::size_t slot) const { return static_cast<std::uint32_t>(words[word_of_observed(slot)]); }
    bool failed() const { return words[static_cast<std::size_t>(field::status)] != 0; }
};

// Points the frame at these modified bytes of a site that is entered at `entry`, and at the flag.
void point(thread_frame& f, std::uint8_t* writable, std::uint8_t* executable, std::size_t size, std::uintptr_t entry,
           std::atomic<std::uint32_t>& flag);

// Thrown when the machine denies what a measurement needs.
struct refused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Memory for stubs, writable and executable.
class stub_room {
  public:
    explicit stub_room(std::size_t bytes);
    ~stub_room();
    stub_room(const stub_room&) = delete;
    stub_room& operator=(const stub_room&) = delete;
    // A stub of what `emit(code)` appends between prologue and epilogue.
    stub assemble(const architecture& isa, const std::function<void(code_buffer&)>& emit);

  private:
    platform::code_memory memory_;
    std::size_t used_ = 0;
};

class rig {
  public:
    // The site's first modified byte lies `offset` bytes into the second page of its memory. Throws refused.
    rig(const architecture& isa, const site_layout& site, mapping path, std::size_t offset = 1024);
    ~rig();
    rig(const rig&) = delete;
    rig& operator=(const rig&) = delete;

    const architecture& isa() const { return isa_; }
    const site_layout& site() const { return site_; }
    stub assemble(const std::function<void(code_buffer&)>& emit) { return stubs_.assemble(isa_, emit); }

    // A frame whose fields point to the site and the flag, with generation 0 to be written.
    std::unique_ptr<thread_frame> frame();
    // What the frame's writer stub writes and publishes next.
    void choose(thread_frame& f, std::uint32_t generation) const;
    std::uint32_t token_of(std::uint32_t generation) const { return tokens_[generation & 0xff]; }
    std::span<const std::uint8_t> patch_of(std::uint32_t generation) const {
        return {patches_[generation & 0xff].data(), site_.patch_size};
    }

    std::uint8_t* target() const { return target_; }
    std::uint8_t* executable() const { return executable_; }
    std::uintptr_t entry() const { return entry_; }
    std::atomic<std::uint32_t>& flag() { return words_->flag; }
    // Which generation the observer has executed, and when (ticks of the clock).
    std::atomic<std::uint32_t>& seen() { return words_->seen; }
    std::atomic<std::uint64_t>& seen_at() { return words_->seen_at; }

  private:
    struct shared {
        alignas(64) std::atomic<std::uint32_t> flag{0};
        alignas(64) std::atomic<std::uint32_t> seen{0};
        std::atomic<std::uint64_t> seen_at{0};
    };
    const architecture& isa_;
    const site_layout& site_;
    platform::code_memory memory_;
    stub_room stubs_{64 * 1024};
    std::uint8_t* target_ = nullptr;
    std::uint8_t* executable_ = nullptr;
    std::uintptr_t entry_ = 0;
    std::array<std::uint32_t, 256> tokens_{};
    std::array<std::array<std::uint8_t, 256>, 256> patches_{};
    std::unique_ptr<shared> words_ = std::make_unique<shared>();
};

// Threads, each on a CPU of its own, from construction to the end of life.
class company {
  public:
    // `body(i, stop)` runs until *stop, and is begun anew when a fault in modified code ends it; `wake` is called
    // after stop is set, for threads that sleep. Returns when all have been started.
    company(std::span<const unsigned> cpus, std::function<void(unsigned, const std::atomic<bool>&)> body,
            std::function<void()> wake = {});
    ~company();
    company(const company&) = delete;
    company& operator=(const company&) = delete;
    std::uint64_t faults() const { return faults_.load(); }

  private:
    static void guarded_body(void* argument);
    struct member {
        company* of;
        unsigned index;
        unsigned cpu;
    };
    std::function<void(unsigned, const std::atomic<bool>&)> body_;
    std::function<void()> wake_;
    std::atomic<bool> stop_{false};
    std::atomic<unsigned> started_{0};
    std::atomic<std::uint64_t> faults_{0};
    std::vector<member> members_;
    std::vector<std::thread> threads_;
};

// Spins until `done()`; false: it took longer than a second.
bool spin_until(const std::function<bool()>& done);

}  // namespace cmodx
