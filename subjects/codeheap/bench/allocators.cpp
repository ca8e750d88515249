// SPDX-License-Identifier: Apache-2.0
#include "allocators.hpp"

#include <string.h>
#include <sys/mman.h>

#include "codeheap.h"

#ifdef WITH_ASMJIT
#include <asmjit/core.h>
#endif
#ifdef WITH_FFI
#include <ffi.h>
#endif

namespace heap_bench {
namespace {

class our_heap : public allocator {
  public:
    our_heap(codeheap_sync sync, std::uint32_t flags) : flags_(flags) {
        codeheap_options o = {};
        o.version = CODEHEAP_VERSION;
        o.sync = sync;
        if (codeheap_create(&o, &heap_) != CODEHEAP_OK) heap_ = nullptr;
    }
    ~our_heap() override { codeheap_destroy(heap_); }
    our_heap(const our_heap&) = delete;
    void* make(const void* bytes) override {
        void* code = nullptr;
        return codeheap_alloc(heap_, bytes, function_size, 0, flags_, &code) == CODEHEAP_OK ? code : nullptr;
    }
    void drop(void* code) override { codeheap_free(heap_, code); }

  private:
    codeheap* heap_ = nullptr;
    std::uint32_t flags_;
};

class pages : public allocator {
  public:
    void* make(const void* bytes) override {
        void* p = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) return nullptr;
        memcpy(p, bytes, function_size);
        if (mprotect(p, 4096, PROT_READ | PROT_EXEC) != 0) return nullptr;
        __builtin___clear_cache(static_cast<char*>(p), static_cast<char*>(p) + function_size);
        return p;
    }
    void drop(void* code) override { munmap(code, 4096); }
};

#ifdef WITH_ASMJIT
class asmjit_allocator : public allocator {
  public:
    explicit asmjit_allocator(bool dual) : jit_(options(dual)) {}
    void* make(const void* bytes) override {
        void *run = nullptr, *write = nullptr;
#ifdef WITH_ASMJIT_SPANS
        asmjit::JitAllocator::Span span;
        if (jit_.alloc(span, function_size) != asmjit::kErrorOk) return nullptr;
        run = span.rx();
        write = span.rw();
#else
        if (jit_.alloc(&run, &write, function_size) != asmjit::kErrorOk) return nullptr;
#endif
        memcpy(write, bytes, function_size);
        __builtin___clear_cache(static_cast<char*>(run), static_cast<char*>(run) + function_size);
        return run;
    }
    void drop(void* code) override { jit_.release(code); }

  private:
    static const asmjit::JitAllocator::CreateParams* options(bool dual) {
        static asmjit::JitAllocator::CreateParams both{}, one{};
        both.options = asmjit::JitAllocatorOptions::kUseDualMapping;
        return dual ? &both : &one;
    }
    asmjit::JitAllocator jit_;
};
#endif

#ifdef WITH_FFI
// A closure is what libffi makes code of; it has no way to take bytes.
class closures : public allocator {
  public:
    closures() { ffi_prep_cif(&cif_, FFI_DEFAULT_ABI, 0, &ffi_type_sint32, nullptr); }
    void* make(const void*) override {
        void* code = nullptr;
        auto* closure = static_cast<ffi_closure*>(ffi_closure_alloc(sizeof(ffi_closure), &code));
        if (closure == nullptr || ffi_prep_closure_loc(closure, &cif_, answer, nullptr, code) != FFI_OK) return nullptr;
        return closure;
    }
    void drop(void* closure) override { ffi_closure_free(closure); }

  private:
    static void answer(ffi_cif*, void* result, void**, void*) { *static_cast<ffi_arg*>(result) = 1; }
    ffi_cif cif_;
};
#endif

template <class A, class... Arguments>
std::function<std::unique_ptr<allocator>()> starts(Arguments... arguments) {
    return [=] { return std::make_unique<A>(arguments...); };
}

}  // namespace

std::vector<contender> contenders() {
    const std::string self = "the caller's flag, then its own sync";
    std::vector<contender> all = {
        {"codeheap none", self, starts<our_heap>(CODEHEAP_NONE, 0u)},
        {"codeheap lazy", "each thread's next check", starts<our_heap>(CODEHEAP_LAZY, 0u)},
        {"codeheap tracked", "every registered thread", starts<our_heap>(CODEHEAP_TRACKED, 0u)},
        {"codeheap broadcast, deferred", "every thread, after publish",
         starts<our_heap>(CODEHEAP_BROADCAST, std::uint32_t{CODEHEAP_DEFER})},
        {"codeheap broadcast", "every thread", starts<our_heap>(CODEHEAP_BROADCAST, 0u)},
    };
#ifdef WITH_ASMJIT
    all.push_back({"asmjit dual", self, starts<asmjit_allocator>(true)});
    all.push_back({"asmjit single (RWX)", self, starts<asmjit_allocator>(false)});
#endif
#ifdef WITH_FFI
    all.push_back({"libffi closure", self, starts<closures>()});
#endif
    // Linux gives a process 65530 mappings, and one function is one.
    all.push_back({"mmap + mprotect", self, starts<pages>(), 20'000});
    return all;
}

std::vector<std::string> absent() {
    std::vector<std::string> names;
#ifndef WITH_ASMJIT
    names.emplace_back("asmjit (libasmjit-dev)");
#endif
#ifndef WITH_FFI
    names.emplace_back("libffi (libffi-dev)");
#endif
    return names;
}

}  // namespace heap_bench
