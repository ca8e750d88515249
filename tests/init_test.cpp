// SPDX-License-Identifier: Apache-2.0
#include "runner/linux/init.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace cmodx {
namespace {

using words = std::vector<std::string>;

TEST(GuestArguments, AreDecoded) {
    EXPECT_EQ(guest_arguments("console=ttyS0 panic=-1 cmodx.args=run,MP.RF*,--budget,2s"),
              (words{"run", "MP.RF*", "--budget", "2s"}));
    EXPECT_EQ(guest_arguments("cmodx.args=a%2Cb,%25,,%20x quiet\n"), (words{"a,b", "%", "", " x"}));
    EXPECT_EQ(guest_arguments("not.cmodx.args=wrong cmodx.args=right"), words{"right"});
}

TEST(GuestArguments, AreRefused) {
    for (const char* line : {"quiet", "", "not.cmodx.args=wrong", "cmodx.args=%", "cmodx.args=a%2", "cmodx.args=%zz"})
        EXPECT_THROW(guest_arguments(line), std::runtime_error) << line;
}

TEST(Init, IsNotThisProcess) { EXPECT_FALSE(is_init({"/init"})); }

}  // namespace
}  // namespace cmodx
