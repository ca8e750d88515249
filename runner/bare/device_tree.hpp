// SPDX-License-Identifier: Apache-2.0
// Nodes and properties of a flattened device tree (Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format").
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace cmodx::bare {

inline std::uint32_t big_endian(const std::uint8_t* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

// Calls on_node(name) and on_property(name, value), which returns whether to go on; null stands for no tree.
template <class OnNode, class OnProperty>
void walk_tree(const std::uint8_t* tree, OnNode&& on_node, OnProperty&& on_property) {
    constexpr std::uint32_t magic = 0xd00dfeed;
    enum token : std::uint32_t { begin_node = 1, end_node = 2, has_property = 3, nothing = 4 };
    if (tree == nullptr || big_endian(tree) != magic) return;
    const std::uint8_t* at = tree + big_endian(tree + 8);
    const auto* const names = reinterpret_cast<const char*>(tree + big_endian(tree + 12));
    for (;;) {
        const std::uint32_t what = big_endian(at);
        at += 4;
        if (what == begin_node) {
            const std::string_view name = reinterpret_cast<const char*>(at);
            on_node(name);
            at += (name.size() + 4) / 4 * 4;
        } else if (what == has_property) {
            const std::uint32_t size = big_endian(at);
            if (!on_property(std::string_view(names + big_endian(at + 4)),
                             std::string_view(reinterpret_cast<const char*>(at + 8), size)))
                return;
            at += 8 + (size + 3) / 4 * 4;
        } else if (what != end_node && what != nothing) {
            return;
        }
    }
}

// The first property of that name; empty without one.
inline std::string_view property(const std::uint8_t* tree, std::string_view wanted) {
    std::string_view found;
    walk_tree(
        tree, [](std::string_view) {},
        [&](std::string_view name, std::string_view value) {
            if (name == wanted) found = value;
            return name != wanted;
        });
    return found;
}

// How many nodes have a name that begins so.
inline unsigned count_nodes(const std::uint8_t* tree, std::string_view begin) {
    unsigned count = 0;
    walk_tree(
        tree, [&](std::string_view name) { count += name.starts_with(begin); },
        [](std::string_view, std::string_view) { return true; });
    return count;
}

// What the image was started with, /chosen/bootargs.
inline std::string_view boot_arguments(const std::uint8_t* tree) {
    const std::string_view value = property(tree, "bootargs");
    return value.substr(0, value.find('\0'));
}

}  // namespace cmodx::bare
