// SPDX-License-Identifier: Apache-2.0
#include "runner/linux/init.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string_view>

namespace cmodx {
namespace {

using words = std::vector<std::string>;

TEST(GuestArguments, EndWithAZeroByteEach) {
    using namespace std::string_view_literals;
    EXPECT_EQ(guest_arguments("run\0MP.RF*\0--budget\0002s\0"sv), (words{"run", "MP.RF*", "--budget", "2s"}));
    EXPECT_EQ(guest_arguments("a,b %\0\0\n\0"sv), (words{"a,b %", "", "\n"}));
    EXPECT_EQ(guest_arguments(""), words{});
}

TEST(GuestArguments, CutShortAreRefused) { EXPECT_THROW(guest_arguments("run"), std::runtime_error); }

TEST(Init, IsNotThisProcess) { EXPECT_FALSE(is_init({"/init"})); }

}  // namespace
}  // namespace cmodx
