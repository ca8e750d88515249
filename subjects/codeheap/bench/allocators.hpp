// SPDX-License-Identifier: Apache-2.0
// What is measured side by side: allocators of code behind one interface, each as its users call it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace heap_bench {

inline constexpr std::size_t function_size = 64;

class allocator {
  public:
    virtual ~allocator() = default;
    virtual void* make(const void* bytes) = 0;  // a function of function_size bytes that can be called; null: refused
    virtual void drop(void* code) = 0;
};

struct contender {
    std::string name;
    std::string guarantee;  // what a caller may rely on when `make` returns
    std::function<std::unique_ptr<allocator>()> start;
    std::size_t most = 1'000'000;  // functions that it is asked for at once
};

// In the order of the table.
std::vector<contender> contenders();

// Those of libraries that are not there, with the package that they are in.
std::vector<std::string> absent();

}  // namespace heap_bench
