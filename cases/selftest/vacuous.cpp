// SPDX-License-Identifier: Apache-2.0
// selftest.vacuous.*: a run that could not have seen anything is an error and no pass.
#include "cases/selftest/selftest.hpp"

namespace cmodx::selftest {
namespace {

struct still : anywhere {
    static constexpr std::string_view name = "selftest.vacuous.still";
    static constexpr std::string_view meaning = "never modifies its code";
    static constexpr come_to right = {"error", "vacuous: the site was never modified"};
    static void script(cmodx::script& s) { s.expect(s.run(), 0); }
};

struct idle : anywhere {
    static constexpr std::string_view name = "selftest.vacuous.idle";
    static constexpr std::string_view meaning = "never runs its code";
    static constexpr come_to right = {"error", "vacuous: the site was never run"};
    static void script(cmodx::script& s) { s.modify(1); }
};

struct blind : anywhere {
    static constexpr std::string_view name = "selftest.vacuous.blind";
    static constexpr std::string_view meaning = "sees one generation only";
    static constexpr come_to right = {"error", "vacuous: only one generation"};
    static void script(cmodx::script& s) {
        s.modify(0);
        s.expect(s.run(), 0);
    }
};

const define_selftest<still> still_entry;
const define_selftest<idle> idle_entry;
const define_selftest<blind> blind_entry;

}  // namespace
}  // namespace cmodx::selftest
