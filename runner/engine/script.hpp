// SPDX-License-Identifier: Apache-2.0
// What a scripted case includes: the verbs of a program over one site, which is called again and again, each time
// with a fresh site at another place, until the budget ends. `const define_script<that_type> entry;` makes a type
// part of the suite. Made for what an operating system does: slow, and sequential unless the script says otherwise.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "arch/token.hpp"
#include "runner/engine/assemble.hpp"
#include "runner/engine/platform.hpp"
#include "runner/engine/trial.hpp"

namespace cmodx {

// Which of the writer's steps.
enum class part : std::uint8_t { all, first_half, second_half };

// What threads and forked processes of a script tell each other.
struct script_words {
    alignas(64) std::atomic<std::uint32_t> flag{0};  // the executor's steps begin with a load of it
    alignas(64) std::atomic<std::uint32_t> turn{0};
    std::atomic<bool> abandoned{false};  // by a side that a fault has ended
    std::array<std::atomic<std::uint64_t>, 8> word{};
};

class script {
  public:
    // --- The code. `g` is a generation, which the site takes modulo its own number of them.
    const test& parts() const { return *test_; }
    const platform::code_memory& memory() const { return memory_; }
    std::size_t page() const { return platform::page_size(); }
    // Bytes: the whole pages that hold the site.
    std::size_t extent() const { return (test_->site->size / page() + 1) * page(); }
    // Fills a page with traps and the site, at `offset` bytes into it, as generation g.
    void image(std::uint8_t* to, std::size_t size, std::size_t offset, std::uint32_t g);
    // A random offset at which the site fits one page.
    std::size_t place();
    // From now on the site is the one at `offset` of these bytes, which are written at `writable`.
    void aim(std::uint8_t* writable, std::uint8_t* executable, std::size_t size, std::size_t offset);
    std::span<const std::uint8_t> patch(std::uint32_t g) const;
    std::uint8_t* target() const { return target_; }          // first modified byte, by the writable address
    std::uint8_t* executable() const { return executable_; }  // the same by the executable one
    // The steps maintain these bytes, executable address; aim() sets them to the modified ones.
    void range(std::uint8_t* begin, std::uint8_t* end);

    // --- Actions of the writer: by the mapping's own path, in one stub each.
    void modify(std::uint32_t g);
    void writer_steps(part p = part::all);
    void publish(std::uint32_t g);
    // For a modification by other means.
    void wrote() { counts_->wrote(); }

    // Where the step `ipi` leads.
    void interrupt_by(void (*function)()) {
        for (auto& frame : frames_)
            frame[static_cast<std::size_t>(field::interrupt)] = reinterpret_cast<std::uintptr_t>(function);
    }

    // --- Actions of the executor. Its steps begin with a load of the flag.
    void executor_steps();
    std::uint32_t run() const { return reinterpret_cast<std::uint32_t (*)()>(entry_)(); }

    // --- What came of it; by one thread at a time.
    // Counts an execution that had to be of generation g; true: it was.
    bool expect(std::uint32_t value, std::uint32_t g);
    void count(outcome what);
    void count(witness what) { count(outcome_of(what)); }
    // Counts a system call that had to come to `wanted`.
    void contract(std::int64_t came_to, std::int64_t wanted);
    std::uint32_t token_of(std::uint32_t g) const { return tokens_[g & 0xff]; }
    // The machine denies what the script needs: the test is skipped.
    void refuse(const char* why) { result_->refused = why; }
    // The run proves nothing.
    void fail(const char* why) { result_->error = why; }
    bool broken() const { return result_->refused != nullptr || result_->error != nullptr; }
    bool over() const { return broken() || spent(); }

    // --- Chance, CPUs, company.
    std::uint32_t choose(std::uint32_t bound);
    std::size_t cpus() const { return options_->cpus.size(); }
    // Moves the calling thread to the i-th CPU, modulo their number.
    void move_to(std::size_t i);
    script_words& words() { return *words_; }
    // Waits until `what` is `wanted`; false: it has taken too long, or the other thread has given up.
    bool wait_for(const std::atomic<std::uint32_t>& what, std::uint32_t wanted);
    // Runs body(), which a fault ends: then false, and whoever waits is told. The fault is not counted.
    template <class F>
    bool survives(F body);
    // Runs other() on the i-th CPU in a thread of its own, and mine() here meanwhile. A fault ends the one it is in,
    // and counts; on_trap is asked first, and true means that the fault is part of the plan and the function begins
    // anew.
    template <class F, class G>
    void together(std::size_t i, F other, G mine);

    bool (*on_trap)(script&, std::uintptr_t pc) = nullptr;

  private:
    friend trial_result run_script(const test& t, const trial_options& options);

    using stub = void (*)(std::uintptr_t* frame);
    enum stubs : std::uint8_t {
        modify_stub,
        all_stub,
        first_stub,
        second_stub,
        publish_stub,
        executor_stub,
        stub_count
    };

    void trial(const test& t, const trial_options& options);
    void prepare();
    void foresee();
    void assemble_stub(stubs which, code_buffer& code) const;
    void call(stubs which, std::size_t thread);
    void once();
    // Whether the budget is; where an action takes long, it is stretched until a few were made.
    bool spent() const {
        constexpr std::uint64_t few = 8;
        const witness sought = test_->form->seeks[0];
        const bool calls =
            sought == witness::wrong_errno || sought == witness::exposed;  // what is asked is their outcome
        const bool tried = calls ? counts_->rounds >= few : counts_->written() >= few && !counts_->starved(1);
        return past(tried || counts_->seen(witness::wrong_errno) >= few ? end_ : end_ + options_->patience);
    }
    static bool past(std::uint64_t moment) { return platform::nanoseconds() >= moment; }
    struct guarded_call {
        script* of;
        void (*body)(void*);
        void* argument;
        bool faulted = false;
        int signal = 0;
        std::uintptr_t pc = 0;
        static void start(void* self);
    };
    void count_fault(const guarded_call& c);

    const test* test_ = nullptr;
    const trial_options* options_ = nullptr;
    trial_result* result_ = nullptr;
    tally* counts_ = nullptr;
    script_words* words_ = nullptr;
    random_source random_{0};
    random_source places_{0};
    std::uint64_t end_ = 0;
    std::array<std::uint32_t, 256> tokens_{};
    std::array<std::array<std::uint8_t, 256>, 256> patches_{};
    std::array<std::array<std::uintptr_t, frame_words>, 2> frames_{};
    std::array<std::array<std::uint8_t, 128>, 2> scratch_{};
    platform::code_memory stubs_;
    platform::code_memory memory_;
    std::uint8_t* target_ = nullptr;
    std::uint8_t* executable_ = nullptr;
    std::uintptr_t entry_ = 0;
    bool seen_ = false;
    std::uint32_t last_value_ = 0;
    std::uint32_t last_expected_ = 0;
};

trial_result run_script(const test& t, const trial_options& options);

template <class F>
bool script::survives(F body) {
    guarded_call c = {.of = this, .body = [](void* f) { (*static_cast<F*>(f))(); }, .argument = &body};
    guarded_call::start(&c);
    return !c.faulted;
}

template <class F, class G>
void script::together(std::size_t i, F other, G mine) {
    guarded_call a = {.of = this, .body = [](void* f) { (*static_cast<F*>(f))(); }, .argument = &other};
    guarded_call b = {.of = this, .body = [](void* g) { (*static_cast<G*>(g))(); }, .argument = &mine};
    const platform::task task = {.body = guarded_call::start, .argument = &a, .cpu = options_->cpus[i % cpus()]};
    if (!platform::run_beside(task, guarded_call::start, &b)) fail("a thread could not be started on its CPU");
    count_fault(a);
    count_fault(b);
}

template <class S>
class define_script {
  public:
    define_script() {
        shape_.name = S::name;
        shape_.meaning = S::meaning;
        shape_.between = S::between;
        shape_.seeks = S::seeks;
        shape_.paths = S::paths;
        shape_.needs_generations = 2;
        shape_.everywhere = site().empty();
        shape_.by_script = &scripted_;
        shape_.next = shape_list();
        shape_list() = &shape_;
    }

  private:
    // What a type need not say.
    static constexpr std::span<const implied_step> implied() {
        if constexpr (requires { S::implied; })
            return S::implied;
        else
            return {};
    }
    static constexpr bool maps() {
        return requires { requires S::maps; };
    }
    static constexpr bool twins() {
        return requires { requires S::twins; };
    }
    static constexpr bool steps() {
        return !requires { requires S::without_steps; };
    }
    static constexpr unsigned cpus() {
        if constexpr (requires { S::cpus; })
            return S::cpus;
        else
            return 1;
    }
    static constexpr relation protocols() {
        if constexpr (requires { S::protocols; })
            return S::protocols;
        else
            return S::between;
    }
    static constexpr std::string_view with_step() {
        if constexpr (requires { S::with_step; })
            return S::with_step;
        else
            return {};
    }
    static constexpr purpose use() {
        if constexpr (requires { S::use; })
            return S::use;
        else
            return purpose::code;
    }
    static constexpr std::string_view by_step() {
        if constexpr (requires { S::by_step; })
            return S::by_step;
        else
            return {};
    }
    static constexpr std::string_view never_by() {
        if constexpr (requires { S::never_by; })
            return S::never_by;
        else
            return {};
    }
    static constexpr bool runs_meanwhile() {
        return requires { requires S::runs_meanwhile; };
    }
    static constexpr std::string_view site() {
        if constexpr (requires { S::site; })
            return S::site;
        else
            return "imm";
    }

    scripted scripted_{.run = S::script,
                       .implied = implied(),
                       .needs = S::needs,
                       .cpus = cpus(),
                       .maps = maps(),
                       .steps = steps(),
                       .protocols = protocols(),
                       .twins = twins(),
                       .site = site(),
                       .with_step = with_step(),
                       .use = use(),
                       .by_step = by_step(),
                       .never_by = never_by(),
                       .runs_meanwhile = runs_meanwhile()};
    shape shape_{};
};

}  // namespace cmodx
