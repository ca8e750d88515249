// SPDX-License-Identifier: Apache-2.0
#include "runner/engine/layout.hpp"

#include <algorithm>

namespace cmodx {
namespace {

constexpr std::size_t zone_size = 20480;  // bytes: of one location or stub, at any placement
constexpr std::size_t lead_size = 32;     // bytes of what leads into a site
constexpr std::array<std::size_t, 5> jumps = {0, 16, 64, 1024, 4096};

std::size_t misfit(std::size_t offset, std::size_t alignment) { return (alignment - offset % alignment) % alignment; }

}  // namespace

std::size_t layout::slot_size() const {
    const shape& form = *test_.form;
    std::size_t zones = 0;
    for (location x = 0; x < locations; ++x) zones += form.uses(x) ? 1 : 0;
    const std::size_t page = platform::page_size();
    return (zones * zone_size + page - 1) / page * page;
}

// Where in its zone the site begins, so that the patch lies as the test's placement says.
std::size_t layout::place(location x, std::size_t zone) {
    const site_layout& site = *test_.site;
    const placement at = test_.at;
    if (at.boundary == 0) {
        std::size_t begin = zone + misfit(site.patch, site.alignment);
        const bool near = x != 0 && choose_(2) == 0;  // the second location close behind the first, or pages away
        if (near) begin = patched_[0] + test_.site->size + misfit(patched_[0] + 2 * site.size, site.alignment);
        if (near) begin += misfit(begin + site.patch, site.alignment);
        return begin + site.alignment * choose_((near ? 256u : 4096u) / site.alignment);
    }
    std::size_t multiple = 1 + choose_(std::max<std::uint32_t>(4096 / at.boundary, 2));
    if (at.boundary < 4096) multiple |= 1;  // of no larger power of two
    const std::size_t begin = zone + 4096 + multiple * at.boundary - at.before - site.patch;
    if (begin % granule_of(*test_.isa, site) != 0) error_ = "the placement is not on an instruction boundary";
    return begin;
}

void layout::lay_out_site(location x) {
    const site_layout& site = *test_.site;
    code_buffer code{memory_.writable + begin_[x], end_[x] - begin_[x]};
    site.emit(code);
    if (code.full()) error_ = "the site does not fit its slot";
    if (!test_.form->led_into) return;
    code_buffer lead{memory_.writable + entry_[x], lead_size};
    while (lead.size < lead_size) test_.isa->nop(lead);
}

// The first of the locations inside is naturally aligned.
void layout::place_stub(std::size_t program, std::size_t zone) {
    const shape& form = *test_.form;
    const site_layout& site = *test_.site;
    spacing draw;
    for (const event& e : form.programs[program].events) {
        if (e.what == act::gap) draw.gap = choose_(33);
        if (e.what == act::jump) draw.jump = jumps[choose_(jumps.size())];
    }
    code_buffer measured{nullptr, 0};
    const inline_patches patches = assemble(test_, program, measured, draw);
    std::size_t begin = zone + site.alignment * choose_(256u / site.alignment);
    for (location x = locations; x-- > 0;)
        if (form.runs(program, x)) begin += misfit(begin + patches[x], site.alignment);
    for (location x = 0; x < locations; ++x) {
        if (!form.runs(program, x)) continue;
        patched_[x] = begin + patches[x];
        entry_[x] = patched_[x] - site.patch + site.entry;
    }
    inner_[program] = {.present = true, .draw = draw, .begin = begin, .end = zone + zone_size};
}

void layout::lay_out_stub(std::size_t program) {
    const inner& own = inner_[program];
    code_buffer code{memory_.writable + own.begin, own.end - own.begin};
    assemble(test_, program, code, own.draw);
    if (code.full()) error_ = "a thread's stub is too long";
}

void layout::choose_places(unsigned k) {
    const shape& form = *test_.form;
    const site_layout& site = *test_.site;
    std::size_t zone = k * slot_size();
    for (location x = 0; x < locations; ++x) {
        if (!form.uses(x)) continue;
        bool inside = false;
        for (std::size_t p = 0; p < form.programs.size(); ++p) {
            if (!form.runs(p, x)) continue;
            inside = true;
            place_stub(p, zone);
        }
        if (!inside) {
            begin_[x] = place(x, zone);
            end_[x] = zone + zone_size;
            patched_[x] = begin_[x] + site.patch;
            entry_[x] = begin_[x] + site.entry - (form.led_into ? lead_size : 0);
        }
        zone += zone_size;
    }
    apart_ = site.size + 8 + 8 * (form.noisy ? choose_(256) : 0);
}

void layout::lay_out_frame(lane& l, batch& b, instance& i, std::size_t slot) const {
    const auto set = [&](std::size_t word, std::uintptr_t value) { l.frame[word] = value; };
    const auto executable = reinterpret_cast<std::uintptr_t>(memory_.executable);
    const auto writable = reinterpret_cast<std::uintptr_t>(memory_.writable);
    l = {};
    l.of = &i;
    l.see(b.tokens[0], 0, b.words[0]);
    set(static_cast<std::size_t>(field::clear_cache), platform::clear_cache_function());
    set(static_cast<std::size_t>(field::interrupt), platform::interrupt_function());
    set(static_cast<std::size_t>(field::page), executable + slot);
    set(static_cast<std::size_t>(field::page_length), slot_size());
    set(static_cast<std::size_t>(field::scratch), reinterpret_cast<std::uintptr_t>(l.scratch.data()));
    for (location x = 0; x < locations; ++x) {
        set(word_of(field::flag, x), reinterpret_cast<std::uintptr_t>(&i.flags[x].value));
        if (!test_.form->uses(x)) continue;
        const std::uintptr_t entry = executable + entry_[x] + test_.site->state;
        set(word_of(field::site, x), entry);
        set(word_of(field::target, x), writable + patched_[x]);
        set(word_of(field::source, x), reinterpret_cast<std::uintptr_t>(b.patches[0].data()));
        set(word_of(field::begin, x), executable + patched_[x]);
        set(word_of(field::end, x), executable + patched_[x] + test_.site->patch_size);
        std::memcpy(l.scratch.data() + x * sizeof entry, &entry, sizeof entry);  // the table of fetch_chosen
    }
}

const char* layout::lay_out(const platform::code_memory& memory, batch& b, unsigned k, std::span<worker> threads) {
    const shape& form = *test_.form;
    const std::size_t slot = k * slot_size();
    memory_ = memory;
    code_buffer traps{memory.writable + slot, slot_size()};
    while (traps.size < slot_size()) test_.isa->trap(traps);

    choose_places(k);
    for (std::size_t p = 0; p < form.programs.size(); ++p)
        if (inner_[p].present) lay_out_stub(p);
    for (location x = 0; x < locations; ++x)
        if (end_[x] != 0) lay_out_site(x);

    instance& i = b.instances[k];
    i.reset();
    for (location x = 0; x < locations; ++x) {
        if (!form.uses(x)) continue;
        i.places[x].entry = reinterpret_cast<std::uintptr_t>(memory.executable) + entry_[x];
        i.places[x].patched = memory.executable + patched_[x];
    }
    // Data behind the site, on its page.
    const std::size_t beside = patched_[0] / 4096 * 4096 + (patched_[0] + apart_) % 4096 / 8 * 8;
    for (std::size_t t = 0; t < threads.size(); ++t) {
        lane& l = threads[t].lanes[k];
        lay_out_frame(l, b, i, slot);
        const std::size_t program = program_of(form, t);
        const inner& own = inner_[program];
        l.run = own.present ? reinterpret_cast<stub>(memory.executable + own.begin) : stubs_[program];
        if (form.noisy) l.frame[word_of(field::flag, 1)] = reinterpret_cast<std::uintptr_t>(memory.writable) + beside;
    }
    return error_;
}

}  // namespace cmodx
