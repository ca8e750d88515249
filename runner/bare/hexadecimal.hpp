// SPDX-License-Identifier: Apache-2.0
// Registers as text, where nothing but registers can be used.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cmodx::bare {

class hexadecimal {
  public:
    explicit hexadecimal(char* to) : to_(to) {}
    hexadecimal& add(const char* name, std::uint64_t value) {
        text(name);
        to_[size_++] = '=';
        number(value, 16);
        to_[size_++] = ' ';
        return *this;
    }
    hexadecimal& add(const char* name, unsigned index, std::uint64_t value) {
        text(name);
        number(index, 10);
        return add("", value);
    }
    std::size_t size() const { return size_; }

  private:
    void text(const char* t) {
        while (*t != '\0') to_[size_++] = *t++;
    }
    void number(std::uint64_t value, unsigned base) {
        char digits[20];
        unsigned count = 0;
        do digits[count++] = "0123456789abcdef"[value % base];
        while ((value /= base) != 0);
        while (count != 0) to_[size_++] = digits[--count];
    }

    char* to_;
    std::size_t size_ = 0;
};

}  // namespace cmodx::bare
