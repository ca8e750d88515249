// SPDX-License-Identifier: Apache-2.0
// How a round is classified: generations that threads saw, modulo what a site can tell apart.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "arch/all.hpp"
#include "runner/engine/rounds.hpp"

namespace cmodx {
namespace {

// A batch at the immediate of x86-64, cut down to 16 generations where a test wants them scarce.
struct made_up {
    explicit made_up(std::uint16_t generations) : site(architectures[0].isa.sites[0]) {
        site.generations = generations;
        in->site = &site;
        for (unsigned g = 0; g < 256; ++g) {
            const auto generation = static_cast<std::uint8_t>(g % generations);
            in->tokens[g] = token(generation, site.token_bits);
            code_buffer patch{in->patches[g].data(), most_patch};
            site.emit_patch(patch, generation);
            std::memcpy(&in->words[g], in->patches[g].data(), sizeof in->words[g]);
        }
    }
    void observe(std::size_t slot, std::uint32_t value) { l->frame[word_of_observed(slot)] = value; }
    round_view view(std::uint32_t base, std::uint32_t newest, bool leads) const {
        return {*in, *l, base, newest, leads};
    }

    site_layout site;
    std::unique_ptr<batch> in = std::make_unique<batch>();
    std::unique_ptr<lane> l = std::make_unique<lane>();
};

TEST(view, compares_a_value_with_what_was_published) {
    const made_up m(16);
    const round_view r = m.view(20, 23, true);  // 21 to 23 may have been written meanwhile
    EXPECT_EQ(r.compare(m.in->tokens[20], 20), outcome::current);
    for (const unsigned g : {21u, 22u, 23u}) EXPECT_EQ(r.compare(m.in->tokens[g], 20), outcome::newer) << g;
    for (const unsigned g : {19u, 9u, 24u}) EXPECT_EQ(r.compare(m.in->tokens[g], 20), outcome_of(witness::stale)) << g;
    EXPECT_EQ(r.compare(0x12345678, 20), outcome_of(witness::torn));
}

TEST(view, says_that_generations_cannot_be_told_apart) {
    const made_up m(16);
    EXPECT_EQ(m.view(20, 36, true).compare(m.in->tokens[22], 20), outcome::ambiguous);
    EXPECT_EQ(m.view(20, 34, true).compare(m.in->tokens[35], 20), outcome_of(witness::stale));
    const made_up two(2);
    EXPECT_EQ(two.view(5, 6, true).compare(two.in->tokens[6], 5), outcome::ambiguous);
    EXPECT_EQ(two.view(5, 5, false).compare(two.in->tokens[4], 5), outcome_of(witness::stale));
}

TEST(view, ages_count_from_the_newest) {
    const made_up m(16);
    const round_view r = m.view(40, 41, true);
    EXPECT_EQ(r.age(r.generation(m.in->tokens[41])), 0u);
    EXPECT_EQ(r.age(r.generation(m.in->tokens[40])), 1u);
    EXPECT_EQ(r.age(r.generation(m.in->tokens[34])), 7u);  // half the modulus: as far as the writer goes ahead
}

TEST(view, knows_loaded_bytes) {
    made_up m(256);
    m.observe(2, m.in->words[200]);
    EXPECT_EQ(m.view(0, 0, true).loaded(2), 200);
    m.observe(2, m.in->words[200] ^ 1);
    EXPECT_EQ(m.view(0, 0, true).loaded(2), -1);
}

TEST(view, the_words_of_every_site_tell_its_generations_apart) {
    for (const known_architecture& a : architectures)
        for (const site_layout& site : a.isa.sites) {
            made_up m(2);
            m.site = site;
            for (unsigned g = 0; g < site.generations; ++g) {
                code_buffer patch{m.in->patches[g].data(), most_patch};
                site.emit_patch(patch, static_cast<std::uint8_t>(g));
                std::memcpy(&m.in->words[g], m.in->patches[g].data(), sizeof m.in->words[g]);
                m.in->words[g] &= m.in->word_mask();
            }
            for (unsigned g = 0; g < site.generations; ++g) {
                m.observe(0, m.in->words[g]);
                EXPECT_EQ(m.view(0, 0, true).loaded(0), static_cast<int>(g)) << a.isa.name << " " << site.name;
            }
        }
}

// Two threads write code, both write the flag of location 1; round 7.
TEST(view, a_meeting_tells_whose_values_were_seen) {
    made_up m(16);
    auto members = std::make_unique<std::array<worker, 2>>();
    m.in->members = members->data();
    const meeting_view r(*m.in, 2, 7);
    lane& l = (*members)[1].lanes[0];
    const auto ran = [&](std::uint32_t value) {
        l.frame[word_of_observed(0)] = value;
        return r.ran(1, 0);
    };
    EXPECT_EQ(ran(m.in->tokens[14]), 0);
    EXPECT_EQ(ran(m.in->tokens[15]), 1);
    EXPECT_EQ(ran(m.in->tokens[13]), meeting_view::old);
    EXPECT_EQ(ran(0), meeting_view::torn);
    const auto flag = [&](std::uint32_t value) {
        l.frame[word_of_observed(0)] = value;
        return r.flag(1, 0);
    };
    EXPECT_EQ(flag(meeting_view::value_of(7, 1)), 1);
    EXPECT_EQ(flag(meeting_view::value_of(6, 1)), meeting_view::old);
    EXPECT_EQ(flag(0), meeting_view::old);
    std::array<std::uint8_t, 4> bytes{};
    m.in->instances[0].places[0].patched = bytes.data();
    std::memcpy(bytes.data(), &m.in->words[15], 4);
    EXPECT_EQ(r.last_code(), 1);
    m.in->instances[0].flags[1].value = meeting_view::value_of(7, 0);
    EXPECT_EQ(r.last_flag(1), 0);
}

// One thread runs code and the other one writes it; to see it is as bad as not to.
struct seen_or_not {
    static constexpr std::string_view name = "seen_or_not";
    static constexpr event t0[] = {{act::store_code}};
    static constexpr event t1[] = {{act::fetch, 0, 0}};
    static constexpr program programs[] = {{t0}, {t1}};
    static outcome classify(const meeting_view& r) {
        const int ran = r.ran(1, 0);
        if (ran == r.torn) return outcome_of(witness::torn);
        return outcome_of(ran == r.old ? witness::stale : witness::fetch_then_old_data);
    }
};

TEST(view, who_runs_code_of_long_ago_is_not_judged_by_what_looks_new) {
    made_up m(16);
    auto members = std::make_unique<std::array<worker, 2>>();
    m.in->members = members->data();
    worker& w = (*members)[1];
    w.in = m.in.get();
    w.fetches = 1;
    w.lanes[0].of = &m.in->instances[0];
    std::array<std::uint8_t, 64> bytes{};
    m.in->instances[0].places[0].patched = bytes.data();
    const auto concluded = [&](unsigned round, std::uint32_t value) {
        m.in->instances[0].round = round;
        lane& l = w.lanes[0];
        l.frame[word_of_observed(0)] = value;
        const tally before = w.counts;
        note_age<seen_or_not>(w, l, round);
        conclude<seen_or_not>(w);
        EXPECT_EQ(w.counts.rounds, before.rounds + 1);
        std::size_t what = 0;
        while (what < before.count.size() && w.counts.count[what] == before.count[what]) ++what;
        EXPECT_EQ(w.counts.fresh, before.fresh + (static_cast<outcome>(what) != outcome::ambiguous));
        return static_cast<outcome>(what);
    };
    EXPECT_EQ(concluded(20, m.in->tokens[20]), outcome_of(witness::fetch_then_old_data));
    for (unsigned round = 21; round < 36; ++round)
        EXPECT_EQ(concluded(round, m.in->tokens[20]), outcome_of(witness::stale)) << round;
    EXPECT_EQ(concluded(36, m.in->tokens[20]), outcome::ambiguous);  // it looks new, and is sixteen rounds old
    EXPECT_EQ(concluded(37, m.in->tokens[20]), outcome_of(witness::stale));
    EXPECT_EQ(concluded(38, m.in->tokens[20]), outcome_of(witness::stale));
    EXPECT_EQ(concluded(39, 0), outcome_of(witness::torn));
}

}  // namespace
}  // namespace cmodx
