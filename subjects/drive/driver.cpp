// SPDX-License-Identifier: Apache-2.0
// Subjects as tests: a scripted shape for each subject and scenario, and what the subject claims as its verdict.
#include "drive/driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <stdexcept>

#include "drive/descriptor.hpp"
#include "drive/scenario.hpp"
#include "runner/subject.hpp"

namespace cmodx::subjects {
namespace {

constexpr std::size_t room = 256;  // bytes of a kept text
constexpr mapping only_path[] = {mapping::same};

struct subject_test {
    const cmodx_subject* subject;
    const scenario* what;
    std::string name;
    std::string source;
    scripted script{};
    shape form{};
};

std::vector<const cmodx_subject*>& all() {
    static std::vector<const cmodx_subject*> subjects;
    return subjects;
}
std::deque<subject_test>& tests() {
    static std::deque<subject_test> made;
    return made;
}

const subject_test& test_of(const shape& form) {
    return *std::find_if(tests().begin(), tests().end(), [&](const subject_test& t) { return &t.form == &form; });
}

bool has_bytes(const cmodx_subject& s) { return s.alloc != nullptr && s.publish != nullptr; }

bool by_bytes(const subject_test& t) {
    return t.what->at == level::bytes || (t.what->at == level::any && has_bytes(*t.subject));
}

bool offers(const cmodx_subject& s, const scenario& what) {
    if (what.at == level::bytes && !has_bytes(s)) return false;
    if (what.at == level::function && s.emit == nullptr) return false;
    if (what.needs == change::none) return true;
    return what.needs == change::patch ? s.patch != nullptr : s.retarget != nullptr;
}

// One whose modified bytes can lie across a boundary, if that is what it is about; or that may be modified while it
// runs, if it is.
std::string_view site_for(const architecture& isa, std::string_view live_site, const scenario& what) {
    if (what.boundary != 0)
        for (const site_layout& s : isa.sites)
            if (!s.data && s.state == 0 && s.generations == 256 && s.patch_size > isa.granule) return s.name;
    return what.needs == change::patch ? live_site : "imm";
}

std::string_view claim_text(const cmodx_subject& s, claim rests_on) {
    if (rests_on == claim::wx) return (s.promises & CMODX_WX) != 0 ? "no page writable and executable" : "";
    switch (s.claim) {
        case CMODX_TO_CALLER: return "visible to the caller";
        case CMODX_TO_ACQUIRER: return "visible to a thread that acquires a flag";
        case CMODX_TO_READER_SYNC: return "visible to a thread that calls reader_sync";
        case CMODX_TO_ALL: return "visible to all";
    }
    return "";
}

void run(script& s) {
    const subject_test& t = test_of(*s.parts().form);
    static bool started = false;  // of this process, which is the test's own
    if (!started && t.subject->start != nullptr)
        if (const char* why = t.subject->start(); why != nullptr) return s.refuse(kept(why));
    started = true;
    t.what->run(s, *t.subject, t.what->boundary);
}

std::vector<const shape*> shapes(const architecture& isa, std::string_view live_site) {
    (void)kept("");  // mapped before the tests' processes are forked
    if (all().empty() && linked_in() != nullptr)
        if (const std::string why = add(linked_in()); !why.empty())
            throw std::runtime_error("the subjects in this binary: " + why);
    std::vector<const shape*> forms;
    for (const cmodx_subject* s : all())
        for (const scenario& what : scenarios()) {
            // No instruction lies across what instructions are aligned to.
            if (!offers(*s, what) || (what.boundary != 0 && what.boundary <= isa.granule)) continue;
            subject_test& t = tests().emplace_back();
            t.subject = s;
            t.what = &what;
            t.name = fmt::format("{}{}.{}", subject_prefix, s->name, what.name);
            t.source = fmt::format("claim of {}: {}", s->name, claim_text(*s, what.rests_on));
            t.script.run = run;
            t.script.needs = "linux";
            t.script.cpus = what.cpus;
            t.script.maps = true;
            t.script.protocols = relation::same_thread;
            t.script.site = site_for(isa, live_site, what);
            t.form.name = t.name;
            t.form.meaning = what.meaning;
            t.form.between = relation::same_thread;
            t.form.seeks = what.seeks;
            t.form.paths = only_path;
            t.form.needs_generations = 2;
            t.form.by_script = &t.script;
            forms.push_back(&t.form);
        }
    return forms;
}

judgement claimed(const shape& form) {
    const subject_test& t = test_of(form);
    const bool more = t.subject->claim != CMODX_TO_CALLER;
    switch (t.what->rests_on) {
        case claim::nothing:
            return {verdict::forbidden, basis::claim, t.source, "every claim covers the thread that makes the code"};
        case claim::others:
            if (more) return {verdict::forbidden, basis::claim, t.source, "the claim covers other threads"};
            return {verdict::unspecified, basis::claim, t.source, "the claim covers no other thread"};
        case claim::wx: break;
    }
    if ((t.subject->promises & CMODX_WX) != 0) return {verdict::forbidden, basis::claim, t.source, "it is promised"};
    return {verdict::unspecified, basis::claim, t.source, "it is not promised"};
}

std::string_view site(const shape& form) {
    const subject_test& t = test_of(form);
    return by_bytes(t) ? t.script.site : "function";
}

const subject_driver this_driver = [] {
    subject_driver d = {.shapes = shapes, .claimed = claimed, .site = site, .load = loader()};
    return d;
}();
const bool linked = (linked_subjects() = &this_driver) != nullptr;

}  // namespace

const char* kept(const char* text) {
    static char* const memory = static_cast<char*>(platform::shared_memory(room));
    if (memory == nullptr || text == nullptr || *text == '\0') return "the subject says no reason";
    std::snprintf(memory, room, "%s", text);
    for (char* c = memory; *c != '\0'; ++c)
        if (*c == '\n' || *c == '\r') *c = ' ';
    return memory;
}

std::string add(const cmodx_subject* const* list) {
    if (list == nullptr || *list == nullptr) return "cmodx_subjects names none";
    for (; *list != nullptr; ++list) {
        if (std::string why = wrong_with(**list, all()); !why.empty()) return why;
        all().push_back(*list);
    }
    return {};
}

}  // namespace cmodx::subjects
