// SPDX-License-Identifier: Apache-2.0
// Remap: an address where code has run comes to mean another page with other code, and a third, and the first again;
// what is in them never changes.
//
//     T0                       T1
//                              fetch x    code of the old page
//     unmap x
//     steps
//     map x      new page
//     store flag               load flag
//                              steps
//                              fetch x    must be code of the new page
//
// Remap.Asid: a CPU goes from one address space to the other and back, in which the address means different pages.
// Nothing is invalidated: the spaces have numbers of their own. Remap.Shared: they have the same.
#include "cases/bare/rounds.hpp"

namespace cmodx {
namespace {

constexpr std::uint32_t pages = 4;  // that take turns at the address; each holds the generation of its number

struct turning {
    std::array<platform::code_memory, pages> memory;
    std::size_t offset = 0;

    // Every page has been mapped and maintained where it will run.
    bool prepare(script& s, const kernel& k) {
        if (k.window() == nullptr) {
            s.refuse("there are no page tables");
            return false;
        }
        offset = s.place();
        for (std::uint32_t i = pages; i-- > 0;) {
            memory[i] = platform::map(mapping::same, s.extent());
            if (memory[i].executable == nullptr) {
                s.refuse(memory[i].failure);
                return false;
            }
            lay_out(s, k, memory[i], offset, i, access::all);
        }
        s.aim(k.window(), k.window(), memory[0].size, offset);
        return true;
    }
    void put(script& s, const kernel& k, unsigned space, std::uint32_t g) const {
        for (std::size_t p = 0; p < memory[0].size / s.page(); ++p)
            k.set_page(space, p, memory[g % pages].writable + p * s.page(), access::all);
    }
};

struct remap {
    static constexpr std::string_view name = "Remap";
    static constexpr std::string_view meaning =
        "an address where code has run comes to mean another page with other code";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::cross_thread;
    static constexpr implied_step implied[] = {{"remap", 0, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::stale, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr purpose use = purpose::translation;
    static constexpr unsigned cpus = 2;
    static constexpr bool maps = true;
    static constexpr bool twins = true;

    static void script(cmodx::script& s) {
        const kernel& k = *platform::as_kernel();
        turning t;
        if (!t.prepare(s, k)) return;
        const auto write = [&](std::uint32_t g) {
            // The old entry goes before the new one comes, as Arm wants it where contents differ (DDI0487, "Using
            // break-before-make when updating translation table entries").
            for (std::size_t p = 0; p < t.memory[0].size / s.page(); ++p) k.set_page(0, p, nullptr, access::none);
            s.wrote();
            s.writer_steps();
            t.put(s, k, 0, g);
            s.publish(g);
        };
        take_turns(s, write, [](std::uint32_t g) { return g % pages; });
    }
};

template <bool Shared>
struct remap_by_asid {
    static constexpr std::string_view name = Shared ? "Remap.Shared" : "Remap.Asid";
    static constexpr std::string_view meaning =
        Shared ? "a CPU changes to page tables by which an address means other code, and keeps its ASID or PCID"
               : "a CPU changes to page tables by which an address means other code, with an ASID or PCID of their own";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{Shared ? "switch_space" : "switch_asid"}};
    static constexpr witness seeks[] = {witness::stale, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr bool maps = true;
    static constexpr bool without_steps = true;

    static void script(cmodx::script& s) {
        const kernel& k = *platform::as_kernel();
        turning t;
        if (!t.prepare(s, k)) return;
        if (!k.tagged())
            return s.refuse("there are no ASIDs or PCIDs: what changes page tables forgets all translations");
        t.put(s, k, 1, 1);
        k.forget_tag(0);
        k.forget_tag(1);
        for (std::uint32_t g = 0; g < rounds_of_a_call && !s.over(); ++g) {
            const unsigned space = g % 2;
            k.enter_space(space, Shared ? 0 : space);
            s.wrote();
            s.expect(s.run(), space);
        }
        k.enter_space(0, 0);
        k.forget_tag(0);
        k.forget_tag(1);
    }
};

const define_script<remap> by_address;
const define_script<remap_by_asid<false>> by_asid;
const define_script<remap_by_asid<true>> with_one_asid;

}  // namespace
}  // namespace cmodx
