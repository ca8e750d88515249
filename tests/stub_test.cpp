// SPDX-License-Identifier: Apache-2.0
// The back end of the target, executed: every event, every step that the machine has, every site in every generation.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "arch/token.hpp"
#include "facts.hpp"
#include "linux.hpp"

namespace {

using namespace cmodx;
using isa = target::isa;
using word = std::uintptr_t;

constexpr std::size_t page = 4096;
constexpr std::size_t area = 16 * page;

void clear_cache(char* begin, char* end) { __builtin___clear_cache(begin, end); }

word address_of(const void* pointer) { return reinterpret_cast<word>(pointer); }

// Memory that is readable, writable and executable for a stub and, in its second half, for a site.
class bench {
  public:
    bench() {
        void* got = mmap(nullptr, 2 * area, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (got == MAP_FAILED) std::abort();
        stub = static_cast<std::uint8_t*>(got);
        site = stub + area;
        frame[word_of(field::clear_cache, 0)] = address_of(reinterpret_cast<void*>(&clear_cache));
        frame[word_of(field::page, 0)] = address_of(site);
        frame[word_of(field::page_length, 0)] = area;
        frame[word_of(field::scratch, 0)] = address_of(scratch);
        for (location x = 0; x < locations; ++x) {
            frame[word_of(field::source, x)] = address_of(source);
            frame[word_of(field::flag, x)] = address_of(&flag[x]);
        }
    }
    ~bench() { munmap(stub, 2 * area); }
    bench(const bench&) = delete;
    bench& operator=(const bench&) = delete;

    // Where location x's modified bytes lie.
    void aim(location x, std::uint8_t* entry, std::uint8_t* first, std::size_t length) {
        frame[word_of(field::site, x)] = address_of(entry);
        frame[word_of(field::target, x)] = address_of(first);
        frame[word_of(field::begin, x)] = address_of(first);
        frame[word_of(field::end, x)] = address_of(first + length);
    }

    // Assembles and executes a stub of the events that `events(code)` appends.
    template <class Events>
    void run(Events&& events) {
        code_buffer code{stub, area};
        isa::prologue(code);
        events(code);
        isa::epilogue(code);
        ASSERT_FALSE(code.full());
        clear_cache(reinterpret_cast<char*>(stub), reinterpret_cast<char*>(stub + code.size));
        reinterpret_cast<void (*)(word*)>(stub)(frame);
    }

    word observed(std::size_t slot) const { return frame[word_of_observed(slot)]; }
    word status() const { return frame[word_of(field::status, 0)]; }

    std::uint8_t* stub;
    std::uint8_t* site;
    word frame[frame_words] = {};
    alignas(16) std::uint8_t scratch[64] = {};
    alignas(16) std::uint8_t source[256] = {};
    std::uint32_t flag[locations] = {};
};

TEST(stub, store_code_copies_as_many_bytes_as_it_is_told) {
    bench b;
    for (std::size_t i = 0; i < sizeof b.source; ++i) b.source[i] = static_cast<std::uint8_t>(i + 1);
    for (std::size_t size = 1; size <= 200; ++size) {
        for (location x = 0; x < locations; ++x) {
            std::memset(b.site, 0, 256);
            b.aim(x, b.site, b.site + 16, size);
            b.run([&](code_buffer& code) { isa::store_code(code, x, size); });
            EXPECT_EQ(std::memcmp(b.site + 16, b.source, size), 0) << size;
            EXPECT_EQ(b.site[15], 0) << size;
            EXPECT_EQ(b.site[16 + size], 0) << size;
        }
    }
}

TEST(stub, flags_and_code_are_observed_in_their_slots) {
    for (const bool ordered : {false, true}) {
        bench b;
        b.frame[word_of(field::value, 1)] = 0x89abcdef;
        std::memcpy(b.site, "\x78\x56\x34\xf2", 4);
        b.aim(1, b.site, b.site, 4);
        b.run([&](code_buffer& code) {
            isa::load_flag(code, 1, 0, ordered);
            isa::store_flag(code, 1, ordered);
            isa::load_flag(code, 1, 1, ordered);
            isa::load_code(code, 1, 3);
        });
        EXPECT_EQ(b.observed(0), 0u);
        EXPECT_EQ(b.observed(1), 0x89abcdefu);
        EXPECT_EQ(b.observed(2), 0u);
        EXPECT_EQ(b.observed(3), 0xf2345678u);
        EXPECT_EQ(b.flag[1], 0x89abcdefu);
        EXPECT_EQ(b.flag[0], 0u);
    }
}

TEST(stub, protect_makes_code_writable_and_executable_in_turn) {
    bench b;
    const site_layout& imm = isa::sites[0];
    code_buffer block{b.site, area};
    imm.emit(block);
    code_buffer patch{b.source, sizeof b.source};
    imm.emit_patch(patch, 7);
    b.aim(0, b.site + imm.entry, b.site + imm.patch, imm.patch_size);
    b.run([&](code_buffer& code) {
        isa::protect(code, true);
        isa::fetch(code, 0, 0);
        isa::protect(code, false);
        isa::store_code(code, 0, imm.patch_size);
        isa::protect(code, true);
    });
    clear_cache(reinterpret_cast<char*>(b.site), reinterpret_cast<char*>(b.site + imm.size));
    b.run([&](code_buffer& code) { isa::fetch(code, 0, 1); });
    EXPECT_EQ(b.status(), 0u);
    EXPECT_EQ(b.observed(0), token(0, imm.token_bits));
    EXPECT_EQ(b.observed(1), token(7, imm.token_bits));
}

TEST(stub, a_failed_system_call_shows_in_the_status) {
    bench b;
    b.frame[word_of(field::page, 0)] += 1;
    b.run([](code_buffer& code) { isa::protect(code, true); });
    EXPECT_NE(b.status(), 0u);
}

// Facts of this machine, and whether membarrier could be registered.
std::map<std::string, std::string, std::less<>> facts() {
    std::map<std::string, std::string, std::less<>> all;
    const auto add = [&](std::string_view key, std::string_view value) { all[std::string(key)] = value; };
    target::collect_facts(add);
    target::collect_linux_facts(add);
    constexpr int register_private_expedited_sync_core = 1 << 6;
    const bool registered = syscall(SYS_membarrier, register_private_expedited_sync_core, 0, 0) == 0;
    all["membarrier_sync_core"] = registered ? "1" : "0";
    return all;
}

TEST(stub, every_step_that_this_machine_has_returns_and_keeps_the_flag) {
    const auto known = facts();
    std::string absent;
    for (const step& s : isa::steps) {
        const auto need = known.find(s.needs);
        if (!s.needs.empty() && (need == known.end() || need->second != "1")) {
            absent += std::string(absent.empty() ? "" : " ") + std::string(s.name);
            continue;
        }
        SCOPED_TRACE(s.name);
        for (location x = 0; x < locations; ++x) {
            bench b;
            b.flag[x] = 0x87654321;
            b.frame[word_of(field::value, x)] = 0x11223344;
            code_buffer block{b.site, area};
            isa::sites[0].emit(block);
            b.aim(x, b.site + isa::sites[0].entry, b.site + 5, 300);
            b.frame[word_of(field::target, x)] = address_of(b.source);  // for the steps that name it
            b.frame[word_of(field::end, x)] = address_of(b.site + 5 + sizeof b.source);
            b.run([&](code_buffer& code) {
                s.emit(code, x);
                isa::load_flag(code, x, 0, true);
                s.emit(code, x);
                for (const step& other : isa::steps) {  // ctrl, which reads what was loaded
                    if (other.name == "ctrl") other.emit(code, x);
                }
                isa::store_flag(code, x, true);
                isa::load_flag(code, x, 1, true);
                isa::fetch(code, x, 2);
            });
            EXPECT_EQ(b.status(), 0u);
            EXPECT_EQ(b.observed(0), 0x87654321u);
            EXPECT_EQ(b.observed(1), 0x11223344u);
            EXPECT_EQ(b.observed(2), token(0, isa::sites[0].token_bits));
            EXPECT_EQ(b.frame[word_of(field::site, x)],
                      address_of(b.site + isa::sites[0].entry));  // which addr rewrites
        }
    }
    if (!absent.empty()) RecordProperty("absent", absent);
    if (!absent.empty()) std::printf("steps that this machine does not have: %s\n", absent.c_str());
}

// Modifies the site as a test does, with the compiler's cache maintenance between.
TEST(stub, every_site_returns_the_token_of_its_generation) {
    for (const site_layout& layout : isa::sites) {
        SCOPED_TRACE(layout.name);
        bench b;
        for (location x = 0; x < locations; ++x) {
            std::uint8_t* const base = b.site + (x == 0 ? 0 : area / 2);
            code_buffer block{base, area / 2};
            layout.emit(block);
            ASSERT_EQ(block.size, layout.size);
            b.aim(x, base + layout.entry + layout.state, base + layout.patch, layout.patch_size);
        }
        for (unsigned g = 0; g < 2u * layout.generations && g < 256; ++g) {
            for (location x = 0; x < locations; ++x) {
                code_buffer patch{b.source, sizeof b.source};
                layout.emit_patch(patch, static_cast<std::uint8_t>(g));
                ASSERT_EQ(patch.size, layout.patch_size);
                b.run([&](code_buffer& code) { isa::store_code(code, x, layout.patch_size); });
                const word begin = b.frame[word_of(field::begin, x)];
                clear_cache(reinterpret_cast<char*>(begin), reinterpret_cast<char*>(begin + layout.patch_size));
                b.run([&](code_buffer& code) {
                    isa::fetch(code, x, 0);
                    isa::load_code(code, x, 1);
                    isa::fetch(code, x, 2);
                });
                std::uint32_t first_bytes = 0;
                std::memcpy(&first_bytes, b.source, std::min<std::size_t>(4, layout.patch_size));
                const auto expected = token(static_cast<std::uint8_t>(g % layout.generations), layout.token_bits);
                EXPECT_EQ(b.observed(0), expected) << g;
                const word mask = layout.patch_size < 4 ? (word{1} << 8 * layout.patch_size) - 1 : 0xffffffff;
                EXPECT_EQ(b.observed(1) & mask, first_bytes) << g;
                EXPECT_EQ(b.observed(2), expected) << g;
            }
        }
    }
}

// Patches of two generations, the front of one and the back of the other: what runs is one of them or neither, and is
// never taken for a third.
TEST(stub, a_torn_patch_is_not_the_token_of_another_generation) {
    for (const site_layout& layout : isa::sites) {
        if (layout.name != "imm" && layout.name != "branch") continue;
        SCOPED_TRACE(layout.name);
        bench b;
        code_buffer block{b.site, area};
        layout.emit(block);
        b.aim(0, b.site + layout.entry, b.site + layout.patch, layout.patch_size);
        constexpr std::size_t unit = isa::granule == 1 ? 1 : 2;
        std::size_t torn = 0;
        for (unsigned g = 0; g < layout.generations; g += layout.generations == 256 ? 17 : 1) {
            for (unsigned h = 0; h < layout.generations; h += layout.generations == 256 ? 17 : 1) {
                for (std::size_t cut = unit; cut < layout.patch_size; cut += unit) {
                    code_buffer front{b.site + layout.patch, layout.patch_size};
                    layout.emit_patch(front, static_cast<std::uint8_t>(g));
                    code_buffer back{b.source, sizeof b.source};
                    layout.emit_patch(back, static_cast<std::uint8_t>(h));
                    std::memcpy(b.site + layout.patch + cut, b.source + cut, layout.patch_size - cut);
                    clear_cache(reinterpret_cast<char*>(b.site), reinterpret_cast<char*>(b.site + layout.size));
                    b.run([](code_buffer& code) { isa::fetch(code, 0, 0); });
                    const int seen = generation_of(static_cast<std::uint32_t>(b.observed(0)), layout.token_bits);
                    torn += seen == -1;
                    EXPECT_TRUE(seen == -1 || seen == static_cast<int>(g) || seen == static_cast<int>(h)) << g << h;
                }
            }
        }
        // The halves of a branch that is never fetched in two need not both differ.
        EXPECT_GE(torn, isa::granule < 4 || layout.name == "imm" ? 100u : 0u);
    }
}

TEST(stub, the_clock_advances_where_there_is_one) {
    const std::uint64_t before = target::ticks();
    for (int i = 0; i < 100000; ++i) target::pause();
    const std::uint64_t after = target::ticks();
    EXPECT_TRUE(after > before || (after == 0 && before == 0));
}

TEST(stub_death, the_trap_raises_a_signal) {
    bench b;
    EXPECT_DEATH(b.run([](code_buffer& code) { isa::trap(code); }), "");
}

}  // namespace
