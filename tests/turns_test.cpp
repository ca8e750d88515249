// SPDX-License-Identifier: Apache-2.0
#include "runner/bare/turns.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cmodx::bare {
namespace {

constexpr std::size_t piece = 16;

struct turns_of_memory : testing::Test {
    std::array<std::uint8_t, 10 * piece> room{};
    turns all{room.data(), room.data() + room.size()};
    std::uint8_t* at(std::size_t i) { return room.data() + i * piece; }
};

TEST_F(turns_of_memory, all_of_it_is_given_out_before_any_is_again) {
    for (unsigned round = 0; round < 3; ++round)
        for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(all.take(piece), at(i));
    EXPECT_EQ(all.take(10 * piece), at(0));
    EXPECT_EQ(all.take(10 * piece + 1), nullptr);
    EXPECT_EQ(all.take(9 * piece), at(0));
    EXPECT_EQ(all.take(2 * piece), at(0)) << "what is left at the end does not hold it";
}

// As a long run of one test does: its stubs are kept, and a batch takes more than what was there before them.
TEST_F(turns_of_memory, what_is_kept_is_passed_over_for_as_long_as_it_is) {
    all.take(3 * piece);
    std::uint8_t* const words = all.keep(piece);
    std::uint8_t* const stubs = all.keep(2 * piece);
    ASSERT_EQ(words, at(3));
    ASSERT_EQ(stubs, at(4));
    std::set<std::uint8_t*> given;
    for (unsigned i = 0; i < 1000; ++i) {
        const std::size_t size = piece * (1 + i % 4);
        std::uint8_t* const taken = all.take(size);
        ASSERT_NE(taken, nullptr);
        ASSERT_LE(taken + size, room.data() + room.size());
        ASSERT_TRUE(taken + size <= words || taken >= stubs + 2 * piece);
        given.insert(taken);
    }
    EXPECT_TRUE(given.contains(at(0)) && given.contains(at(6))) << "in front of it and behind it";
    EXPECT_EQ(all.take(5 * piece), nullptr);
    all.release();
    EXPECT_NE(all.take(5 * piece), nullptr);
}

TEST_F(turns_of_memory, what_is_kept_on_both_sides_of_the_end_is_passed_over) {
    all.take(8 * piece);
    std::uint8_t* const last = all.keep(2 * piece);
    std::uint8_t* const first = all.keep(piece);
    ASSERT_EQ(last, at(8));
    ASSERT_EQ(first, at(0));
    for (unsigned i = 0; i < 100; ++i) {
        std::uint8_t* const taken = all.take(2 * piece);
        ASSERT_TRUE(taken >= first + piece && taken + 2 * piece <= last);
    }
}

TEST_F(turns_of_memory, more_than_it_can_remember_is_not_kept) {
    std::size_t kept = 0;
    while (kept < 10 && all.keep(piece) != nullptr) ++kept;
    EXPECT_EQ(kept, 4u);
    for (unsigned i = 0; i < 12; ++i) EXPECT_GE(all.take(piece), at(4));
}

}  // namespace
}  // namespace cmodx::bare
