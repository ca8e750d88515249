// SPDX-License-Identifier: Apache-2.0
// LLVM's sys::Memory, which its JITs take their code from: pages that are written, then made executable.
#include <llvm/Support/Memory.h>
#include <string.h>

#include <system_error>

#include "subject.h"

namespace {

using llvm::sys::Memory;
using llvm::sys::MemoryBlock;

int alloc(cmodx_code* c, const void* bytes, size_t length) {
    std::error_code error;
    const MemoryBlock made = Memory::allocateMappedMemory(length, nullptr, Memory::MF_READ | Memory::MF_WRITE, error);
    if (error) return error.value();
    memcpy(made.base(), bytes, length);
    c->own = new MemoryBlock(made);
    c->write = made.base();
    c->size = length;
    return 0;
}
int publish(cmodx_code* c) {
    const MemoryBlock& block = *static_cast<MemoryBlock*>(c->own);
    // It invalidates the instruction cache, too.
    if (const std::error_code error = Memory::protectMappedMemory(block, Memory::MF_READ | Memory::MF_EXEC))
        return error.value();
    c->run = block.base();
    return 0;
}
void drop(cmodx_code* c) {
    auto* const block = static_cast<MemoryBlock*>(c->own);
    Memory::releaseMappedMemory(*block);
    delete block;
}

const cmodx_subject memory = [] {
    cmodx_subject s = {};
    s.version = CMODX_SUBJECT_VERSION;
    s.promises = CMODX_WX;
    s.name = "llvm-memory";
    s.claim = CMODX_TO_CALLER;
    s.alloc = alloc;
    s.publish = publish;
    s.drop = drop;
    return s;
}();

}  // namespace

const cmodx_subject* const* cmodx_subjects() {
    static const cmodx_subject* const all[] = {&memory, nullptr};
    return all;
}
