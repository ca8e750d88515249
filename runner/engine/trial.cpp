// SPDX-License-Identifier: Apache-2.0
#include "runner/engine/trial.hpp"

#include <algorithm>

#include "runner/engine/layout.hpp"
#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

constexpr std::size_t stub_room = 4096;
constexpr std::uint64_t batch_nanoseconds = 5'000'000;
constexpr std::uint64_t few = 16;                                                   // fresh generations
constexpr std::array<std::uint32_t, 8> paces = {0, 0, 4, 16, 64, 256, 1024, 4096};  // spins

std::uint8_t slots_that_fetch(const program& p) {
    unsigned set = 0;
    for (const event& e : p.events)
        if (e.what == act::fetch || e.what == act::fetch_chosen || e.what == act::run) set |= 1u << e.slot;
    return static_cast<std::uint8_t>(set);
}

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
        // Each batch has a seed of its own, so that what it draws does not depend on how long others took.
        random_source seeds(options.seed);
        result = {};
        prepare();
        if (!failed()) foresee();
        double best_yield = 0;
        arrangement best;
        std::uint64_t duration = std::min(batch_nanoseconds, options.nanoseconds / 4 + 1'000'000);
        while (!failed()) {
            const std::uint64_t spent = platform::nanoseconds() - begin;
            if (spent >= options.nanoseconds && result.batches != 0 &&
                (!result.counts.starved(few) || spent >= options.nanoseconds + options.patience))
                break;
            choose_ = chooser(seeds.next());
            arrangement now = draw();
            const std::size_t number = result.batches;
            const bool as_drawn = best_yield <= 0 || number % 2 != 0;
            if (!as_drawn) now = best;  // spend the budget where the yield is
            const std::uint64_t wanted_before = wanted();
            const std::uint64_t busy_before = result.busy_nanoseconds;
            run_batch(now, duration);
            // On a slow machine one round may take longer than that: an interrupt that waits for a CPU's turn.
            if (result.counts.starved(few)) duration = std::max(duration, std::min(2 * duration, options.patience / 8));
            if (as_drawn && number < foreseen_.size() && !failed() && decided_ != foreseen_[number])
                result.error = "a batch was not as its seed says";
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
        // Of a shape that runs free there may be many observers.
        std::size_t observers = threads() - 1;
        if (threads() == 2 && !test_->form->together && !test_->form->noisy)
            observers = std::min(options_->cpus.size() - 1, most_observers);
        batch_.observer_count = static_cast<unsigned>(observers);
        batch_.members = workers_.data();
        batch_.exclusive = options_->exclusive;
        batch_.settles = false;
        for (const witness w : test_->form->seeks) batch_.settles |= w == witness::never_new;
        result.observers = batch_.observer_count;
        for (unsigned g = 0; g < 256; ++g) {
            const auto generation = static_cast<std::uint8_t>(g % site.generations);
            batch_.tokens[g] = token(generation, site.token_bits);
            code_buffer patch{batch_.patches[g].data(), most_patch};
            site.emit_patch(patch, generation);
            std::memcpy(&batch_.words[g], batch_.patches[g].data(), sizeof batch_.words[g]);
            batch_.words[g] &= batch_.word_mask();
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
            entries_[i] = reinterpret_cast<stub>(stubs_.executable + i * stub_room);
        }
        if (!platform::make_executable(stubs_, mapping::flip)) result.refused = "mprotect to executable was refused";
        platform::synchronize(stubs_.executable, stubs_.size);
    }

    arrangement draw() {
        arrangement a;
        a.pace = paces[choose_(paces.size())];
        a.instances = choose_(2) == 0 ? 1 : 1 + choose_(most_instances);
        a.acknowledged = choose_(2) == 0 || options_->exclusive || test_->site->generations == 2;
        a.first_cpu = choose_.out_of(options_->cpus.size());
        if (options_->never_waits) a.acknowledged = false;
        if (options_->pace >= 0) a.pace = static_cast<std::uint32_t>(options_->pace);
        return a;
    }

    // Of the batch for which all places have been chosen.
    std::uint64_t decided() const {
        chooser next = choose_;
        return hash_of_choice(next.seed_of_another(), choose_.hash());
    }

    void foresee() {
        random_source seeds(options_->seed);
        for (std::uint64_t& hash : foreseen_) {
            choose_ = chooser(seeds.next());
            const arrangement a = draw();
            const std::uint64_t drawn = choose_.hash();
            layout room(*test_, std::span(entries_).first(threads()), choose_);
            for (unsigned k = 0; k < a.instances; ++k) room.choose_places(k);
            hash = decided();
            result.sequence_hash = hash_of_choice(hash, result.sequence_hash);
            result.arrangement_hash = hash_of_choice(drawn, result.arrangement_hash);
            result.arrangement_hash = hash_of_choice(choose_.seed_of_another(), result.arrangement_hash);
        }
    }

    void run_batch(const arrangement& a, std::uint64_t duration) {
        layout room(*test_, std::span(entries_).first(threads()), choose_);
        // Fresh memory for each batch: an emulator may never notice that the memory of the last one was written.
        const platform::code_memory memory = platform::map(test_->path, a.instances * room.slot_size());
        if (memory.executable == nullptr) {
            result.refused = memory.failure;
            return;
        }
        batch_.instance_count = a.instances;
        batch_.acknowledged = a.acknowledged;
        batch_.pace = a.pace;
        batch_.stop = 0;
        batch_.ready.store(0);
        batch_.written.store(false);
        batch_.broken.store(nullptr);
        batch_.turn = 0;
        batch_.over = false;
        batch_.arrived.store(0);
        batch_.meetings.store(0);
        const std::size_t count = batch_.observer_count + 1;
        for (unsigned k = 0; k < a.instances; ++k)
            if (const char* wrong = room.lay_out(memory, batch_, k, std::span(workers_).first(count)); wrong != nullptr)
                result.error = wrong;
        decided_ = decided();
        if (!platform::make_executable(memory, test_->path)) result.refused = "mprotect to executable was refused";
        platform::synchronize(memory.executable, memory.size);

        std::array<platform::task, most_observers + 1> tasks;
        for (std::size_t t = 0; t < count; ++t) {
            worker& w = workers_[t];
            const std::size_t program = program_of(*test_->form, t);
            w.in = &batch_;
            w.index = static_cast<unsigned>(t);
            w.random = random_source(choose_.seed_of_another());
            w.counts = {};
            w.warm = false;
            w.settling = false;
            w.settled = 0;
            w.late = false;
            w.faulted = false;
            w.fetches = slots_that_fetch(test_->form->programs[program]);
            w.loop = test_->form->loops[program];
            if (t != 0 && options_->replace_executor != nullptr) w.loop = options_->replace_executor;
            const std::size_t cpu = (a.first_cpu + t) % options_->cpus.size();
            tasks[t] = {.body = worker_body, .argument = &w, .cpu = options_->cpus[cpu]};
        }
        if (!failed()) {
            const std::uint64_t begin = platform::nanoseconds();
            if (const char* wrong =
                    platform::run_for(std::span(tasks).first(count), duration, &batch_.ready, &batch_.stop))
                result.error = wrong;
            result.busy_nanoseconds += platform::nanoseconds() - begin;
            ++result.batches;
            for (std::size_t t = 0; t < count; ++t) result.counts.add(workers_[t].counts);
            if (batch_.broken.load() != nullptr) result.error = batch_.broken.load();
        }
        platform::unmap(memory);
    }

    const test* test_ = nullptr;
    const trial_options* options_ = nullptr;
    chooser choose_{0};
    std::array<std::uint64_t, hashed_batches> foreseen_{};  // by batch: what its seed decides
    std::uint64_t decided_ = 0;                             // and what it was
    std::array<stub, most_programs> entries_{};
    batch batch_;
    std::array<worker, most_observers + 1> workers_;
    platform::code_memory stubs_;
};

}  // namespace

trial_result run_trial(const test& t, const trial_options& options) {
    if (t.form->by_script != nullptr) return run_script(t, options);
    static trial only;  // large, and there is no heap here; one trial runs at a time
    only.run(t, options);
    return only.result;
}

}  // namespace cmodx
