// SPDX-License-Identifier: Apache-2.0
#include "runner/measure/rig.hpp"

#include <cstring>

namespace cmodx {

void point(thread_frame& f, std::uint8_t* writable, std::uint8_t* executable, std::size_t size, std::uintptr_t entry,
           std::atomic<std::uint32_t>& flag) {
    f[field::clear_cache] = platform::clear_cache_function();
    f[field::scratch] = reinterpret_cast<std::uintptr_t>(f.scratch.data());
    for (location x = 0; x < locations; ++x) {
        f.words[word_of(field::site, x)] = entry;
        f.words[word_of(field::target, x)] = reinterpret_cast<std::uintptr_t>(writable);
        f.words[word_of(field::begin, x)] = reinterpret_cast<std::uintptr_t>(executable);
        f.words[word_of(field::end, x)] = reinterpret_cast<std::uintptr_t>(executable) + size;
        f.words[word_of(field::flag, x)] = reinterpret_cast<std::uintptr_t>(&flag);
    }
}

stub_room::stub_room(std::size_t bytes) : memory_(platform::map(mapping::same, bytes)) {
    if (memory_.executable == nullptr) throw refused(memory_.failure);
}

stub_room::~stub_room() { platform::unmap(memory_); }

stub stub_room::assemble(const architecture& isa, const std::function<void(code_buffer&)>& emit) {
    code_buffer code{memory_.writable + used_, memory_.size - used_};
    isa.prologue(code);
    emit(code);
    isa.epilogue(code);
    if (code.full()) throw std::runtime_error("a stub is too long");
    std::uint8_t* const begin = memory_.executable + used_;
    platform::synchronize(begin, code.size);
    used_ += (code.size + 255) / 256 * 256;
    return reinterpret_cast<stub>(begin);
}

rig::rig(const architecture& isa, const site_layout& site, mapping path, std::size_t offset)
    : isa_(isa), site_(site), memory_(platform::map(path, 4 * platform::page_size())) {
    if (memory_.executable == nullptr) throw refused(memory_.failure);
    code_buffer traps{memory_.writable, memory_.size};
    while (traps.size < traps.room) isa.trap(traps);
    const std::size_t patched = platform::page_size() + offset;
    const std::size_t begin = patched - site.patch;
    code_buffer code{memory_.writable + begin, memory_.size - begin};
    site.emit(code);
    for (unsigned g = 0; g < 256; ++g) {
        const auto generation = static_cast<std::uint8_t>(g % site.generations);
        tokens_[g] = token(generation, site.token_bits);
        code_buffer patch{patches_[g].data(), patches_[g].size()};
        site.emit_patch(patch, generation);
    }
    target_ = memory_.writable + patched;
    executable_ = memory_.executable + patched;
    entry_ = reinterpret_cast<std::uintptr_t>(memory_.executable + begin + site.entry);
    if (!platform::make_executable(memory_, path)) throw refused("mprotect to executable was refused");
    platform::synchronize(memory_.executable, memory_.size);
}

rig::~rig() { platform::unmap(memory_); }

std::unique_ptr<thread_frame> rig::frame() {
    auto made = std::make_unique<thread_frame>();
    thread_frame& f = *made;
    point(f, target_, executable_, site_.patch_size, entry_, words_->flag);
    f[field::page] = reinterpret_cast<std::uintptr_t>(memory_.executable);
    f[field::page_length] = memory_.size;
    choose(f, 0);
    return made;
}

void rig::choose(thread_frame& f, std::uint32_t generation) const {
    f.words[word_of(field::source, 0)] = reinterpret_cast<std::uintptr_t>(patches_[generation & 0xff].data());
    f.words[word_of(field::value, 0)] = generation;
}

company::company(std::span<const unsigned> cpus, std::function<void(unsigned, const std::atomic<bool>&)> body,
                 std::function<void()> wake)
    : body_(std::move(body)), wake_(std::move(wake)) {
    for (unsigned i = 0; i < cpus.size(); ++i) members_.push_back({this, i, cpus[i]});
    for (member& m : members_)
        threads_.emplace_back([&m] {
            platform::pin(m.cpu);
            m.of->started_.fetch_add(1);
            platform::guarded(
                guarded_body,
                [](void* argument, int, std::uintptr_t) { ++static_cast<member*>(argument)->of->faults_; }, &m);
        });
    while (started_.load() < members_.size()) platform::rest();
}

void company::guarded_body(void* argument) {
    const member& m = *static_cast<member*>(argument);
    m.of->body_(m.index, m.of->stop_);
}

company::~company() {
    stop_.store(true);
    if (wake_) wake_();
    for (std::thread& t : threads_) t.join();
}

bool spin_until(const std::function<bool()>& done) {
    constexpr std::uint64_t patience = 1'000'000'000;
    const std::uint64_t begin = platform::nanoseconds();
    for (unsigned spins = 1;; ++spins) {
        if (done()) return true;
        if (spins % 1024 != 0) {
            platform::pause();
            continue;
        }
        if (platform::nanoseconds() - begin > patience) return false;
        platform::yield();
    }
}

}  // namespace cmodx
