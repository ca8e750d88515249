// SPDX-License-Identifier: Apache-2.0
#include "heap.hpp"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "trap.hpp"

using namespace cmodx;        // NOLINT(google-build-using-namespace): the C type is outside
using namespace cmodx::code;  // NOLINT(google-build-using-namespace)

namespace {

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

}  // namespace

codeheap_error codeheap::here() const {
    return __atomic_load_n(owner_, __ATOMIC_RELAXED) == 1 ? CODEHEAP_OK : CODEHEAP_FORKED;
}

codeheap_error codeheap::start(const codeheap_options& o) {
    // Linux 4.14; where that is not possible, a child is not told from its parent.
    owner_ = static_cast<std::uint32_t*>(take_pages(page_size()));
    if (owner_ == nullptr) return CODEHEAP_NO_MEMORY;
    (void)madvise(owner_, page_size(), MADV_WIPEONFORK);
    *owner_ = 1;
    facts_.probe();
    if (o.facts != nullptr && !facts_.add(o.facts)) return CODEHEAP_BAD_ARGUMENT;
    mapping_ = o.mapping;
    flags_ = o.flags;
    constexpr std::size_t usual = sizeof(void*) == 8 ? std::size_t{64} << 20 : std::size_t{8} << 20;
    slabs_.prepare(o.mapping, o.reserve != 0 ? o.reserve : usual, (o.flags & CODEHEAP_PERMANENT) != 0);
    if (const codeheap_error e = threads.prepare(o.sync, o.signal, facts_.all()); e != CODEHEAP_OK) return e;
    if (const codeheap_error e = check_machine(); e != CODEHEAP_OK) return e;
    if ((o.flags & CODEHEAP_TAKE_SIGTRAP) != 0 && target::live::breakpoint_first && !take_sigtrap())
        return CODEHEAP_BAD_ARGUMENT;
    return CODEHEAP_OK;
}

codeheap::~codeheap() {
    for (batch* list : {open_, oldest_, replaced_})
        while (list != nullptr) {
            batch* after = list->next;
            free(list);
            list = after;
        }
    if (owner_ != nullptr) give_pages(owner_, page_size());
}

// Does this machine run what was written? A function is made, called, and made anew in the same place.
codeheap_error codeheap::check_machine() {
    std::uint8_t bytes[32];
    void* code = nullptr;
    for (std::uint8_t round = 1; round <= 8; ++round) {
        code_buffer c{bytes, sizeof bytes};
        target::live::emit_return(c, round);
        const codeheap_error e =
            round == 1 ? alloc(bytes, c.size, 16, 0, &code) : update(code, bytes, c.size, CODEHEAP_STOPPED);
        if (e != CODEHEAP_OK) return e;
        threads.synchronize_self();
        if (reinterpret_cast<int (*)()>(code)() != round) return CODEHEAP_STALE_MAPPING;
    }
    return release(code);
}

codeheap_error codeheap::fill(const void* bytes, std::size_t length, std::size_t alignment, piece& p) {
    bool taken = false;
    const auto take = [&] {
        codeheap_error e = bytes == nullptr ? slabs_.take_entry(p) : slabs_.take(length, alignment, p);
        taken = e == CODEHEAP_OK;
        if (taken && bytes != nullptr) e = write(p.in->memory, p.code, bytes, length);
        return e;
    };
    codeheap_error e = gated(take);
    if (e == CODEHEAP_NO_MEMORY && !taken && collect()) e = gated(take);
    if (e == CODEHEAP_OK && bytes != nullptr && !target::live::maintain(p.code, p.code + p.size))
        e = CODEHEAP_MAINTENANCE;
    if (e == CODEHEAP_OK || !taken) return e;
    const guard g(freeing_);
    (void)take_back(p.code);
    return e;
}

// A jump by way of a word beside it: to exchange the function is to store data.
codeheap_error codeheap::make_entry(const piece& body, piece& entry) {
    static_assert(target::live::entry_size <= slot_sizes[entry_class]);
    if (const codeheap_error e = fill(nullptr, 0, 0, entry); e != CODEHEAP_OK) return e;
    std::uint8_t bytes[target::live::entry_size];
    code_buffer c{bytes, sizeof bytes};
    target::live::emit_entry(c, reinterpret_cast<std::uintptr_t>(body.code));
    const codeheap_error e = gated([&] { return write(entry.in->memory, entry.code, bytes, sizeof bytes); });
    if (e != CODEHEAP_OK) return e;
    return target::live::maintain(entry.code, entry.code + entry.size) ? CODEHEAP_OK : CODEHEAP_MAINTENANCE;
}

std::uintptr_t* codeheap::target_of(const piece& entry) {
    return reinterpret_cast<std::uintptr_t*>(entry.code + target::live::entry_size - sizeof(std::uintptr_t));
}

codeheap_error codeheap::make_visible(const void* begin, const void* end, std::uint32_t flags) {
    return (flags & CODEHEAP_DEFER) != 0 ? CODEHEAP_OK : threads.make_visible(begin, end);
}

codeheap_error codeheap::alloc(const void* bytes, std::size_t length, std::size_t alignment, std::uint32_t flags,
                               void** code) {
    if (const codeheap_error e = here(); e != CODEHEAP_OK) return e;
    if (bytes == nullptr || length == 0 || code == nullptr || (alignment & (alignment - 1)) != 0 || alignment > 4096)
        return CODEHEAP_BAD_ARGUMENT;
    if ((flags & CODEHEAP_RETARGETABLE) != 0 && alignment > slot_sizes[entry_class]) return CODEHEAP_BAD_ARGUMENT;
    piece body;
    codeheap_error e = fill(bytes, length, alignment < 16 ? 16 : alignment, body);
    if (e != CODEHEAP_OK) return e;
    piece made = body;
    if ((flags & CODEHEAP_RETARGETABLE) != 0) e = make_entry(body, made);
    if (e == CODEHEAP_OK) e = make_visible(body.code, body.code + body.size, flags);
    if (e == CODEHEAP_OK) {
        *code = made.code;
        return e;
    }
    const guard g(freeing_);
    (void)take_back(body.code);
    if (made.code != nullptr && made.code != body.code && slabs_.retire(made.code, made)) wait_for_grace(made);
    return e;
}

codeheap_error codeheap::publish() {
    if (const codeheap_error e = here(); e != CODEHEAP_OK) return e;
    return threads.make_visible(nullptr, nullptr);
}

// ---------------------------------------------------------------------------------------------------------------
// Freeing: a piece waits in a batch until every thread that was inside when the batch was closed has left.

codeheap_error codeheap::give(const piece& p) {
    if (const codeheap_error e = gated([&] { return slabs_.trap(p); }); e != CODEHEAP_OK) return e;
    if (!target::live::maintain(p.code, p.code + p.size)) return CODEHEAP_MAINTENANCE;
    slabs_.give(p);
    return CODEHEAP_OK;
}

// So that freeing cannot fail half-way.
bool codeheap::has_room(std::uint32_t pieces) {
    if (open_ != nullptr && (open_->count + pieces > open_->pieces.size() || open_->bytes > most_bytes)) {
        close_batch();
        end_grace_periods();
    }
    if (open_ != nullptr) return true;
    open_ = static_cast<batch*>(malloc(sizeof(batch)));
    if (open_ == nullptr) return false;
    open_->count = 0;
    open_->bytes = 0;
    open_->next = nullptr;
    return true;
}

void codeheap::wait_for_grace(const piece& p) {
    if (!threads.any() && give(p) == CODEHEAP_OK) return;
    if (!has_room(1)) return;
    open_->pieces[open_->count++] = p;
    open_->bytes += p.size;
    waiting_ += p.size;
}

// What an update has replaced: nobody but the caller can say when threads that are not registered have left it.
void codeheap::outlive(const piece& p) {
    if (threads.any()) return wait_for_grace(p);
    if (replaced_ == nullptr || replaced_->count == replaced_->pieces.size()) {
        auto* b = static_cast<batch*>(malloc(sizeof(batch)));
        if (b == nullptr) return;  // it stays for as long as the heap
        b->count = 0;
        b->bytes = 0;
        b->next = replaced_;
        replaced_ = b;
    }
    replaced_->pieces[replaced_->count++] = p;
    waiting_ += p.size;
}

void codeheap::close_batch() {
    if (open_ == nullptr) return;
    open_->stamp = threads.stamp();
    (newest_ != nullptr ? newest_->next : oldest_) = open_;
    newest_ = open_;
    open_ = nullptr;
}

void codeheap::end_grace_periods() {
    while (oldest_ != nullptr && threads.passed(oldest_->stamp)) {
        batch* b = oldest_;
        for (; b->count != 0; --b->count) {
            const piece& p = b->pieces[b->count - 1];
            if (give(p) != CODEHEAP_OK) return;  // tried again next time
            waiting_ -= p.size;
        }
        oldest_ = b->next;
        if (oldest_ == nullptr) newest_ = nullptr;
        free(b);
    }
}

codeheap_error codeheap::take_back(void* code) {
    if (threads.any() && !has_room(2)) return CODEHEAP_NO_MEMORY;
    piece p;
    if (!slabs_.retire(code, p)) return CODEHEAP_NOT_LIVE;
    piece body;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the entry holds an address
    if (p.is_entry() && slabs_.retire(reinterpret_cast<void*>(*target_of(p)), body)) wait_for_grace(body);
    wait_for_grace(p);
    return CODEHEAP_OK;
}

codeheap_error codeheap::release(void* code) {
    if (const codeheap_error e = here(); e != CODEHEAP_OK) return e;
    if (mapping_ != CODEHEAP_FLIP && !threads.any()) {  // there is nobody to wait for
        bool done = false;
        const codeheap_error e = slabs_.drop(code, done);
        if (done || e != CODEHEAP_OK) return e;
    }
    const guard g(freeing_);
    return take_back(code);
}

// Whether anything was freed.
bool codeheap::collect() {
    const guard g(freeing_);
    const std::size_t before = waiting_;
    while (replaced_ != nullptr) {
        batch* b = replaced_;
        replaced_ = b->next;
        b->next = nullptr;
        b->stamp = threads.stamp();
        (newest_ != nullptr ? newest_->next : oldest_) = b;
        newest_ = b;
    }
    close_batch();
    end_grace_periods();
    return waiting_ < before;
}

std::size_t codeheap::reclaim() {
    if (here() != CODEHEAP_OK) return 0;
    (void)collect();
    const guard g(freeing_);
    return waiting_;
}

// ---------------------------------------------------------------------------------------------------------------

void codeheap::ask(codeheap_info& info) {
    info = {.sync = threads.how(),
            .mapping = mapping_,
            .mapped = 0,
            .in_use = 0,
            .waiting = 0,
            .bookkeeping = sizeof(codeheap),
            .broadcasts = threads.broadcasts(),
            .interrupts = threads.interrupts()};
    slabs_.count(info);
    const guard g(freeing_);
    info.waiting = waiting_;
}

void codeheap::lock_all() {
    updating_.lock();
    freeing_.lock();
    writing_.lock();
    slabs_.lock_all();
    threads.lock();
}
void codeheap::unlock_all() {
    threads.unlock();
    slabs_.unlock_all();
    writing_.unlock();
    freeing_.unlock();
    updating_.unlock();
}

codeheap_error codeheap::adopt() {
    if (here() == CODEHEAP_OK) return CODEHEAP_OK;
    if (const codeheap_error e = slabs_.make_own(); e != CODEHEAP_OK) return e;
    *owner_ = 1;
    return CODEHEAP_OK;
}
