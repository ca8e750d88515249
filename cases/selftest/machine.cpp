// SPDX-License-Identifier: Apache-2.0
// selftest.machine.*: what a test reports of the machine is judged as it should be: one forbidden execution in ten
// million fails.
#include "cases/selftest/selftest.hpp"

namespace cmodx::selftest {
namespace {

struct conforms : anywhere {
    static constexpr std::string_view name = "selftest.machine.conforms";
    static constexpr std::string_view meaning = "sees the new code each time";
    static constexpr come_to right = {"pass", ""};
    static void script(cmodx::script& s) { behave(s); }
};

// Modifies, and pretends to have seen what `value` says of generation g.
template <class F>
void pretend(script& s, F value) {
    s.expect(s.run(), 0);
    for (std::uint32_t g = 1; g <= 16; ++g) {
        s.modify(g);
        s.writer_steps();
        s.run();
        s.expect(value(g), g);
    }
}

struct stale : anywhere {
    static constexpr std::string_view name = "selftest.machine.stale";
    static constexpr std::string_view meaning = "sees the code before each time";
    static constexpr come_to right = {"fail", "stale seen"};
    static void script(cmodx::script& s) {
        pretend(s, [&](std::uint32_t g) { return s.token_of(g - 1); });
    }
};

struct torn : anywhere {
    static constexpr std::string_view name = "selftest.machine.torn";
    static constexpr std::string_view meaning = "sees what is neither old nor new each time";
    static constexpr come_to right = {"fail", "torn seen"};
    static void script(cmodx::script& s) {
        pretend(s, [&](std::uint32_t g) { return s.token_of(g) ^ 1; });
    }
};

struct fault : anywhere {
    static constexpr std::string_view name = "selftest.machine.fault";
    static constexpr std::string_view meaning = "runs into a trap beside its code";
    static constexpr come_to right = {"fail", "fault seen"};
    static void script(cmodx::script& s) {
        behave(s);
        s.image(s.memory().writable, s.memory().size, 1024, 0);
        platform::synchronize(s.memory().executable, s.memory().size);
        reinterpret_cast<void (*)()>(s.memory().executable)();
    }
};

struct once : anywhere {
    static constexpr std::string_view name = "selftest.machine.once";
    static constexpr std::string_view meaning = "sees the code before once in ten million executions";
    static constexpr come_to right = {"fail", "stale seen 1 of 100"};
    static void script(cmodx::script& s) {
        static bool done = false;
        behave(s);
        if (done) return;
        done = true;
        for (std::uint32_t n = 0; n < 10'000'000; ++n) s.expect(s.token_of(n == 7'654'321 ? 15 : 16), 16);
    }
};

struct lacks : anywhere {
    static constexpr std::string_view name = "selftest.machine.lacks";
    static constexpr std::string_view meaning = "finds that the machine denies what it needs";
    static constexpr come_to right = {"skip", "the machine has none"};
    static void script(cmodx::script& s) { s.refuse("the machine has none"); }
};

struct breaks : anywhere {
    static constexpr std::string_view name = "selftest.machine.breaks";
    static constexpr std::string_view meaning = "finds a fault of the harness, beside one of the machine";
    static constexpr come_to right = {"error", "the harness is at fault"};
    static void script(cmodx::script& s) {
        pretend(s, [&](std::uint32_t g) { return s.token_of(g - 1); });
        s.fail("the harness is at fault");
    }
};

const define_selftest<conforms> conforms_entry;
const define_selftest<stale> stale_entry;
const define_selftest<torn> torn_entry;
const define_selftest<fault> fault_entry;
const define_selftest<once> once_entry;
const define_selftest<lacks> lacks_entry;
const define_selftest<breaks> breaks_entry;

}  // namespace
}  // namespace cmodx::selftest
