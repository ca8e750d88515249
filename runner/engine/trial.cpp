// SPDX-License-Identifier: Apache-2.0
#include "runner/engine/trial.hpp"

#include <algorithm>

#include "runner/engine/worker.hpp"

namespace cmodx {
namespace {

constexpr std::size_t stub_room = 4096;
constexpr std::size_t slot_room = 32768;  // of one site; a multiple of every page size but 64 KiB, see slot_size
constexpr std::uint64_t batch_nanoseconds = 5'000'000;
constexpr std::array<std::uint32_t, 8> paces = {0, 0, 4, 16, 64, 256, 1024, 4096};  // spins

// What varies between batches.
struct arrangement {
    std::uint32_t pace = 0;
    unsigned instances = 1;
    bool acknowledged = false;
    unsigned first_cpu = 0;  // index of the writer's CPU
};

class trial {
  public:
    void run(const test& t, const trial_options& options) {
        const std::uint64_t begin = platform::nanoseconds();
        test_ = &t;
        options_ = &options;
        random_ = random_source(options.seed);
        result = {};
        prepare();
        double best_yield = 0;
        arrangement best;
        while (!failed()) {
            if (platform::nanoseconds() - begin >= options.nanoseconds && result.batches != 0) break;
            arrangement now = draw();
            if (best_yield > 0 && result.batches % 2 == 0) now = best;  // spend the budget where the yield is
            const std::uint64_t wanted_before = wanted();
            const std::uint64_t busy_before = result.busy_nanoseconds;
            run_batch(now, std::min(batch_nanoseconds, options.nanoseconds / 4 + 1'000'000));
            const double yield = static_cast<double>(wanted() - wanted_before) /
                                 static_cast<double>(result.busy_nanoseconds - busy_before + 1);
            if (yield > best_yield) {
                best_yield = yield;
                best = now;
            }
            if (options.enough != 0 && wanted() >= options.enough && result.batches >= 3) break;
        }
        platform::unmap(stubs_);
        result.nanoseconds = platform::nanoseconds() - begin;
    }

    trial_result result;

  private:
    bool failed() const { return result.error != nullptr || result.refused != nullptr; }
    std::uint64_t wanted() const { return result.counts.seen(test_->form->seeks[0]); }
    std::size_t threads() const { return test_->form->programs.size(); }

    // Patches, tokens and stubs are the same for every batch.
    void prepare() {
        const site_layout& site = *test_->site;
        if (options_->cpus.size() < threads() || site.patch_size > most_patch) {
            result.error = "the test does not fit the engine";
            return;
        }
        batch_.site = &site;
        batch_.observer_count = 0;
        if (threads() > 1)
            batch_.observer_count = static_cast<unsigned>(std::min(options_->cpus.size() - 1, most_observers));
        batch_.exclusive = options_->exclusive;
        batch_.settles = false;
        for (const witness w : test_->form->seeks) batch_.settles |= w == witness::never_new;
        result.observers = batch_.observer_count;
        for (unsigned g = 0; g < 256; ++g) {
            const auto generation = static_cast<std::uint8_t>(g % site.generations);
            batch_.tokens[g] = token(generation, site.token_bits);
            code_buffer patch{batch_.patches[g].data(), most_patch};
            site.emit_patch(patch, generation);
        }
        stubs_ = platform::map(mapping::flip, threads() * stub_room);
        if (stubs_.executable == nullptr) {
            result.refused = stubs_.failure;
            return;
        }
        for (std::size_t i = 0; i < threads(); ++i) {
            code_buffer code{stubs_.writable + i * stub_room, stub_room};
            assemble(*test_, i, code);
            if (code.full()) result.error = "a thread's stub is too long";
        }
        if (!platform::make_executable(stubs_, mapping::flip)) result.refused = "mprotect to executable was refused";
        platform::synchronize(stubs_.executable, stubs_.size);
    }

    std::uint32_t choose(std::uint32_t bound) {
        const std::uint32_t chosen = random_.below(bound);
        const auto byte = static_cast<std::uint8_t>(chosen);
        result.sequence_hash = fnv(&byte, 1, result.sequence_hash);
        return chosen;
    }

    arrangement draw() {
        arrangement a;
        a.pace = paces[choose(paces.size())];
        a.instances = choose(2) == 0 ? 1 : 1 + choose(most_instances);
        a.acknowledged = choose(2) == 0 || options_->exclusive || test_->site->generations == 2;
        a.first_cpu = choose(static_cast<std::uint32_t>(options_->cpus.size()));
        if (options_->never_waits) a.acknowledged = false;
        if (options_->pace >= 0) a.pace = static_cast<std::uint32_t>(options_->pace);
        return a;
    }

    // Where in its slot the site begins, bytes, so that the patch lies as the test's placement says.
    std::size_t place() {
        const site_layout& site = *test_->site;
        const placement at = test_->at;
        if (at.boundary == 0) {
            const std::size_t misfit = (site.alignment - site.patch % site.alignment) % site.alignment;
            return misfit + site.alignment * choose(static_cast<std::uint32_t>(4096 / site.alignment));
        }
        std::size_t multiple = 1 + choose(std::max<std::uint32_t>(4096 / at.boundary, 2));
        if (at.boundary < 4096) multiple |= 1;  // of no larger power of two
        const std::size_t begin = 4096 + multiple * at.boundary - at.before - site.patch;
        if (begin % test_->isa->granule != 0) result.error = "the placement is not on an instruction boundary";
        return begin;
    }

    static std::size_t slot_size() { return std::max(slot_room, platform::page_size()); }

    // Fresh memory for each batch: an emulator may never notice that the memory of the last one was written.
    void lay_out(const platform::code_memory& memory, const arrangement& a) {
        const site_layout& site = *test_->site;
        code_buffer traps{memory.writable, memory.size};
        while (!traps.full() && traps.size < memory.size) test_->isa->trap(traps);
        for (unsigned k = 0; k < a.instances; ++k) {
            const std::size_t slot = k * slot_size();
            const std::size_t begin = slot + place();
            code_buffer code{memory.writable + begin, slot + slot_size() - begin};
            site.emit(code);
            if (code.full()) result.error = "the site does not fit its slot";
            const auto executable = reinterpret_cast<std::uintptr_t>(memory.executable);
            instance& i = batch_.instances[k];
            i.flag.store(0);
            for (auto& s : i.seen) s.generation.store(0);
            i.entry = executable + begin + site.entry;
            i.patched = memory.executable + begin + site.patch;
            for (std::size_t t = 0; t <= batch_.observer_count; ++t) {
                lane& l = workers_[t].lanes[k];
                l = {};
                l.of = &i;
                l.see(batch_.tokens[0], 0);
                const auto set = [&](std::size_t word, std::uintptr_t value) { l.frame[word] = value; };
                set(static_cast<std::size_t>(field::clear_cache), platform::clear_cache_function());
                set(static_cast<std::size_t>(field::page), executable + slot);
                set(static_cast<std::size_t>(field::page_length), slot_size());
                set(static_cast<std::size_t>(field::scratch), reinterpret_cast<std::uintptr_t>(l.scratch.data()));
                set(word_of(field::site, 0), i.entry);
                set(word_of(field::target, 0), reinterpret_cast<std::uintptr_t>(memory.writable) + begin + site.patch);
                set(word_of(field::source, 0), reinterpret_cast<std::uintptr_t>(batch_.patches[0].data()));
                set(word_of(field::begin, 0), executable + begin + site.patch);
                set(word_of(field::end, 0), executable + begin + site.patch + site.patch_size);
                set(word_of(field::flag, 0), reinterpret_cast<std::uintptr_t>(&i.flag));
            }
        }
    }

    void run_batch(const arrangement& a, std::uint64_t duration) {
        const platform::code_memory memory = platform::map(test_->path, a.instances * slot_size());
        if (memory.executable == nullptr) {
            result.refused = memory.failure;
            return;
        }
        batch_.instance_count = a.instances;
        batch_.acknowledged = a.acknowledged;
        batch_.pace = a.pace;
        batch_.stop = 0;
        batch_.ready.store(0);
        batch_.broken.store(nullptr);
        lay_out(memory, a);
        if (!platform::make_executable(memory, test_->path)) result.refused = "mprotect to executable was refused";
        platform::synchronize(memory.executable, memory.size);

        std::array<platform::task, most_observers + 1> tasks;
        const std::size_t count = batch_.observer_count + 1;
        for (std::size_t t = 0; t < count; ++t) {
            worker& w = workers_[t];
            w.in = &batch_;
            w.writes = t == 0;
            w.run = reinterpret_cast<stub>(stubs_.executable + (t == 0 ? 0 : stub_room));
            w.observer = t == 0 ? 0 : static_cast<unsigned>(t - 1);
            w.random = random_source(random_.next());
            w.counts = {};
            w.warm = false;
            w.value_word = word_of_observed(last_fetch_of(test_->form->programs[threads() - 1]));
            w.loop = t == 0 ? test_->form->writer
                            : (options_->replace_executor != nullptr ? options_->replace_executor : test_->form->executor);
            const std::size_t cpu = (a.first_cpu + t) % options_->cpus.size();
            tasks[t] = {.body = worker_body, .argument = &w, .cpu = options_->cpus[cpu]};
        }
        if (!failed()) {
            const std::uint64_t begin = platform::nanoseconds();
            if (!platform::run_for(std::span(tasks).first(count), duration, &batch_.stop))
                result.error = "a thread could not be started on its CPU";
            result.busy_nanoseconds += platform::nanoseconds() - begin;
            ++result.batches;
            for (std::size_t t = 0; t < count; ++t) result.counts.add(workers_[t].counts);
            if (batch_.broken.load() != nullptr) result.error = batch_.broken.load();
        }
        platform::unmap(memory);
    }

    const test* test_ = nullptr;
    const trial_options* options_ = nullptr;
    random_source random_{0};
    batch batch_;
    std::array<worker, most_observers + 1> workers_;
    platform::code_memory stubs_;
};

}  // namespace

trial_result run_trial(const test& t, const trial_options& options) {
    static trial only;  // large, and there is no heap here; one trial runs at a time
    only.run(t, options);
    return only.result;
}

}  // namespace cmodx
