// SPDX-License-Identifier: Apache-2.0
#include "drive/piece.hpp"

#include <algorithm>
#include <cstdio>

namespace cmodx::subjects {
namespace {

constexpr std::size_t granule = 16;  // bytes: pieces are of whole ones
constexpr unsigned placings = 64;    // until a subject's addresses are given up on
constexpr unsigned places = 8;       // that are refused one after the other until it refuses them all

unsigned refusals = 0;  // a test has a process of its own
bool any_accepted = false;

std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

}  // namespace

std::uint8_t* base_of(const piece& p) { return static_cast<std::uint8_t*>(p.code.run); }

piece make(script& s, const cmodx_subject& by, level as, std::uint32_t g, std::size_t at, std::size_t size) {
    piece p;
    p.bytes = as == level::bytes || (as == level::any && by.alloc != nullptr && by.publish != nullptr);
    if (!p.bytes) {
        p.error = by.emit(&p.code, static_cast<std::uint8_t>(g));
        return p;
    }
    p.at = at;
    const std::size_t least = std::max(size, at + s.parts().site->size);
    std::vector<std::uint8_t> bytes((least + granule - 1) / granule * granule);
    s.image(bytes.data(), bytes.size(), at, g);
    p.error = by.alloc(&p.code, bytes.data(), bytes.size());
    if (p.error == 0) p.error = by.publish(&p.code);
    return p;
}

piece make_across(script& s, const cmodx_subject& by, std::size_t boundary, std::size_t before, std::uint32_t g) {
    const site_layout& site = *s.parts().site;
    const std::size_t unit = boundary < s.page() ? 2 * boundary : boundary;
    const auto offset_for = [&](std::uintptr_t base) {
        return (boundary + 2 * unit - before - site.patch - base % unit) % unit;
    };
    std::uintptr_t base = 0;
    std::size_t size = 0;
    for (unsigned i = 0; i < placings; ++i) {
        // Of one size, so that the place of the last one serves again.
        size = std::max(size, unit + site.size);
        piece p = make(s, by, level::bytes, g, offset_for(base), size);
        if (p.error != 0) return p;
        base = address(p.code.run);
        if (p.at == offset_for(base)) return p;
        by.drop(&p.code);
    }
    piece none;
    none.error = -1;
    return none;
}

int modify(script& s, const cmodx_subject& by, piece& p, std::uint32_t g) {
    if (!p.bytes) return by.retarget(&p.code, static_cast<std::uint8_t>(g));
    const std::span<const std::uint8_t> bytes = s.patch(g);
    return by.patch(&p.code, p.at + s.parts().site->patch, bytes.data(), bytes.size());
}

std::uint32_t run(script& s, const cmodx_subject& by, const piece& p) {
    const site_layout& site = *s.parts().site;
    void* const entry = p.bytes ? base_of(p) + p.at + site.entry + site.state : p.code.run;
    const int value = by.call != nullptr ? by.call(entry) : reinterpret_cast<int (*)()>(address(entry))();
    if (p.bytes) return static_cast<std::uint32_t>(value);
    return value < 0 || value > 0xff ? torn_token : s.token_of(static_cast<std::uint32_t>(value));
}

void aim(script& s, const piece& p) {
    if (p.bytes) s.aim(base_of(p), base_of(p), p.code.size, p.at);
}

bool expect(script& s, const piece& p, std::uint32_t value, std::uint32_t g) {
    if (value != s.token_of(g)) aim(s, p);
    return s.expect(value, g);
}

void refused(script& s, const cmodx_subject& by, int error) {
    if (any_accepted || ++refusals < places) return;
    const char* const text = by.text != nullptr ? by.text(error) : nullptr;
    char line[200];
    if (text != nullptr)
        std::snprintf(line, sizeof line, "the subject refuses: %s", text);
    else
        std::snprintf(line, sizeof line, "the subject refuses: error %d", error);
    s.refuse(kept(line));
}

void accepted() { any_accepted = true; }

}  // namespace cmodx::subjects
