// SPDX-License-Identifier: Apache-2.0
#include "runner/engine/script.hpp"

#include <algorithm>
#include <cstring>

#include "runner/engine/layout.hpp"

namespace cmodx {
namespace {

constexpr std::size_t stub_room = 4096;
constexpr std::size_t least_page = 4096;

constexpr std::size_t index_of(field f) { return static_cast<std::size_t>(f); }

std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

}  // namespace

void script::image(std::uint8_t* to, std::size_t size, std::size_t offset, std::uint32_t g) {
    const site_layout& site = *test_->site;
    code_buffer traps{to, size};
    while (traps.size < size) test_->isa->trap(traps);
    code_buffer code{to + offset, size - offset};
    site.emit(code);
    if (code.full()) fail("the site does not fit its page");
    std::memcpy(to + offset + site.patch, patch(g).data(), site.patch_size);
}

std::size_t script::place() {
    const site_layout& site = *test_->site;
    const placement at = test_->at;
    const std::size_t unit = at.boundary == 0 ? site.alignment : 2u * at.boundary;
    const std::size_t misfit = (2 * unit + unit / 2 * (at.boundary != 0) - site.patch - at.before) % unit;
    // Where pages are larger, a seed has the same places.
    const std::size_t pages = (site.size / least_page + 1) * least_page;
    const std::size_t room = (pages - site.size - misfit) / unit;
    return misfit + unit * places_.below(static_cast<std::uint32_t>(room));
}

// What the seed decides, however many calls there are: what the first of them draw from, and where the first sites lie.
void script::foresee() {
    random_source seeds(options_->seed);
    std::uint64_t& drawn = result_->arrangement_hash;
    for (std::size_t i = 0; i < hashed_batches; ++i) drawn = hash_of_choice(seeds.next(), drawn);
    result_->sequence_hash = drawn;
    const random_source before = places_;
    for (std::size_t i = 0; i < hashed_batches; ++i)
        result_->sequence_hash = hash_of_choice(place(), result_->sequence_hash);
    places_ = before;
}

void script::aim(std::uint8_t* writable, std::uint8_t* executable, std::size_t size, std::size_t offset) {
    const site_layout& site = *test_->site;
    target_ = writable + offset + site.patch;
    executable_ = executable + offset + site.patch;
    entry_ = address(executable + offset + site.entry) + site.state;
    for (std::size_t thread = 0; thread < frames_.size(); ++thread) {
        auto& frame = frames_[thread];
        frame[index_of(field::clear_cache)] = platform::clear_cache_function();
        frame[index_of(field::interrupt)] = platform::interrupt_function();
        frame[index_of(field::page)] = address(executable);
        frame[index_of(field::page_length)] = size;
        frame[index_of(field::scratch)] = (address(scratch_[thread].data()) + 15) & ~std::uintptr_t{15};
        frame[word_of(field::site, 0)] = entry_;
        frame[word_of(field::target, 0)] = address(target_);
        frame[word_of(field::source, 0)] = address(patches_[0].data());
        frame[word_of(field::flag, 0)] = address(&words_->flag);
    }
    range(executable_, executable_ + site.patch_size);
}

void script::range(std::uint8_t* begin, std::uint8_t* end) {
    for (auto& frame : frames_) {
        frame[word_of(field::begin, 0)] = address(begin);
        frame[word_of(field::end, 0)] = address(end);
    }
}

std::span<const std::uint8_t> script::patch(std::uint32_t g) const {
    return std::span(patches_[g & 0xff]).first(test_->site->patch_size);
}

void script::modify(std::uint32_t g) {
    frames_[0][word_of(field::source, 0)] = address(patches_[g & 0xff].data());
    call(modify_stub, 0);
    wrote();
}

void script::writer_steps(part p) {
    call(p == part::all ? all_stub : p == part::first_half ? first_stub : second_stub, 0);
}

void script::publish(std::uint32_t g) {
    frames_[0][word_of(field::value, 0)] = g;
    call(publish_stub, 0);
}

void script::executor_steps() { call(executor_stub, 1); }

bool script::expect(std::uint32_t value, std::uint32_t g) {
    ++counts_->rounds;
    if (!seen_ || g != last_expected_) ++counts_->fresh;
    if (seen_ && value != last_value_) ++counts_->transitions;
    outcome what = outcome::current;
    if (value != token_of(g)) {
        const int found = generation_of(value, test_->site->token_bits);
        what = outcome_of(found < 0 || found >= test_->site->generations ? witness::torn : witness::stale);
    }
    ++counts_->count[static_cast<std::size_t>(what)];
    if (what != outcome::current && !counts_->first.present) {
        first_witness& first = counts_->first;
        first = {.present = true, .what = what, .flag = g, .observed = {value}, .bytes = {}};
        if (executable_ != nullptr) {
            first.bytes_size =
                static_cast<std::uint8_t>(std::min<std::size_t>(test_->site->patch_size, first.bytes.size()));
            std::memcpy(first.bytes.data(), executable_, first.bytes_size);
        }
    }
    seen_ = true;
    last_value_ = value;
    last_expected_ = g;
    return what == outcome::current;
}

void script::count(outcome what) {
    ++counts_->rounds;
    ++counts_->count[static_cast<std::size_t>(what)];
    if (what >= outcome::first_witness && !counts_->first.present) counts_->first = {.present = true, .what = what};
}

void script::contract(std::int64_t came_to, std::int64_t wanted) {
    if (came_to == wanted) return count(outcome::current);
    const bool first = !counts_->first.present;
    count(witness::wrong_errno);
    if (first) counts_->first.observed = {static_cast<std::uint64_t>(came_to), static_cast<std::uint64_t>(wanted)};
}

std::uint32_t script::choose(std::uint32_t bound) { return random_.below(bound); }

void script::move_to(std::size_t i) {
    const unsigned cpu = options_->cpus[i % cpus()];
    if (!platform::pin(cpu))
        refuse("a thread may not be moved to another CPU");
    else if (platform::current_cpu() != cpu)
        refuse("a moved thread stayed on its CPU");
}

bool script::wait_for(const std::atomic<std::uint32_t>& what, std::uint32_t wanted) {
    // Longer than a run is stretched, and over before the test counts as hung.
    const std::uint64_t limit = platform::nanoseconds() + options_->patience + options_->patience / 2;
    for (std::uint32_t spins = 1; what.load(std::memory_order_acquire) != wanted; ++spins) {
        platform::pause();
        if (spins % 1024 != 0) continue;
        if (words_->abandoned.load()) return false;
        if (past(limit)) {
            fail("one side waited for the other in vain");
            return false;
        }
        platform::rest();
        std::atomic_ref<std::uint64_t>(counts_->yields).fetch_add(1, std::memory_order_relaxed);
    }
    return true;
}

void script::guarded_call::start(void* self) {
    const auto body = [](void* argument) {
        auto& c = *static_cast<guarded_call*>(argument);
        if (!c.faulted) c.body(c.argument);
    };
    const auto on_fault = [](void* argument, int signal, std::uintptr_t pc) {
        auto& c = *static_cast<guarded_call*>(argument);
        if (c.of->on_trap != nullptr && c.of->on_trap(*c.of, pc)) return;
        c.faulted = true;
        c.signal = signal;
        c.pc = pc;
        c.of->words_->abandoned = true;
    };
    platform::guarded(body, on_fault, self);
}

void script::count_fault(const guarded_call& c) {
    if (!c.faulted) return;
    const bool first = !counts_->first.present;
    count(witness::fault);
    if (!first) return;
    counts_->first.signal = c.signal;
    if (entry_ != 0) counts_->first.address_offset = c.pc - (entry_ - test_->site->state);
}

void script::assemble_stub(stubs which, code_buffer& code) const {
    const architecture& a = *test_->isa;
    const step_sequence writer = test_->writer;
    const auto emit = [&](step_sequence steps) {
        for (const step* s : steps) s->emit(code, 0);
    };
    const bool flips = test_->path == mapping::flip;
    a.prologue(code);
    switch (which) {
        case modify_stub:
            if (flips) a.protect(code, false);
            a.store_code(code, 0, test_->site->patch_size);
            if (flips) a.protect(code, true);
            break;
        case all_stub: emit(writer); break;
        case first_stub: emit(writer.first(writer.size() / 2)); break;
        case second_stub: emit(writer.subspan(writer.size() / 2)); break;
        case publish_stub: a.store_flag(code, 0, contains(writer, "stlr") || contains(writer, "rel")); break;
        case executor_stub:
            a.load_flag(code, 0, 0, contains(test_->executor, "acq"));
            emit(test_->executor);
            break;
        case stub_count: break;
    }
    a.epilogue(code);
}

void script::call(stubs which, std::size_t thread) {
    reinterpret_cast<stub>(stubs_.executable + which * stub_room)(frames_[thread].data());
}

void script::prepare() {
    const site_layout& site = *test_->site;
    if (site.patch_size > patches_[0].size()) return fail("the site does not fit the script");
    for (unsigned g = 0; g < 256; ++g) {
        const auto generation = static_cast<std::uint8_t>(g % site.generations);
        tokens_[g] = token(generation, site.token_bits);
        code_buffer code{patches_[g].data(), patches_[g].size()};
        site.emit_patch(code, generation);
    }
    words_ = static_cast<script_words*>(platform::shared_memory(sizeof(script_words)));
    if (words_ == nullptr) return refuse("a shared mapping is denied");
    stubs_ = platform::map(mapping::flip, stub_count * stub_room);
    if (stubs_.executable == nullptr) return refuse(stubs_.failure);
    for (unsigned i = 0; i < stub_count; ++i) {
        code_buffer code{stubs_.writable + i * stub_room, stub_room};
        assemble_stub(static_cast<stubs>(i), code);
        if (code.full()) fail("a stub is too long");
    }
    if (!platform::make_executable(stubs_, mapping::flip)) refuse("mprotect to executable was refused");
    platform::synchronize(stubs_.executable, stubs_.size);
}

// One call of the script, with fresh memory unless it makes its own.
void script::once() {
    if (!test_->form->by_script->maps) {
        memory_ = platform::map(test_->path, extent());
        if (memory_.executable == nullptr) return refuse(memory_.failure);
        const std::size_t offset = place();
        image(memory_.writable, memory_.size, offset, 0);
        if (!platform::make_executable(memory_, test_->path)) return refuse("mprotect to executable was refused");
        platform::synchronize(memory_.executable, memory_.size);
        aim(memory_.writable, memory_.executable, memory_.size, offset);
    }
    seen_ = false;
    words_->flag = 0;
    words_->turn = 0;
    words_->abandoned = false;
    for (auto& w : words_->word) w = 0;
    for (auto& frame : frames_) frame[index_of(field::status)] = 0;
    if (platform::as_kernel() == nullptr) move_to(choose(static_cast<std::uint32_t>(cpus())));
    const auto body = [](void* s) { static_cast<script*>(s)->test_->form->by_script->run(*static_cast<script*>(s)); };
    guarded_call c = {.of = this, .body = body, .argument = this};
    guarded_call::start(&c);
    count_fault(c);
    for (const auto& frame : frames_)
        if (frame[index_of(field::status)] != 0) ++counts_->failed_calls;
    platform::unmap(memory_);
    memory_ = {};
}

void script::trial(const test& t, const trial_options& options) {
    const std::uint64_t begin = platform::nanoseconds();
    test_ = &t;
    options_ = &options;
    random_source seeds(options.seed);
    // Places have a sequence of their own, whatever else a call draws.
    places_ = random_source(~options.seed);
    end_ = begin + options.nanoseconds;
    on_trap = nullptr;  // of a test that was ended
    executable_ = nullptr;
    entry_ = 0;
    prepare();
    if (!broken()) foresee();
    const platform::switches before = platform::context_switches();
    while (result_->refused == nullptr && result_->error == nullptr) {
        if (spent() && result_->batches != 0) break;
        random_ = random_source(seeds.next());
        once();
        result_->batches += result_->refused == nullptr;
        if (options.enough != 0 && counts_->seen(t.form->seeks[0]) >= options.enough) break;
    }
    const platform::switches after = platform::context_switches();
    counts_->voluntary_switches = after.voluntary - before.voluntary;
    counts_->involuntary_switches = after.involuntary - before.involuntary;
    result_->observers = 1;
    result_->nanoseconds = result_->busy_nanoseconds = platform::nanoseconds() - begin;
}

trial_result run_script(const test& t, const trial_options& options) {
    static script only;  // large, and there is no heap here
    static trial_result result;
    result = {};
    only.result_ = &result;
    only.counts_ = &result.counts;
    only.trial(t, options);
    return result;
}

}  // namespace cmodx
