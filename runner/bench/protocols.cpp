// SPDX-License-Identifier: Apache-2.0
// What each protocol costs that suffices on this machine: the writer's side by mapping and by what the executors do
// meanwhile, the executor's side, and how long it takes until another CPU has run the new code.
#include <fmt/format.h>

#include <set>

#include "runner/bench/prices.hpp"
#include "runner/linux/futex.hpp"

namespace cmodx {
namespace {

// What executors do while the writer modifies.
enum class state : std::uint8_t {
    none,   // there are none
    runs,   // they run the code again and again
    waits,  // they spin on the flag, and run the code when it changes
    futex,  // they sleep in a futex until the writer wakes them, and then run the code
    idle,   // they sleep, and nobody wakes them
};
constexpr std::string_view state_names[] = {"none", "runs", "waits", "futex", "idle"};

struct protocol_rig {
    rig code;
    mapping path;
    stub writer = nullptr;
    stub executor = nullptr;
    std::unique_ptr<thread_frame> writer_frame;
    std::vector<std::unique_ptr<thread_frame>> executor_frames;
    std::unique_ptr<company> beside;
    std::atomic<std::uint32_t> bell{0};  // futex: counts the writer's wakes
    std::uint32_t generation = 0;
    std::atomic<bool> never{false};    // the new code did not arrive
    std::atomic<unsigned> present{0};  // executors that have begun: no sample waits for a thread to start

    protocol_rig(const bench_context& c, const test_case& t, std::size_t executors)
        : code(c.on.isa, *t.site, t.path), path(t.path) {
        writer_frame = code.frame();
        for (std::size_t i = 0; i < executors; ++i) executor_frames.push_back(code.frame());
        const bool release = contains(t.writer, "stlr") || contains(t.writer, "rel");
        const bool acquire = contains(t.executor, "acq");
        const architecture& a = code.isa();
        writer = code.assemble([&](code_buffer& to) {
            if (path == mapping::flip) a.protect(to, false);
            a.store_code(to, 0, t.site->patch_size);
            if (path == mapping::flip) a.protect(to, true);
            for (const step* s : t.writer) s->emit(to, 0);
            a.store_flag(to, 0, release);
        });
        executor = code.assemble([&](code_buffer& to) {
            a.load_flag(to, 0, 0, acquire);
            for (const step* s : t.executor) s->emit(to, 0);
            a.fetch(to, 0, 1);
        });
    }

    // Body of executor i: acknowledges a generation when it has run it.
    void execute(unsigned i, state what, const stopwatch& watch, const std::atomic<bool>& stop) {
        thread_frame& f = *executor_frames[i];
        // Not the flag: what is published before this thread gets here has to be acknowledged too.
        std::uint32_t last = code.seen().load();
        present.fetch_add(1);
        while (!stop.load(std::memory_order_relaxed)) {
            if (what == state::idle) {
                sleep_while(bell, 0);
                continue;
            }
            const std::uint32_t rung = bell.load();
            if (what != state::runs && code.flag().load(std::memory_order_acquire) == last) {
                if (what == state::futex)
                    sleep_while(bell, rung);
                else
                    platform::pause();
                continue;
            }
            executor(f.words.data());
            const std::uint64_t at = watch.read();
            const std::uint32_t flag = f.observed(0);
            if (flag == last || f.observed(1) != code.token_of(flag)) continue;
            last = flag;
            code.seen_at().store(at, std::memory_order_relaxed);
            code.seen().store(flag, std::memory_order_release);
        }
    }
    void ring() {
        bell.fetch_add(1);
        wake_sleepers(bell);
    }
    void modify() { writer(writer_frame->words.data()); }
    // What one modification costs its writer, roughly, ns.
    double probe(const stopwatch& watch) {
        std::vector<double> few(21);
        for (double& v : few) {
            next();
            v = timed(watch, [&] {
                for (unsigned i = 0; i < 16; ++i) modify();
            });
        }
        return median_of(few) / 16;
    }
    void next() { code.choose(*writer_frame, ++generation); }
    void settle() {
        if (!spin_until([&] { return code.seen().load(std::memory_order_acquire) == generation; })) {
            never = true;
            throw std::runtime_error("the new code did not arrive within a second");
        }
    }
};

std::string label(const test_case& t) {
    return fmt::format("{}+{}", mapping_names[static_cast<std::size_t>(t.path)], joined(t.writer));
}

// A price of `rig_of` whose executors are there while samples are taken.
void accompany(const bench_context& c, price& p, const std::shared_ptr<protocol_rig>& r, state what, unsigned count) {
    p.mapping = mapping_names[static_cast<std::size_t>(r->path)];
    p.executors = static_cast<int>(count);
    if (count != 0) p.state = state_names[static_cast<std::size_t>(what)];
    const std::vector<unsigned> cpus(c.others(count).begin(), c.others(count).end());
    p.begin = [r, what, cpus, cpu = c.cpus[0], watch = c.watch] {
        if (r->never) throw std::runtime_error("the new code did not arrive within a second");
        platform::pin(cpu);
        if (cpus.empty()) return;
        r->bell = 0;
        r->present = 0;
        r->beside = std::make_unique<company>(
            cpus, [r, what, watch](unsigned i, const std::atomic<bool>& stop) { r->execute(i, what, watch, stop); },
            [r] { r->ring(); });
        while (r->present < cpus.size()) platform::rest();
        if (what == state::waits || what == state::futex) r->settle();
        if (what == state::idle) platform::rest();  // until they sleep
    };
    p.end = [r] {
        r->beside.reset();
        if (r->writer_frame->failed()) throw std::runtime_error("a system call of the protocol failed");
    };
}

void add_writer(const bench_context& c, price_list& list, const test_case& t, state what, unsigned count) {
    const auto r = std::make_shared<protocol_rig>(c, t, count);
    price p;
    p.group = "writer";
    p.name =
        fmt::format("{} by {}", label(t),
                    count == 0 ? "itself" : fmt::format("{} {}", count, state_names[static_cast<std::size_t>(what)]));
    p.meaning = "store to code, the writer's steps, store to the flag";
    // Where the executors have to follow one by one, a sample is one.
    const bool follows = count != 0 && (what == state::waits || what == state::futex);
    p.repeats = follows ? 1 : repeats_for(r->probe(c.watch));
    p.less = empty_stubs(p.repeats);
    accompany(c, p, r, what, count);
    p.sample = [r, what, follows, repeats = p.repeats, watch = c.watch](std::vector<double>& samples) {
        for (double& v : samples) {
            r->next();
            v = timed(watch, [&] {
                r->modify();
                if (what == state::futex) r->ring();
                for (unsigned i = 1; i < repeats; ++i) {
                    r->next();
                    r->modify();
                }
            });
            // An executor that would run the code while it may not be run, or would miss a wake, comes first.
            if (follows) r->settle();
        }
    };
    list.push_back(std::move(p));
}

void add_latency(const bench_context& c, price_list& list, const test_case& t, state what) {
    const auto r = std::make_shared<protocol_rig>(c, t, 1);
    const clock_offset offset = offset_between(c.cpus[0], c.cpus[1]);
    price p;
    p.group = "latency";
    p.name = fmt::format("{}+{} {}", label(t), joined(t.executor), state_names[static_cast<std::size_t>(what)]);
    p.meaning =
        fmt::format("from in front of the store until the other CPU has run the new code; {} (clocks within {:.0f} ns)",
                    t.name, offset.uncertainty_ns);
    p.less = "timer";
    p.from = static_cast<int>(c.cpus[0]);
    p.to = static_cast<int>(c.cpus[1]);
    accompany(c, p, r, what, 1);
    p.sample = [r, what, offset, watch = c.watch](std::vector<double>& samples) {
        for (double& v : samples) {
            r->next();
            const std::uint64_t begin = watch.read();
            r->modify();
            if (what == state::futex) r->ring();
            r->settle();
            v = watch.between(begin, r->code.seen_at().load(std::memory_order_relaxed)) - offset.ns;
        }
    };
    list.push_back(std::move(p));
}

// The executor's side, nothing having been modified: what every hand-over pays. `bare` is the same without steps.
void add_executor(const bench_context& c, price_list& list, const test_case& t, std::string_view bare) {
    const auto r = std::make_shared<protocol_rig>(c, t, 1);
    price p;
    p.group = "executor";
    p.name = bare.empty() ? "flag and call" : joined(t.executor) + " in front of the call";
    p.meaning = bare.empty() ? "load of the flag, call of the code" : "what the executor's steps add to load and call";
    p.repeats = 16;
    p.less = bare.empty() ? empty_stubs(p.repeats) : std::string(bare);
    p.begin = [cpu = c.cpus[0]] { platform::pin(cpu); };
    p.sample = [r, p_repeats = p.repeats, watch = c.watch](std::vector<double>& samples) {
        thread_frame& f = *r->executor_frames[0];
        for (double& v : samples)
            v = timed(watch, [&] {
                for (unsigned i = 0; i < p_repeats; ++i) r->executor(f.words.data());
            });
    };
    list.push_back(std::move(p));
}

// One thread modifies and runs.
void add_self(const bench_context& c, price_list& list, const test_case& t) {
    const auto r = std::make_shared<protocol_rig>(c, t, 0);
    const stub self = r->code.assemble([&](code_buffer& to) {
        const architecture& a = c.on.isa;
        if (t.path == mapping::flip) a.protect(to, false);
        a.store_code(to, 0, t.site->patch_size);
        if (t.path == mapping::flip) a.protect(to, true);
        for (const step* s : t.writer) s->emit(to, 0);
        a.fetch(to, 0, 1);
    });
    price p;
    p.group = "self";
    p.name = label(t) + " and run it";
    p.meaning = "store to code, the steps, call of the code, by one thread";
    p.less = empty_stubs(1);
    accompany(c, p, r, state::none, 0);
    p.sample = [r, self, watch = c.watch](std::vector<double>& samples) {
        for (double& v : samples) {
            r->next();
            v = timed(watch, [&] { self(r->writer_frame->words.data()); });
            if (r->writer_frame->observed(1) != r->code.token_of(r->generation))
                throw std::runtime_error("the old code ran");
        }
    };
    list.push_back(std::move(p));
}

}  // namespace

void add_protocols(const bench_context& c, price_list& list) {
    std::set<std::string> writers;
    std::set<std::string> executors;
    bool bare = false;
    for (const test_case& t : catalogue(c.on)) {
        if (t.site->name != "imm" || t.from != origin::sufficient) continue;
        const bool usual = t.path == mapping::same || t.path == mapping::alias || t.path == mapping::flip;
        if (!usual || t.at.boundary != 0 ||
            c.here.value(fmt::format("mapping_{}", mapping_names[static_cast<std::size_t>(t.path)])) != "1")
            continue;
        if (t.form->name == "SM" && c.sufficient(t)) add_self(c, list, t);
        if (t.form->name != "MP.RF" || !c.sufficient(t)) continue;
        if (!bare) {
            test_case without = t;
            without.executor.clear();
            add_executor(c, list, without, {});
            bare = true;
        }
        if (!t.executor.empty() && executors.insert(joined(t.executor)).second)
            add_executor(c, list, t, "flag and call");
        if (writers.insert(label(t)).second) {
            add_writer(c, list, t, state::none, 0);
            for (const unsigned n : c.company_sizes())
                for (const state what : {state::runs, state::waits, state::futex, state::idle})
                    if (what != state::runs || t.path != mapping::flip) add_writer(c, list, t, what, n);
        }
        if (c.cpus.size() < 2) continue;
        for (const state what : {state::waits, state::futex}) add_latency(c, list, t, what);
    }
}

}  // namespace cmodx
