// SPDX-License-Identifier: Apache-2.0
// Nodes and properties of a flattened device tree (Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format").
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace cmodx::bare {

// The memory in which a tree lies, of which it may fill a part; empty: there is none.
using tree_room = std::span<const std::uint8_t>;
inline constexpr std::size_t most_tree = 2 << 20;  // bytes; QEMU's are of 1 MiB at most
inline tree_room tree_at(const std::uint8_t* place) { return {place, place == nullptr ? 0 : most_tree}; }

inline std::uint32_t big_endian(const std::uint8_t* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

namespace detail {

// A part of the tree; empty if it does not lie in it.
inline tree_room part(tree_room tree, std::uint32_t offset, std::uint32_t size) {
    return offset > tree.size() || size > tree.size() - offset ? tree_room{} : tree.subspan(offset, size);
}
// What stands at an offset up to the zero that ends it; null if none does.
inline const char* text(tree_room in, std::size_t offset) {
    if (offset >= in.size() || std::memchr(in.data() + offset, 0, in.size() - offset) == nullptr) return nullptr;
    return reinterpret_cast<const char*>(in.data() + offset);
}

}  // namespace detail

// Calls on_node(name) and on_property(name, value), which returns whether to go on. Nothing outside the tree is read,
// whatever it says; it ends where it is damaged.
template <class OnNode, class OnProperty>
void walk_tree(tree_room room, OnNode&& on_node, OnProperty&& on_property) {
    constexpr std::uint32_t magic = 0xd00dfeed;
    constexpr std::size_t head = 40;  // bytes, of version 17
    enum token : std::uint32_t { begin_node = 1, end_node = 2, has_property = 3, nothing = 4 };
    if (room.size() < head || big_endian(room.data()) != magic || big_endian(room.data() + 20) < 17) return;
    const auto word = [&](std::size_t n) { return big_endian(room.data() + 4 * n); };
    const tree_room tree = detail::part(room, 0, word(1));
    const tree_room names = detail::part(tree, word(3), word(8));
    tree_room left = detail::part(tree, word(2), word(9));
    const auto pass = [&](std::size_t size) {  // and what it is filled up to four bytes with
        left = left.subspan(std::min((size + 3) / 4 * 4, left.size()));
    };
    while (left.size() >= 4) {
        const std::uint32_t what = big_endian(left.data());
        pass(4);
        if (what == begin_node) {
            const char* const name = detail::text(left, 0);
            if (name == nullptr) return;
            on_node(std::string_view(name));
            pass(std::strlen(name) + 1);
        } else if (what == has_property) {
            if (left.size() < 8) return;
            const std::uint32_t size = big_endian(left.data());
            const char* const name = detail::text(names, big_endian(left.data() + 4));
            pass(8);
            if (name == nullptr || size > left.size()) return;
            if (!on_property(std::string_view(name),
                             std::string_view(reinterpret_cast<const char*>(left.data()), size)))
                return;
            pass(size);
        } else if (what != end_node && what != nothing) {
            return;
        }
    }
}

// The first property of that name; empty without one.
inline std::string_view property(tree_room tree, std::string_view wanted) {
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
inline unsigned count_nodes(tree_room tree, std::string_view begin) {
    unsigned count = 0;
    walk_tree(
        tree, [&](std::string_view name) { count += name.starts_with(begin); },
        [](std::string_view, std::string_view) { return true; });
    return count;
}

// What the image was started with, /chosen/bootargs.
inline std::string_view boot_arguments(tree_room tree) {
    const std::string_view value = property(tree, "bootargs");
    return value.substr(0, value.find('\0'));
}

}  // namespace cmodx::bare
