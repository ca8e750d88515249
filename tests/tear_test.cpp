// SPDX-License-Identifier: Apache-2.0
// What `cmodx sweep torn` stores over: one store turns one generation into the other, and mixtures are told apart.
#include "tear.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace cmodx {
namespace {

std::vector<std::uint8_t> image(const tear_target& t, unsigned generation) {
    std::vector<std::uint8_t> bytes(64);
    code_buffer code{bytes.data(), bytes.size()};
    t.emit(code, generation);
    bytes.resize(code.size);
    return bytes;
}

TEST(tear, one_store_is_all_the_difference) {
    for (const tear_target& t : target::tear_targets) {
        const auto before = image(t, 0);
        const auto after = image(t, 1);
        ASSERT_EQ(before.size(), after.size());
        ASSERT_LE(before.size(), 32U);
        for (std::size_t i = 0; i < before.size(); ++i) {
            if (i < t.patch || i >= static_cast<std::size_t>(t.patch + t.width)) {
                EXPECT_EQ(before[i], after[i]) << t.meaning << i;
            }
        }
        EXPECT_NE(before[t.patch], after[t.patch]) << t.meaning;
    }
}

TEST(tear, whole_mixed_and_torn_are_told_apart) {
    for (const tear_target& t : target::tear_targets) {
        EXPECT_EQ(wholeness_of(t, t.value[0]), wholeness::old_or_new);
        EXPECT_EQ(wholeness_of(t, t.value[1]), wholeness::old_or_new);
        EXPECT_EQ(wholeness_of(t, t.value[1] ^ (t.value[1] & -t.value[1])), wholeness::torn) << t.meaning;
        if (t.pieces[1] != 0) {
            EXPECT_EQ(wholeness_of(t, t.value[1] & t.pieces[0]), wholeness::mixed) << t.meaning;
        }
    }
}

}  // namespace
}  // namespace cmodx
