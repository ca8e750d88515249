// SPDX-License-Identifier: Apache-2.0
// The one place where a verdict is computed.
#pragma once

#include "arch/contracts.hpp"
#include "arch/rules.hpp"

namespace cmodx {

// What is judged: a witness of a test on a machine with these facts. Empty step lists are `po`. A fact that is not
// among them is not known: the verdict then promises no more than the weakest machine does.
struct question {
    relation between;
    std::string_view site;
    placement at;
    std::uint16_t patch_size;  // bytes modified, site_layout::patch_size
    mapping path;
    std::span<const std::string_view> writer;    // step names
    std::span<const std::string_view> executor;  // empty for same_thread: all steps are the writer's there
    bool exclusive;                              // nobody runs the site while it is modified
    witness seen;
    std::span<const fact> facts;
};

struct judgement {
    verdict ruling;
    basis strength;
    std::string_view source;  // manual and title of the section, edition; or kernel file
    std::string_view reason;  // one sentence
};

// Whether somebody may run the site while it is modified.
constexpr bool races(const question& q) {
    return q.between != relation::same_thread && (!q.exclusive || q.between == relation::concurrent);
}

// Whether all the modified bytes lie in one naturally aligned block of `block` bytes, a power of two up to 8.
constexpr bool inside_aligned(const question& q, unsigned block) {
    if (q.patch_size == 0 || q.patch_size > block) return false;
    if (q.at.boundary == 0) return (q.patch_size & (q.patch_size - 1u)) == 0;  // naturally aligned
    const unsigned start = (block - q.at.before % block) % block;
    return start + q.patch_size <= block;
}

// Whether a store of one of the threads modifies the code: what the kernel copies for somebody may come in pieces, and
// so may come what another process writes.
constexpr bool by_one_store(const question& q) { return q.path != mapping::poke && q.path != mapping::process; }

// Whether the facts are known to satisfy `when`, such as "idc=1,dic=1" or "exs!=1"; what is unknown differs from all.
constexpr bool known(std::string_view when, std::span<const fact> facts) {
    while (!when.empty()) {
        const std::size_t end = when.find(',');
        const std::string_view term = when.substr(0, end);
        when.remove_prefix(end == when.npos ? when.size() : end + 1);
        const std::size_t equals = term.find('=');
        const bool negated = term[equals - 1] == '!';
        const std::string_view key = term.substr(0, negated ? equals - 1 : equals);
        std::string_view value = term;
        value.remove_prefix(equals + 1);
        bool found = false;
        for (const fact& f : facts) found = found || (f.key == key && f.value == value);
        if (found == negated) return false;
    }
    return true;
}

// Whether the rules know what a step does; what they do not know counts for nothing.
constexpr bool knows(const architecture_rules& rules, std::string_view step) {
    for (const action& a : rules.actions)
        if (a.step == step) return true;
    return false;
}

// All events of a test in an order that its hand-over permits. Thread 0 writes; `fetcher` runs what is judged.
class timeline {
  public:
    constexpr timeline(const architecture_rules& rules, const question& q) : rules_(rules), q_(q) {
        const bool alone = q.between == relation::same_thread;
        fetcher_ = alone ? 0 : 1;
        add(effect::modify, 0);
        add_steps(q.writer, 0);
        if (!alone) {
            handed_over_ = size_;
            add(effect::publish, 0);
            add(effect::observe, 1);
        }
        // Where nothing is handed over, the executor's steps stand nowhere in particular.
        if (q.between != relation::concurrent) add_steps(q.executor, fetcher_);
        add(effect::fetch, fetcher_);
    }

    constexpr bool does(effects what) const { return any(what, 0, size_, basis::inferred); }

    // Whether the chain is found, relying only on what is founded at least as well as `weakest`.
    constexpr bool has(const chain& c, basis weakest) const {
        if (overflow_) return false;
        std::uint64_t reached = 0;  // the events at which the links so far can end
        for (std::size_t at = 0; at < size_; ++at)
            if (is(at, c[0].what, weakest)) reached |= bit(at);
        for (std::size_t link = 1; link < c.size() && c[link].what != 0; ++link) {
            std::uint64_t next = 0;
            for (std::size_t from = 0; from < size_; ++from) {
                if ((reached & bit(from)) == 0) continue;
                for (std::size_t to = from + 1; to < size_; ++to)
                    if (is(to, c[link].what, weakest) && ordered(from, c[link - 1], to, c[link], weakest))
                        next |= bit(to);
            }
            reached = next;
        }
        return reached != 0;
    }

    // Where the weakest thing is said that an answer of has() relied on.
    constexpr std::string_view source(basis strength) const {
        for (std::size_t at = 0; at < size_; ++at)
            if (events_[at].strength == strength && !events_[at].source.empty()) return events_[at].source;
        return {};
    }

  private:
    struct event {
        effects what = 0;
        std::uint8_t thread = 0;
        basis strength = basis::arch_text;
        std::string_view source{};
    };

    static constexpr std::uint64_t bit(std::size_t at) { return std::uint64_t{1} << at; }

    constexpr void add(effects what, std::uint8_t thread, basis strength = basis::arch_text,
                       std::string_view source = {}) {
        if (size_ == events_.size()) {
            overflow_ = true;
            return;
        }
        if (thread != fetcher_) what &= ~effect::sync;
        if (thread == fetcher_) {
            what &= ~effect::sync_others;
            // What a CPU does for itself alone counts for the one that runs the code.
            if ((what & effect::invalidate_here) != 0) what |= effect::invalidate;
            if ((what & effect::predict_here) != 0) what |= effect::predict;
            if ((what & effect::forget_here) != 0) what |= effect::forget;
        }
        events_[size_++] = {what, thread, strength, source};
    }

    constexpr void add_steps(std::span<const std::string_view> steps, std::uint8_t thread) {
        for (const std::string_view step : steps)
            for (const action& a : rules_.actions) {
                if (a.step != step || !contains(a.paths, q_.path) || !known(a.when, q_.facts)) continue;
                for (const effects what : a.does)
                    if (what != 0) add(what, thread, a.strength, a.source);
            }
    }

    constexpr bool is(std::size_t at, effects what, basis weakest) const {
        return events_[at].strength <= weakest && (events_[at].what & what) != 0;
    }
    constexpr bool any(effects what, std::size_t from, std::size_t to, basis weakest) const {
        for (; from < to; ++from)
            if (is(from, what, weakest)) return true;
        return false;
    }

    constexpr bool ordered(std::size_t from, const need& first, std::size_t to, const need& second,
                           basis weakest) const {
        if (any(second.unless, from + 1, to, basis::inferred)) return false;
        if (events_[from].thread == events_[to].thread)
            return second.after == 0 || any(second.after, from + 1, to, weakest);
        // What is fetched after every other thread was synchronized, before the hand-over, is fetched anew; a load that
        // sees the hand-over comes after that, too.
        const bool fetched_anew = is(from, effect::sync_others, weakest) && is(to, effect::fetch, weakest);
        return released(from, first, weakest) && (fetched_anew || acquired(to, weakest));
    }

    // Before the hand-over: what the executor saw says that this had happened.
    constexpr bool released(std::size_t at, const need& n, basis weakest) const {
        // There the executor has seen, by itself or through another thread, the store and nothing that came after it.
        // If it was the store of the next generation, that came after all that the writer did for this one.
        if (q_.between == relation::third_party || q_.between == relation::load_to_fetch ||
            (q_.between == relation::same_location && q_.seen != witness::new_then_older))
            return at == 0;
        return n.published == 0 || any(n.published, at + 1, handed_over_ + 1, weakest);
    }

    // After the hand-over: this happens after the executor saw.
    constexpr bool acquired(std::size_t at, basis weakest) const {
        // Fetches are made in program order, and so is what follows them: there is nothing to order.
        const bool by_load = q_.between == relation::cross_thread || q_.between == relation::third_party ||
                             q_.between == relation::load_to_fetch || q_.between == relation::data;
        if (!by_load || rules_.loads_in_order) return true;
        const std::size_t begin = handed_over_ + 2;
        if (any(effect::loads_done, begin, at, weakest)) return true;
        for (std::size_t i = begin; i < at; ++i)
            if (is(i, effect::branch, weakest) && any(effect::sync | effect::forget_here, i + 1, at + 1, weakest))
                return true;
        if (rules_.sync_waits && any(effect::sync, begin, at + 1, weakest)) return true;
        if (is(at, effect::clean, weakest)) return any(effect::order_clean, begin, at, weakest);
        // The code that reads the data does not depend on the flag, but where it is may.
        const effects orders =
            q_.between == relation::data ? effect::order_loads : effect::order_loads | effect::depend;
        return is(at, effect::fetch, weakest) && any(orders, begin, at, weakest);
    }

    const architecture_rules& rules_;
    const question& q_;
    std::array<event, 64> events_{};
    std::size_t size_ = 0;
    std::size_t handed_over_ = 0;
    std::uint8_t fetcher_ = 0;
    bool overflow_ = false;
};

// Of the first of the steps that has a contract.
constexpr judgement judge_contract(const question& q) {
    for (const auto& steps : {q.writer, q.executor})
        for (const std::string_view step : steps)
            for (const contract& c : contracts)
                if (c.call == step) return {verdict::forbidden, c.strength, c.source, c.reason};
    return {verdict::unspecified, basis::inferred, "", "no contract bears on this"};
}

constexpr judgement judge(const architecture_rules& rules, const question& q) {
    if (q.seen == witness::wrong_errno) return judge_contract(q);
    for (const std::string_view step : q.writer)
        for (const contract& c : left_open)
            if (c.call == step) return {verdict::unspecified, c.strength, c.source, c.reason};
    // mprotect(2): an access that the protection does not permit is answered by SIGSEGV.
    if (races(q) && q.path == mapping::flip && q.seen == witness::fault)
        return {verdict::allowed, basis::kernel_abi, "mprotect(2)", "while the page is writable it cannot be executed"};

    const timeline t(rules, q);
    for (const statement& s : rules.statements) {
        if (!contains(s.between, q.between) || !contains(s.seen, q.seen) || !contains(s.paths, q.path)) continue;
        if (!known(s.when, q.facts) || !s.holds(q)) continue;
        if (s.with != 0 && !t.does(s.with)) continue;
        if (s.found[0].what == 0) return {s.ruling, s.strength, s.source, s.reason};
        for (unsigned level = 0; level <= static_cast<unsigned>(basis::inferred); ++level) {
            const auto weakest = static_cast<basis>(level);
            if (!t.has(s.found, weakest)) continue;
            if (weakest <= s.strength) return {s.ruling, s.strength, s.source, s.reason};
            const std::string_view source = t.source(weakest);
            return {s.ruling, weakest, source.empty() ? s.source : source, s.reason};
        }
    }
    return {verdict::unspecified, basis::inferred, "", "no statement of the architecture bears on this"};
}

}  // namespace cmodx
