// SPDX-License-Identifier: Apache-2.0
#include "slab.hpp"

#include <stdlib.h>

#include <bit>

#include "live.hpp"

namespace cmodx::code {
namespace {

// For each multiple of 16 the class that holds it.
consteval auto classes_by_size() {
    std::array<std::uint8_t, largest_slot / 16 + 1> table{};
    std::size_t c = 0;
    for (std::size_t i = 0; i < table.size(); ++i) {
        while (slot_sizes[c] < i * 16) ++c;
        table[i] = static_cast<std::uint8_t>(c);
    }
    return table;
}
constexpr auto class_by_size = classes_by_size();

// The generic forms: clang's others take no enumeration.
void set(chunk::use& is, chunk::use to) { __atomic_store(&is, &to, __ATOMIC_RELEASE); }
chunk::use get(const chunk::use& is) {
    chunk::use now = chunk::use::none;
    __atomic_load(&is, &now, __ATOMIC_ACQUIRE);
    return now;
}

constexpr std::size_t words(std::uint32_t slots) { return (slots + 63) / 64; }
constexpr std::uint64_t bit(std::uint32_t slot) { return std::uint64_t{1} << (slot % 64); }

// The bits' owner is the arena; `live` is also read without its lock, by find.
bool test(const std::uint64_t* bits, std::uint32_t slot) {
    return (__atomic_load_n(&bits[slot / 64], __ATOMIC_RELAXED) & bit(slot)) != 0;
}
void flip(std::uint64_t* bits, std::uint32_t slot) {
    __atomic_store_n(&bits[slot / 64], bits[slot / 64] ^ bit(slot), __ATOMIC_RELAXED);
}

}  // namespace

std::uint32_t arena_of_thread() {
    static std::uint32_t threads = 0;
    static thread_local std::uint32_t mine = 0;
    if (mine == 0) mine = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
    return mine % arena_count;
}

void slabs::prepare(codeheap_mapping path, std::size_t reserve, bool permanent) {
    path_ = path;
    reserve_ = (reserve + chunk_size - 1) & -chunk_size;
    permanent_ = permanent;
}

slabs::~slabs() {
    for (extent* x = extents_; x != nullptr;) {
        const std::size_t n = x->memory.size / chunk_size;
        for (std::size_t i = 0; i < n; ++i) free(x->chunks[i].used);
        give_pages(x->chunks, n * sizeof(chunk));
        unmap_region(x->memory);
        extent* next = x->next;
        free(x);
        x = next;
    }
}

codeheap_error slabs::add_extent(std::size_t at_least) {
    auto* x = static_cast<extent*>(calloc(1, sizeof(extent)));
    if (x == nullptr) return CODEHEAP_NO_MEMORY;
    const std::size_t size = at_least > reserve_ ? at_least : reserve_;
    const codeheap_error e = map_region(x->memory, path_, size, permanent_);
    if (e == CODEHEAP_OK) x->chunks = static_cast<chunk*>(take_pages(size / chunk_size * sizeof(chunk)));
    if (x->chunks == nullptr) {
        if (e == CODEHEAP_OK) unmap_region(x->memory);
        free(x);
        return e == CODEHEAP_OK ? CODEHEAP_NO_MEMORY : e;
    }
    books_ += sizeof(extent) + size / chunk_size * sizeof(chunk);
    x->next = extents_;
    __atomic_store_n(&extents_, x, __ATOMIC_RELEASE);
    return CODEHEAP_OK;
}

codeheap_error slabs::take_chunks(std::uint32_t count, extent*& in, chunk*& begin) {
    const guard g(growth_);
    for (int again = 0; again < 2; ++again) {
        for (extent* x = extents_; x != nullptr; x = x->next) {
            const auto n = static_cast<std::uint32_t>(x->memory.size / chunk_size);
            std::uint32_t run = 0;
            for (std::uint32_t i = x->vacant < count ? x->taken : 0; i < n; ++i) {
                run = x->chunks[i].is == chunk::use::none ? run + 1 : 0;
                if (run < count) continue;
                in = x;
                begin = &x->chunks[i + 1 - count];
                for (std::uint32_t k = 0; k < count; ++k) begin[k].is = chunk::use::rest_of_large;
                const std::uint32_t fresh = i + 1 > x->taken ? i + 1 - x->taken : 0;
                x->vacant -= fresh < count ? count - fresh : 0;
                x->taken += fresh;
                return CODEHEAP_OK;
            }
        }
        if (again == 0)
            if (const codeheap_error e = add_extent(count * chunk_size); e != CODEHEAP_OK) return e;
    }
    return CODEHEAP_NO_MEMORY;
}

extent* slabs::extent_of(const void* at) const {
    for (extent* x = first(); x != nullptr; x = x->next)
        if (x->memory.holds(at)) return x;
    return nullptr;
}

extent* slabs::extent_of(const chunk* c) const {
    for (extent* x = first(); x != nullptr; x = x->next)
        if (c >= x->chunks && c < x->chunks + x->memory.size / chunk_size) return x;
    return nullptr;
}

std::uint32_t slabs::pick(chunk& c) {
    const std::size_t n = words(c.slots);
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t w = c.cursor + i < n ? c.cursor + i : c.cursor + i - n;
        const std::uint64_t vacant = ~c.used[w];
        const auto slot = static_cast<std::uint32_t>(w * 64) + static_cast<std::uint32_t>(std::countr_zero(vacant));
        if (vacant == 0 || slot >= c.slots) continue;
        c.cursor = static_cast<std::uint32_t>(w);
        return slot;
    }
    return c.slots;
}

codeheap_error slabs::take_slot(std::size_t size_class, piece& p) {
    const std::uint32_t mine = arena_of_thread();
    arena& a = arenas_[mine];
    const std::size_t size = slot_sizes[size_class];
    const guard g(a.lock);
    chunk*& room = a.room[size_class];
    if (room == nullptr) {
        extent* in = nullptr;
        chunk* c = nullptr;
        const auto slots = static_cast<std::uint32_t>(chunk_size / size);
        auto* bits = static_cast<std::uint64_t*>(calloc(2 * words(slots), sizeof(std::uint64_t)));
        if (bits == nullptr) return CODEHEAP_NO_MEMORY;
        codeheap_error e = take_chunks(1, in, c);
        if (e == CODEHEAP_OK) {
            std::uint8_t* begin = in->memory.code + static_cast<std::size_t>(c - in->chunks) * chunk_size;
            populate(in->memory, begin, chunk_size);
            e = write(in->memory, begin, nullptr, chunk_size);
            if (e != CODEHEAP_OK) {
                const guard h(growth_);
                leave(*in, c, 1);
            }
        }
        if (e != CODEHEAP_OK) {
            free(bits);
            return e;
        }
        __atomic_add_fetch(&books_, 2 * words(slots) * sizeof(std::uint64_t), __ATOMIC_RELAXED);
        *c = {.is = chunk::use::rest_of_large,
              .size_class = static_cast<std::uint8_t>(size_class),
              .arena = static_cast<std::uint8_t>(mine),
              .listed = true,
              .slots = slots,
              .unused = slots,
              .used = bits,
              .live = bits + words(slots)};
        set(c->is, chunk::use::slots);
        room = c;
    }
    chunk* c = room;
    const std::uint32_t slot = pick(*c);
    flip(c->used, slot);
    flip(c->live, slot);
    if (--c->unused == 0) {
        room = c->next;
        c->next = nullptr;
        c->listed = false;
    }
    extent* in = extent_of(c);
    p = {in, c, slot, in->memory.code + static_cast<std::size_t>(c - in->chunks) * chunk_size + slot * size, size};
    return CODEHEAP_OK;
}

codeheap_error slabs::take_large(std::size_t length, piece& p) {
    if (length > SIZE_MAX / 2 || length / chunk_size >= UINT32_MAX) return CODEHEAP_NO_MEMORY;
    const auto count = static_cast<std::uint32_t>((length + chunk_size - 1) / chunk_size);
    auto* bits = static_cast<std::uint64_t*>(calloc(2, sizeof(std::uint64_t)));
    if (bits == nullptr) return CODEHEAP_NO_MEMORY;
    chunk* c = nullptr;
    codeheap_error e = take_chunks(count, p.in, c);
    if (e == CODEHEAP_OK) {
        p.of = c;
        p.slot = 0;
        p.code = p.in->memory.code + static_cast<std::size_t>(c - p.in->chunks) * chunk_size;
        p.size = (length + 15) & ~std::size_t{15};
        e = write(p.in->memory, p.code, nullptr, p.size);
        if (e == CODEHEAP_OK) {
            bits[0] = p.size;
            bits[1] = 1;
            c->slots = count;
            c->used = bits;
            c->live = bits + 1;
            set(c->is, chunk::use::large);
            return CODEHEAP_OK;
        }
        const guard g(growth_);
        leave(*p.in, c, count);
    }
    free(bits);
    return e;
}

codeheap_error slabs::take(std::size_t length, std::size_t alignment, piece& p) {
    if (length > largest_slot) return take_large(length, p);
    std::size_t c = class_by_size[(length + 15) / 16];
    while (slot_sizes[c] % alignment != 0) ++c;
    return take_slot(c, p);  // 16 KiB are a multiple of every alignment
}

bool slabs::find(const void* at, piece& p, bool retire) {
    extent* x = extent_of(at);
    if (x == nullptr) return false;
    const auto offset = static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - x->memory.code);
    chunk* c = &x->chunks[offset / chunk_size];
    const chunk::use is = get(c->is);
    if (is == chunk::use::none) return false;
    const auto found = [&](std::size_t size) {
        p = {x, c, 0, x->memory.code + static_cast<std::size_t>(c - x->chunks) * chunk_size, size};
        if (is == chunk::use::slots) {
            p.slot = static_cast<std::uint32_t>(offset % chunk_size / size);
            p.code += p.slot * size;
        }
        if (p.slot >= c->slots || at >= p.code + size || !test(c->live, p.slot) || (retire && at != p.code))
            return false;
        if (retire) flip(c->live, p.slot);
        return true;
    };
    if (is == chunk::use::slots) {
        const guard g(arenas_[c->arena].lock);
        return c->is == is && found(slot_sizes[c->size_class]);
    }
    const guard g(growth_);
    while (c != x->chunks && c->is == chunk::use::rest_of_large) --c;
    return c->is == chunk::use::large && found(static_cast<std::size_t>(c->used[0]));
}

void slabs::leave(extent& x, chunk* begin, std::uint32_t count) {
    free(begin->used);
    begin->used = begin->live = nullptr;
    for (std::uint32_t i = count; i-- != 0;) set(begin[i].is, chunk::use::none);
    x.vacant += count;
}

void slabs::give(const piece& p) {
    chunk* c = p.of;
    if (c->is != chunk::use::slots) {
        const guard g(growth_);
        leave(*p.in, c, c->slots);
        return;
    }
    const guard g(arenas_[c->arena].lock);
    put_back(p);
}

codeheap_error slabs::drop(const void* at, bool& was_slot) {
    extent* x = extent_of(at);
    if (x == nullptr) return CODEHEAP_NOT_LIVE;
    const auto offset = static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - x->memory.code);
    chunk* c = &x->chunks[offset / chunk_size];
    was_slot = get(c->is) == chunk::use::slots && c->size_class != entry_class;
    if (!was_slot) return CODEHEAP_OK;
    const guard g(arenas_[c->arena].lock);
    if (c->is != chunk::use::slots) return CODEHEAP_NOT_LIVE;
    const std::size_t size = slot_sizes[c->size_class];
    const auto slot = static_cast<std::uint32_t>(offset % chunk_size / size);
    if (offset % chunk_size != slot * size || slot >= c->slots || !test(c->live, slot)) return CODEHEAP_NOT_LIVE;
    const piece p{x, c, slot, x->memory.code + offset, size};
    if (const codeheap_error e = trap(p); e != CODEHEAP_OK) return e;
    if (!target::live::maintain(p.code, p.code + size)) return CODEHEAP_MAINTENANCE;
    flip(c->live, slot);
    put_back(p);
    return CODEHEAP_OK;
}

// With the arena's lock held.
void slabs::put_back(const piece& p) {
    chunk* c = p.of;
    flip(c->used, p.slot);
    ++c->unused;
    chunk*& room = arenas_[c->arena].room[c->size_class];
    if (!c->listed) {
        c->listed = true;
        c->next = room;
        room = c;
    }
    // An empty chunk is another class's to take, unless it is the last that has room.
    if (c->unused == c->slots && room->next != nullptr) {
        chunk** link = &room;
        while (*link != c) link = &(*link)->next;
        *link = c->next;
        const guard h(growth_);
        leave(*p.in, c, 1);
    }
}

void slabs::lock_all() {
    for (arena& a : arenas_) a.lock.lock();
    growth_.lock();
}
void slabs::unlock_all() {
    growth_.unlock();
    for (arena& a : arenas_) a.lock.unlock();
}

codeheap_error slabs::make_own() {
    for (extent* x = extents_; x != nullptr; x = x->next)
        if (const codeheap_error e = code::make_own(x->memory, x->taken * chunk_size); e != CODEHEAP_OK) return e;
    return CODEHEAP_OK;
}

void slabs::count(codeheap_info& info) {
    info.bookkeeping += __atomic_load_n(&books_, __ATOMIC_RELAXED) + sizeof(slabs);
    const guard g(growth_);
    for (extent* x = extents_; x != nullptr; x = x->next)
        for (std::uint32_t i = 0; i < x->taken; ++i) {
            const chunk& c = x->chunks[i];
            if (c.is == chunk::use::none) continue;
            info.mapped += chunk_size;
            if (c.is == chunk::use::large && c.live[0] != 0) info.in_use += static_cast<std::size_t>(c.used[0]);
            if (c.is != chunk::use::slots) continue;
            std::size_t live = 0;
            for (std::size_t w = 0; w < words(c.slots); ++w)
                live += static_cast<std::size_t>(std::popcount(__atomic_load_n(&c.live[w], __ATOMIC_RELAXED)));
            info.in_use += live * slot_sizes[c.size_class];
        }
}

}  // namespace cmodx::code
