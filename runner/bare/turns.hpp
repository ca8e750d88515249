// SPDX-License-Identifier: Apache-2.0
// Memory that is given out in turn, so that what is given out was last used long ago, but for what is kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cmodx::bare {

class turns {
  public:
    turns(std::uint8_t* begin, std::uint8_t* end) : begin_(begin), end_(end), next_(begin) {}

    // Given out again when its turn comes. Null: there is not so much.
    std::uint8_t* take(std::size_t size) {
        std::uint8_t* at = fitting(next_, size);
        if (at == nullptr) at = fitting(begin_, size);
        if (at != nullptr) next_ = at + size;
        return at;
    }
    // Not given out again before `release`. Null: as above, or too much is kept already.
    std::uint8_t* keep(std::size_t size) {
        if (kept_count_ == kept_.size()) return nullptr;
        std::uint8_t* const at = take(size);
        if (at != nullptr) kept_[kept_count_++] = {at, at + size};
        return at;
    }
    void release() { kept_count_ = 0; }

  private:
    struct range {
        std::uint8_t* begin;
        std::uint8_t* end;
    };

    // The first place from `at` on, none of which is kept.
    std::uint8_t* fitting(std::uint8_t* at, std::size_t size) const {
        for (std::size_t i = 0; i < kept_count_;) {
            const range& r = kept_[i];
            if (at >= r.end || (at < r.begin && size <= static_cast<std::size_t>(r.begin - at))) {
                ++i;
            } else {
                at = r.end;
                i = 0;
            }
        }
        return size <= static_cast<std::size_t>(end_ - at) ? at : nullptr;
    }

    std::uint8_t* begin_;
    std::uint8_t* end_;
    std::uint8_t* next_;
    std::array<range, 4> kept_{};  // what a test keeps: its stubs, its words
    std::size_t kept_count_ = 0;
};

}  // namespace cmodx::bare
