// SPDX-License-Identifier: Apache-2.0
// Properties of a flattened device tree (Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format").
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace cmodx::bare {

inline std::uint32_t big_endian(const std::uint8_t* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

// The first property of that name; empty without one, or without a tree.
inline std::string_view property(const std::uint8_t* tree, std::string_view wanted) {
    constexpr std::uint32_t magic = 0xd00dfeed;
    enum token : std::uint32_t { begin_node = 1, end_node = 2, has_property = 3, nothing = 4 };
    if (tree == nullptr || big_endian(tree) != magic) return {};
    const std::uint8_t* at = tree + big_endian(tree + 8);
    const auto* const names = reinterpret_cast<const char*>(tree + big_endian(tree + 12));
    for (;;) {
        const std::uint32_t what = big_endian(at);
        at += 4;
        if (what == begin_node) {
            at += (std::strlen(reinterpret_cast<const char*>(at)) + 4) / 4 * 4;
        } else if (what == has_property) {
            const std::uint32_t size = big_endian(at);
            const std::string_view name = names + big_endian(at + 4);
            if (name == wanted) return {reinterpret_cast<const char*>(at + 8), size};
            at += 8 + (size + 3) / 4 * 4;
        } else if (what != end_node && what != nothing) {
            return {};
        }
    }
}

// What the image was started with, /chosen/bootargs.
inline std::string_view boot_arguments(const std::uint8_t* tree) {
    const std::string_view value = property(tree, "bootargs");
    return value.substr(0, value.find('\0'));
}

}  // namespace cmodx::bare
