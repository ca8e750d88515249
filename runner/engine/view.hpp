// SPDX-License-Identifier: Apache-2.0
// What classify sees of one round of a shape that runs free: generations that threads saw, and their order.
#pragma once

#include "runner/engine/worker.hpp"

namespace cmodx {

class round_view {
  public:
    // `newest`: the newest generation that the code can have had up to now. `base`: what has been published for sure.
    // `leads`: the writer may have been at work meanwhile.
    round_view(const batch& in, const lane& l, std::uint32_t base, std::uint32_t newest, bool leads)
        : in_(in), lane_(l), base_(base), newest_(newest), leads_(leads) {}

    std::uint32_t observed(std::size_t slot) const { return lane_.observed(slot); }
    std::uint32_t flag() const { return base_; }

    // Whether the first fetch saw another value than the round before.
    bool changed() const { return observed(0) != lane_.last_value; }
    // Judges a fetched value against the generation `base` that is known to have been published.
    outcome compare(std::uint32_t value, std::uint32_t base) const {
        if (value == in_.tokens[base & 0xff]) [[likely]]
            return outcome::current;
        const int found = generation(value);
        if (found < 0) return outcome_of(witness::torn);
        const std::uint32_t modulus = in_.site->generations;
        const std::uint32_t lead = newest_ - base;
        if (lead >= modulus - (leads_ ? 1 : 0)) return outcome::ambiguous;
        const std::uint32_t ahead = (static_cast<std::uint32_t>(found) - base) & (modulus - 1);
        return ahead <= lead ? outcome::newer : outcome_of(witness::stale);
    }
    // The generation (modulo the site's) whose token `value` is; -1 for none.
    int generation(std::uint32_t value) const {
        const int found = generation_of(value, in_.site->token_bits);
        return found < in_.site->generations ? found : -1;
    }
    // Of a site of two instructions: the generation of the first or the second that ran; -1 for none.
    int part(std::uint32_t value, bool first) const {
        const std::uint32_t low = (1u << in_.site->first_bits) - 1;
        for (int g = 0; g < in_.site->generations; ++g)
            if (((in_.tokens[static_cast<std::size_t>(g)] ^ value) & (first ? low : ~low)) == 0) return g;
        return -1;
    }
    // The generation (modulo the site's) whose modified bytes begin with what load_code observed; -1 for none.
    int loaded(std::size_t slot) const {
        const std::uint32_t bytes = observed(slot) & in_.word_mask();
        for (int g = 0; g < in_.site->generations; ++g)
            if (in_.words[static_cast<std::size_t>(g)] == bytes) return g;
        return -1;
    }

    // By how many generations `found` (modulo the site's) lies behind the newest that the code can have had. The
    // writer never goes half the modulus ahead of what a shape that asks this has seen, so this is the true distance.
    std::uint32_t age(int found) const {
        return (newest_ - static_cast<std::uint32_t>(found)) & (in_.site->generations - 1u);
    }
    std::uint32_t newest() const { return newest_; }
    bool is_pair() const { return in_.site->first_bits != 0; }

  private:
    const batch& in_;
    const lane& lane_;
    std::uint32_t base_;
    std::uint32_t newest_;
    bool leads_;
};

// What the loops need to know of a shape's programs, at compile time.
template <class S>
struct traits {
    static constexpr bool fetches(act a) { return a == act::fetch || a == act::fetch_chosen || a == act::run; }
    static constexpr bool has(std::size_t thread, act a) {
        for (const event& e : S::programs[thread].events)
            if (e.what == a) return true;
        return false;
    }
    static constexpr bool runs_code(std::size_t thread) {
        for (const event& e : S::programs[thread].events)
            if (fetches(e.what)) return true;
        return false;
    }
    // The slot of the thread's first event of this kind; 0 without one.
    static constexpr std::size_t slot_of(std::size_t thread, act a) {
        for (const event& e : S::programs[thread].events)
            if (e.what == a) return e.slot;
        return 0;
    }
    static constexpr std::size_t first_fetch_of(std::size_t thread) {
        for (const event& e : S::programs[thread].events)
            if (fetches(e.what)) return e.slot;
        return 0;
    }
    static constexpr unsigned fetches_of(std::size_t thread) {
        unsigned count = 0;
        for (const event& e : S::programs[thread].events) count += fetches(e.what) ? 1 : 0;
        return count;
    }
    static constexpr bool flag_comes_first(std::size_t thread) {
        for (const event& e : S::programs[thread].events) {
            if (e.what == act::load_flag) return true;
            if (fetches(e.what)) return false;
        }
        return false;
    }

    static constexpr bool together = [] {
        if constexpr (requires { S::together; })
            return S::together;
        else
            return false;
    }();
    static constexpr std::uint16_t generations = [] {
        if constexpr (requires { S::needs_generations; })
            return S::needs_generations;
        else
            return std::uint16_t{2};
    }();

    static constexpr bool publishes = has(0, act::store_flag);
    static constexpr bool writer_observes = runs_code(0) && !together;
    static constexpr std::size_t observer = writer_observes ? 0 : std::size(S::programs) - 1;
    static constexpr bool reads_flag = has(observer, act::load_flag);
    static constexpr bool loads_code = has(observer, act::load_code);
    static constexpr std::size_t flag_slot = slot_of(observer, act::load_flag);
    static constexpr std::size_t code_slot = slot_of(observer, act::load_code);
    static constexpr std::size_t first_fetch = first_fetch_of(observer);
    static constexpr bool fetches_once = fetches_of(observer) == 1;
    // Its observers know from a flag, before they run the site, which generation it has.
    static constexpr bool waits = !together && !writer_observes && flag_comes_first(observer);
    // It tells later generations from earlier ones, and has no flag to do it by.
    static constexpr bool orders = !together && !writer_observes && !waits && generations > 2;
    // Generations go to locations 0 and 1 in turn.
    static constexpr bool alternates = has(observer, act::fetch_chosen);
};

// The oldest generation that the round saw the code have, by fetch or load.
template <class S>
std::uint32_t oldest_seen(const round_view& r) {
    std::uint32_t oldest = 0;  // age
    for (const event& e : S::programs[traits<S>::observer].events) {
        const auto saw = [&](int found) {
            if (found >= 0 && r.age(found) > oldest) oldest = r.age(found);
        };
        if (e.what == act::load_code) saw(r.loaded(e.slot));
        if (!traits<S>::fetches(e.what)) continue;
        const std::uint32_t value = r.observed(e.slot);
        saw(r.generation(value));
        if (r.generation(value) >= 0 || !r.is_pair()) continue;
        for (const bool first : {true, false}) saw(r.part(value, first));
    }
    return r.newest() - oldest;
}

}  // namespace cmodx
