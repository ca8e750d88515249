// SPDX-License-Identifier: Apache-2.0
// Steps, rules and protocols agree on every architecture.
#include <gtest/gtest.h>

#include <string>

#include "tests/ask.hpp"

namespace cmodx {
namespace {

using namespace asking;

TEST(verdict, fault_while_a_page_is_writable_is_to_be_expected) {
    for (const known_architecture& a : architectures)
        EXPECT_EQ(
            answer(*a.rules, {.site = "nop_branch", .path = mapping::flip, .seen = witness::fault, .exclusive = false}),
            allowed);
}

TEST(verdict, every_step_of_a_back_end_is_known_to_its_rules) {
    for (const known_architecture& a : architectures) {
        EXPECT_EQ(a.isa.name, a.rules->name);
        for (const step& s : a.isa.steps) EXPECT_TRUE(knows(*a.rules, s.name)) << a.isa.name << " " << s.name;
    }
}

// The witness that a shape of this relation is about.
witness sought(relation between) {
    if (between == relation::same_location) return witness::new_then_old;
    if (between == relation::two_locations) return witness::second_first;
    if (between == relation::fetch_to_load || between == relation::fetch_to_data) return witness::fetch_then_old_data;
    return witness::stale;
}

TEST(verdict, protocols_are_made_of_steps_and_are_what_they_claim) {
    for (const known_architecture& a : architectures)
        for (const protocol& p : a.rules->protocols) {
            std::string name(a.isa.name);
            for (const step_list* list : {&p.writer, &p.executor})
                for (const std::string_view n : *list) {
                    name.append(list == &p.writer ? " " : " +").append(n);
                    bool exists = false;
                    for (const step& s : a.isa.steps) exists = exists || s.name == n;
                    EXPECT_TRUE(exists) << name;
                }
            // Where threads meet without a flag to wait for, on the site that may run while it changes.
            const bool waits = p.between == relation::same_thread || p.between == relation::cross_thread;
            // What the shapes imply that the protocol is for.
            names writer(p.writer.begin(), p.writer.end());
            names executor(p.executor.begin(), p.executor.end());
            if (p.use == purpose::translation) writer.insert(writer.begin(), "remap");
            if (p.use == purpose::by_turns) executor.insert(executor.begin(), "by_turns");
            const auto forbids = [&](const facts& f) {
                return judge(*a.rules, {p.between,
                                        waits ? "imm" : a.rules->twin_site,
                                        {},
                                        4,
                                        mapping::same,
                                        writer,
                                        executor,
                                        waits,
                                        sought(p.between),
                                        f})
                           .ruling == forbidden;
            };
            bool somewhere = false;
            for (const facts& f : machines_of(*a.rules)) somewhere = somewhere || forbids(f);
            if (p.from == protocol::origin::sufficient)
                EXPECT_TRUE(somewhere) << name;
            else
                EXPECT_FALSE(forbids({})) << name;
        }
}

TEST(verdict, the_twin_site_may_run_while_it_changes) {
    for (const known_architecture& a : architectures) {
        bool exists = false;
        for (const site_layout& s : a.isa.sites) exists = exists || s.name == a.rules->twin_site;
        EXPECT_TRUE(exists) << a.isa.name;
        EXPECT_EQ(answer(*a.rules, {.between = relation::concurrent,
                                    .machine = machines_of(*a.rules).back(),
                                    .site = a.rules->twin_site,
                                    .seen = witness::torn,
                                    .exclusive = false}),
                  forbidden)
            << a.isa.name;
    }
}

// More steps and more facts never take a guarantee back, except that a thread is moved.
TEST(verdict, is_monotonic) {
    for (const known_architecture& a : architectures)
        for (const protocol& p : a.rules->protocols)
            for (const facts& f : machines_of(*a.rules))
                for (const mapping path : {mapping::same, mapping::alias, mapping::flip}) {
                    question q = {p.between, "branch", {}, 4, path, p.writer, p.executor, true, sought(p.between), f};
                    if (judge(*a.rules, q).ruling != forbidden) continue;
                    for (const bool writer : {true, false})
                        for (const step& added : a.isa.steps) {
                            const step_list& list = writer ? p.writer : p.executor;
                            for (std::size_t at = 0; at <= list.size(); ++at) {
                                names more(list.begin(), list.end());
                                more.insert(more.begin() + static_cast<std::ptrdiff_t>(at), added.name);
                                (writer ? q.writer : q.executor) = more;
                                EXPECT_EQ(judge(*a.rules, q).ruling, forbidden) << a.isa.name << " " << added.name;
                                (writer ? q.writer : q.executor) = list;
                            }
                        }
                }
}

}  // namespace
}  // namespace cmodx
