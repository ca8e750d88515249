// SPDX-License-Identifier: Apache-2.0
// The sites of all four architectures: a block is what its layout says, and a torn patch does not read as whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "arch/aarch64/isa.hpp"
#include "arch/arm32/isa.hpp"
#include "arch/riscv64/isa.hpp"
#include "arch/token.hpp"
#include "arch/x86_64/isa.hpp"

namespace {

using namespace cmodx;
using bytes = std::vector<std::uint8_t>;

const architecture architectures[] = {describe<x86_64::isa>(), describe<aarch64::isa>(), describe<riscv64::isa>(),
                                      describe<arm32::isa>()};

// What `emit(code)` appends behind `before` bytes.
template <class Emit>
bytes emitted(std::size_t before, Emit&& emit) {
    bytes room(before + 65536);
    code_buffer code{room.data(), room.size(), before};
    emit(code);
    EXPECT_FALSE(code.full());
    return {room.begin() + static_cast<std::ptrdiff_t>(before), room.begin() + static_cast<std::ptrdiff_t>(code.size)};
}

bytes block_of(const site_layout& site, std::size_t before = 0) {
    return emitted(before, [&](code_buffer& code) { site.emit(code); });
}

bytes patch_of(const site_layout& site, unsigned generation) {
    return emitted(0, [&](code_buffer& code) { site.emit_patch(code, static_cast<std::uint8_t>(generation)); });
}

template <class Test>
void for_each_site(Test&& test) {
    for (const architecture& a : architectures) {
        for (const site_layout& site : a.sites) {
            SCOPED_TRACE(std::string(a.name) + " " + std::string(site.name));
            test(a, site);
        }
    }
}

const site_layout* find(const architecture& a, std::string_view name) {
    const auto found = std::ranges::find(a.sites, name, &site_layout::name);
    return found == a.sites.end() ? nullptr : &*found;
}

TEST(sites, every_architecture_has_the_same_for_everywhere) {
    for (const architecture& a : architectures) {
        std::set<std::string_view> names;
        for (const site_layout& site : a.sites) {
            if (site.by != tried::everywhere) continue;
            EXPECT_TRUE(names.insert(site.name).second) << a.name << site.name;
        }
        EXPECT_EQ(names, (std::set<std::string_view>{"imm", "branch", "nop_branch", "body", "literal"})) << a.name;
    }
}

TEST(sites, a_block_is_what_its_layout_says) {
    for_each_site([](const architecture& a, const site_layout& site) {
        const bytes block = block_of(site);
        ASSERT_EQ(block.size(), site.size);
        EXPECT_EQ(block_of(site, 48), block);  // position independent
        const std::size_t granule = granule_of(a, site);
        EXPECT_EQ(site.entry % granule, 0u);
        EXPECT_EQ(site.patch % granule, 0u);
        EXPECT_EQ(site.size % granule, 0u);
        EXPECT_TRUE(site.by != tried::one_way || site.generations == 2);
        EXPECT_LT(site.first_bits, site.token_bits);
        EXPECT_EQ(site.patch % site.alignment, 0u);
        EXPECT_GE(site.alignment, std::min<std::size_t>(site.patch_size, 16) > 8 ? 16u : site.patch_size);
        EXPECT_LT(site.entry, site.size);
        ASSERT_LE(site.patch + site.patch_size, site.size);
        EXPECT_TRUE(site.generations == 256 || site.generations == 16 || site.generations == 2);
        EXPECT_TRUE(site.token_bits >= 16 && site.token_bits <= 32);
        const bytes patch = patch_of(site, 0);
        ASSERT_EQ(patch.size(), site.patch_size);
        EXPECT_TRUE(std::equal(patch.begin(), patch.end(), block.begin() + site.patch));
    });
}

TEST(sites, generations_differ_and_repeat) {
    for_each_site([](const architecture&, const site_layout& site) {
        std::set<bytes> patches;
        for (unsigned g = 0; g < 256; ++g) {
            const bytes patch = patch_of(site, g);
            EXPECT_EQ(patch.size(), site.patch_size);
            EXPECT_EQ(patches.insert(patch).second, g < site.generations) << g;
            EXPECT_EQ(patch, patch_of(site, g % site.generations)) << g;
        }
    });
}

// The patch of g, but the units in `mask` are those of h's.
bytes mixture(const bytes& g, const bytes& h, unsigned mask, std::size_t unit) {
    bytes mixed = g;
    for (std::size_t i = 0; i < mixed.size(); ++i) {
        if (mask >> (i / unit) & 1) mixed[i] = h[i];
    }
    return mixed;
}

// Calls test(g, h, mixed) for each mixture, in units of `unit` bytes, that is the patch of neither g nor h.
template <class Test>
void for_each_mixture(const site_layout& site, std::size_t unit, Test&& test) {
    std::vector<bytes> patches;
    for (unsigned g = 0; g < site.generations; ++g) patches.push_back(patch_of(site, g));
    const unsigned masks = 1u << site.patch_size / unit;
    for (unsigned g = 0; g < patches.size(); ++g) {
        for (unsigned h = 0; h < g; ++h) {
            for (unsigned mask = 1; mask + 1 < masks; ++mask) {
                const bytes mixed = mixture(patches[g], patches[h], mask, unit);
                if (mixed != patches[g] && mixed != patches[h]) test(g, h, mixed);
            }
        }
    }
}

std::uint32_t little(const bytes& from, std::size_t at = 0) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{from.at(at + i)} << (8 * i);
    return value;
}

std::int32_t sign_extended(std::uint32_t value, unsigned bits) {
    return static_cast<std::int32_t>(value << (32 - bits)) >> (32 - bits);
}

// How an architecture's imm and branch are read back, from the manuals and not from the encoders.
struct reading {
    std::string_view name;
    std::uint32_t (*value)(std::uint32_t patch);  // what imm returns
    std::int32_t (*target)(std::uint32_t patch);  // where branch leads, from the first byte of the patch
};
const reading readings[] = {
    {"x86_64", [](std::uint32_t p) { return p; }, [](std::uint32_t p) { return 4 + static_cast<std::int32_t>(p); }},
    {"aarch64", [](std::uint32_t p) { return p >> 5 & 0xffff; },
     [](std::uint32_t p) { return 4 * sign_extended(p & 0x3ffffff, 26); }},
    {"riscv64", [](std::uint32_t p) { return p >> 12; },
     [](std::uint32_t p) {
         return sign_extended((p >> 31) << 20 | (p >> 12 & 0xff) << 12 | (p >> 20 & 1) << 11 | (p >> 21 & 0x3ff) << 1,
                              21);
     }},
    {"arm32", [](std::uint32_t p) { return (p >> 16 & 15) << 12 | (p & 0xfff); },
     [](std::uint32_t p) { return 8 + 4 * sign_extended(p & 0xffffff, 24); }},
};

const reading& reading_of(const architecture& a) { return *std::ranges::find(readings, a.name, &reading::name); }

TEST(sites, imm_holds_the_token_and_a_mixture_is_none) {
    for (const architecture& a : architectures) {
        SCOPED_TRACE(a.name);
        const site_layout& imm = *find(a, "imm");
        const auto value = reading_of(a).value;
        for (unsigned g = 0; g < 256; ++g) {
            EXPECT_EQ(value(little(patch_of(imm, g))), token(static_cast<std::uint8_t>(g), imm.token_bits));
        }
        std::size_t mixtures = 0;
        for_each_mixture(imm, std::min<std::size_t>(a.granule, 2), [&](unsigned g, unsigned h, const bytes& mixed) {
            ++mixtures;
            EXPECT_EQ(generation_of(value(little(mixed)), imm.token_bits), -1) << g << " " << h;
        });
        EXPECT_GT(mixtures, 10000u);
    }
}

TEST(sites, branch_leads_to_its_pad_and_a_mixture_to_one_that_tells) {
    for (const architecture& a : architectures) {
        SCOPED_TRACE(a.name);
        const site_layout& branch = *find(a, "branch");
        const bytes block = block_of(branch);
        constexpr std::size_t length = 8;  // bytes of a pad that tell one from another
        const auto pad_at = [&](const bytes& patch) {
            const std::int64_t at = branch.patch + std::int64_t{reading_of(a).target(little(patch))};
            const bool inside = at >= 0 && at + std::int64_t{length} <= branch.size;
            EXPECT_TRUE(inside) << at;
            return inside ? bytes(block.begin() + at, block.begin() + at + length) : bytes();
        };
        std::set<bytes> pads;
        for (unsigned g = 0; g < branch.generations; ++g) EXPECT_TRUE(pads.insert(pad_at(patch_of(branch, g))).second);
        std::set<bytes> torn;
        std::set<std::pair<unsigned, unsigned>> pairs;
        for_each_mixture(branch, 1, [&](unsigned g, unsigned h, const bytes& mixed) {
            torn.insert(pad_at(mixed));
            pairs.insert({g, h});
        });
        EXPECT_EQ(torn.size(), 1u);
        if (a.granule == 1) {
            EXPECT_EQ(pairs.size(), 16u * 15 / 2);  // whichever two, there is a mixture that tells
        }
        for (const bytes& pad : torn) EXPECT_FALSE(pads.contains(pad));
    }
}

// BRK may replace code that runs (DDI0487 B2.2.5) and UDF may not. On A32 BKPT may, too, but Linux has no handler for
// it and takes UDF.
TEST(sites, a_breakpoint_is_what_debuggers_take) {
    const auto trap_of = [](const architecture& a) { return emitted(0, [&](code_buffer& code) { a.trap(code); }); };
    EXPECT_EQ(trap_of(architectures[0]), (bytes{0xcc}));                    // int3
    EXPECT_EQ(trap_of(architectures[1]), (bytes{0x00, 0x00, 0x20, 0xd4}));  // brk #0
    EXPECT_EQ(trap_of(architectures[2]), (bytes{0x02, 0x90}));              // c.ebreak
    EXPECT_EQ(trap_of(architectures[3]), (bytes{0xf0, 0x00, 0xf0, 0xe7}));  // udf #0
}

TEST(sites, steps_have_names_of_their_own) {
    for (const architecture& a : architectures) {
        std::set<std::string_view> names;
        for (const step& s : a.steps) {
            EXPECT_TRUE(names.insert(s.name).second) << a.name << " " << s.name;
            EXPECT_FALSE(s.meaning.empty());
            for (location x = 0; x < locations; ++x) {
                const bytes code = emitted(0, [&](code_buffer& c) { s.emit(c, x); });
                EXPECT_EQ(code.size() % a.granule, 0u) << s.name;
                EXPECT_EQ(code, emitted(32, [&](code_buffer& c) { s.emit(c, x); })) << s.name;
            }
        }
        EXPECT_FALSE(names.contains("po"));
        const bytes trap = emitted(0, a.trap);
        EXPECT_EQ(trap.size(), a.granule);
    }
}

}  // namespace
