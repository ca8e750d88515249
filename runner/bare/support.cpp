// SPDX-License-Identifier: Apache-2.0
// What compiled C++ calls by itself: memory, and the few functions of the C library and the C++ one that the shared
// parts of the runner come down to. There is no other library in the image but the compiler's.
#include <locale.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <unordered_set>

#include "runner/bare/cpu.hpp"
#include "runner/engine/random.hpp"

using cmodx::bare::panic;

// ---------------------------------------------------------------------------------------------------------------
// Memory for names and records: an arena in the image, its pieces by powers of two. One CPU alone asks for it.

namespace {

constexpr std::size_t arena_size = std::size_t{32} << 20;
constexpr std::size_t smallest = 32;  // bytes, and as many more of header would be wasted below it

alignas(64) std::uint8_t arena[arena_size];
std::size_t arena_used = 0;

struct piece {
    std::size_t order;
    piece* next;  // while it is free
};
std::array<piece*, 40> free_pieces{};

void* allocate(std::size_t size) {
    const std::size_t whole = std::bit_ceil(std::max(size + 16, smallest));
    const auto order = static_cast<std::size_t>(std::countr_zero(whole));
    piece* p = free_pieces[order];
    if (p != nullptr) {
        free_pieces[order] = p->next;
    } else {
        if (whole > arena_size - arena_used) panic("no memory is left");
        p = reinterpret_cast<piece*>(arena + arena_used);
        arena_used += whole;
        p->order = order;
    }
    return reinterpret_cast<std::uint8_t*>(p) + 16;
}

void release(void* memory) {
    if (memory == nullptr) return;
    auto* const p = reinterpret_cast<piece*>(static_cast<std::uint8_t*>(memory) - 16);
    p->next = free_pieces[p->order];
    free_pieces[p->order] = p;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }

extern "C" {

void* memcpy(void* to, const void* from, std::size_t size) {
    auto* t = static_cast<std::uint8_t*>(to);
    const auto* f = static_cast<const std::uint8_t*>(from);
    while (size-- != 0) *t++ = *f++;
    return to;
}
void* memmove(void* to, const void* from, std::size_t size) {
    auto* t = static_cast<std::uint8_t*>(to);
    const auto* f = static_cast<const std::uint8_t*>(from);
    if (t <= f) return memcpy(to, from, size);
    while (size-- != 0) t[size] = f[size];
    return to;
}
void* memset(void* to, int value, std::size_t size) {
    auto* t = static_cast<std::uint8_t*>(to);
    while (size-- != 0) *t++ = static_cast<std::uint8_t>(value);
    return to;
}
int memcmp(const void* a, const void* b, std::size_t size) {
    const auto* x = static_cast<const std::uint8_t*>(a);
    const auto* y = static_cast<const std::uint8_t*>(b);
    for (; size != 0; --size, ++x, ++y)
        if (*x != *y) return *x - *y;
    return 0;
}
void* memchr(const void* in, int value, std::size_t size) {
    const auto* x = static_cast<const std::uint8_t*>(in);
    for (; size != 0; --size, ++x)
        if (*x == static_cast<std::uint8_t>(value)) return const_cast<std::uint8_t*>(x);
    return nullptr;
}
std::size_t strlen(const char* text) {
    std::size_t size = 0;
    while (text[size] != '\0') ++size;
    return size;
}

int strcmp(const char* a, const char* b) {
    for (; *a != '\0' && *a == *b; ++a, ++b) {
    }
    return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}
// As far as JSON's escapes want it: text and %[0][width]x of unsigned numbers.
int snprintf(char* to, std::size_t room, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::size_t size = 0;
    const auto add = [&](char c) {
        if (size + 1 < room) to[size] = c;
        ++size;
    };
    for (; *format != '\0'; ++format) {
        if (*format != '%') {
            add(*format);
            continue;
        }
        std::size_t width = 0;
        for (++format; (*format >= '0' && *format <= '9') || *format == '.'; ++format)
            if (*format != '.') width = 10 * width + static_cast<std::size_t>(*format - '0');
        if (*format != 'x' && *format != 'X') panic("snprintf: this conversion is not there");
        const unsigned value = va_arg(arguments, unsigned);
        for (std::size_t digits = std::max<std::size_t>(width, value == 0 ? 1 : (std::bit_width(value) + 3u) / 4);
             digits-- != 0;)
            add("0123456789abcdef"[value >> (4 * digits) & 15]);
    }
    va_end(arguments);
    if (room != 0) to[std::min(size, room - 1)] = '\0';
    return static_cast<int>(size);
}
double ceil(double x) {
    constexpr double no_fraction = 4503599627370496;  // 2^52
    if (!(x > -no_fraction && x < no_fraction)) return x;
    const auto whole = static_cast<double>(static_cast<std::int64_t>(x));
    return whole < x ? whole + 1 : whole;
}
lconv* localeconv() {
    static char point[] = ".";
    static char nothing[] = "";
    static lconv c = {};
    c.decimal_point = point;
    c.thousands_sep = nothing;
    return &c;
}

void abort() { panic("abort"); }
// NOLINTBEGIN(bugprone-reserved-identifier): these names are the compiler's and the libraries'.
[[noreturn]] void __assert_fail(const char* what, const char*, unsigned, const char*) { panic(what); }
[[noreturn]] void __cxa_pure_virtual() { panic("a pure virtual function was called"); }
// Nothing is destroyed at the end.
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }
int __aeabi_atexit(void*, void (*)(void*), void*) { return 0; }
void* __dso_handle = nullptr;
char __libc_single_threaded = 0;
// NOLINTEND(bugprone-reserved-identifier)
}

// ---------------------------------------------------------------------------------------------------------------
// The C++ library, without exceptions: what would throw ends the image.

template class std::basic_string<char>;

extern "C" {
// Reference counts, where std::shared_ptr does not count by itself: __gnu_cxx::__exchange_and_add and __atomic_add.
int count_fetched(volatile int* count, int by) asm("_ZN9__gnu_cxx18__exchange_and_addEPVii");
int count_fetched(volatile int* count, int by) { return __atomic_fetch_add(count, by, __ATOMIC_ACQ_REL); }
void count_changed(volatile int* count, int by) asm("_ZN9__gnu_cxx12__atomic_addEPVii");
void count_changed(volatile int* count, int by) { __atomic_fetch_add(count, by, __ATOMIC_ACQ_REL); }

// std::runtime_error's constructor, destructor and what(): in the tables of classes that are never thrown.
[[noreturn]] void runtime_error_made() asm("_ZNSt13runtime_errorC2EPKc");
[[noreturn]] void runtime_error_gone() asm("_ZNSt13runtime_errorD2Ev");
[[noreturn]] void runtime_error_what() asm("_ZNKSt13runtime_error4whatEv");
void runtime_error_made() { panic("an error was thrown"); }
void runtime_error_gone() { panic("an error was thrown"); }
void runtime_error_what() { panic("an error was thrown"); }
}

namespace std {

void __throw_length_error(const char* what) { panic(what); }
void __throw_logic_error(const char* what) { panic(what); }
void __throw_invalid_argument(const char* what) { panic(what); }
void __throw_out_of_range(const char* what) { panic(what); }
void __throw_out_of_range_fmt(const char* what, ...) { panic(what); }
void __throw_bad_alloc() { panic("bad_alloc"); }
void __throw_bad_array_new_length() { panic("bad_array_new_length"); }
void __throw_bad_function_call() { panic("bad_function_call"); }
// NOLINTNEXTLINE(bugprone-reserved-identifier)
void __throw_bad_optional_access() { panic("bad_optional_access"); }

size_t _Hash_bytes(const void* bytes, size_t size, size_t seed) {
    return static_cast<size_t>(cmodx::fnv(static_cast<const uint8_t*>(bytes), size, seed));
}
pair<bool, size_t> __detail::_Prime_rehash_policy::_M_need_rehash(size_t buckets, size_t elements, size_t more) const {
    if (elements + more <= buckets) return {false, 0};
    return {true, bit_ceil(2 * (elements + more)) - 1};
}
bool _Sp_make_shared_tag::_S_eq(const type_info&) noexcept { return false; }

chrono::steady_clock::time_point chrono::steady_clock::now() noexcept {
    return time_point(chrono::nanoseconds(static_cast<std::int64_t>(cmodx::platform::nanoseconds())));
}

// Digits and a point; the library's own asks the locale.
from_chars_result from_chars(const char* begin, const char* end, double& value, chars_format) noexcept {
    double parsed = 0;
    double place = 0;
    const char* at = begin;
    for (; at != end && ((*at >= '0' && *at <= '9') || (*at == '.' && place == 0)); ++at) {
        if (*at == '.') {
            place = 1;
            continue;
        }
        parsed = parsed * 10 + (*at - '0');
        place *= 10;
    }
    if (at == begin) return {begin, errc::invalid_argument};
    value = place > 1 ? parsed / place : parsed;
    return {at, errc{}};
}

}  // namespace std
