// SPDX-License-Identifier: Apache-2.0
#include "drive/descriptor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace cmodx::subjects {
namespace {

// Whether it is what a test's name can have in it.
bool is_name(const char* name) {
    if (name == nullptr) return false;
    const std::size_t length = strnlen(name, longest_name + 1);
    return length != 0 && length <= longest_name && std::all_of(name, name + length, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

// A C program may leave any number there, which no C++ enumeration may be read as.
bool is_claim(const cmodx_claim& c) {
    std::underlying_type_t<cmodx_claim> number{};
    static_assert(sizeof number == sizeof c && std::is_unsigned_v<decltype(number)>);
    std::memcpy(&number, &c, sizeof number);
    return number <= CMODX_TO_ALL;
}

}  // namespace

std::string wrong_with(const cmodx_subject& s, std::span<const cmodx_subject* const> others) {
    if (s.version != CMODX_SUBJECT_VERSION)
        return fmt::format("a subject is of version {}; accepted is {}", s.version, CMODX_SUBJECT_VERSION);
    if (!is_name(s.name))
        return fmt::format("a subject's name is none; accepted are [a-z0-9-]+, {} of them at most", longest_name);
    if ((s.alloc == nullptr || s.publish == nullptr) && s.emit == nullptr)
        return fmt::format("subject {} has neither alloc and publish nor emit", s.name);
    if (s.drop == nullptr) return fmt::format("subject {} has no drop", s.name);
    if (!is_claim(s.claim)) return fmt::format("subject {} claims what is none of cmodx_claim", s.name);
    for (const cmodx_subject* other : others)
        if (std::strcmp(other->name, s.name) == 0) return fmt::format("there is a subject {} already", s.name);
    return {};
}

}  // namespace cmodx::subjects
