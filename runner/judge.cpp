// SPDX-License-Identifier: Apache-2.0
#include "runner/judge.hpp"

#include <fmt/format.h>

#include "runner/subject.hpp"

namespace cmodx {
namespace {

question ask(const test_case& t, const std::vector<std::string_view>& writer,
             const std::vector<std::string_view>& executor, std::span<const fact> facts) {
    return {.between = t.form->between,
            .site = t.site->name,
            .at = t.at,
            .patch_size = t.site->patch_size,
            .path = t.path,
            .writer = writer,
            .executor = executor,
            .exclusive = false,
            .seen = witness::torn,
            .facts = facts};
}

bool is_forbidden(const counted_witness& w) {
    return w.ruled.ruling.ruling == verdict::forbidden && gates(w.ruled.ruling.strength);
}

// What is asked of the kernel is the evidence of such a test; of others it is code that was modified.
bool asks_the_kernel(const test_case& t) {
    return t.form->seeks[0] == witness::wrong_errno || t.form->seeks[0] == witness::exposed;
}

// Whether what the machine refuses was not refused from the start: memory can run out in the midst of a run.
bool has_begun(const test_case& t, const trial_result& r) {
    return r.batches != 0 && (asks_the_kernel(t) ? r.counts.rounds : r.counts.writes) != 0;
}

// Executions that could have shown it: where generations cannot be told apart, only what is none of them.
std::uint64_t chances(witness of, const tally& counts) {
    if (of == witness::torn || of == witness::fault) return counts.rounds;
    return counts.rounds - counts.count[static_cast<std::size_t>(outcome::ambiguous)];
}

// Why a run without one forbidden witness proves nothing; empty when it does prove something.
std::string vacuity(const test_case& t, const trial_result& r) {
    if (r.counts.rounds == 0) return "vacuous: the site was never run";
    if (asks_the_kernel(t)) return {};
    if (r.counts.writes == 0) return "vacuous: the site was never modified";
    if (r.counts.fresh == 0) return "vacuous: no generation was read without a system call before it";
    if (r.counts.transitions == 0) return "vacuous: only one generation of the code was ever seen";
    return {};
}

}  // namespace

std::vector<std::string_view> performed(const test_case& t, std::uint8_t thread) {
    std::vector<std::string_view> names = names_of(thread == 0 ? t.writer : t.executor);
    if (t.form->by_script == nullptr) return names;
    const std::size_t steps = names.size();
    std::size_t inserted = 0;
    for (const implied_step& i : t.form->by_script->implied) {
        if (i.thread != thread) continue;
        std::size_t at = names.size();
        if (i.where == implied_step::place::first) at = inserted;
        if (i.where == implied_step::place::amid) at = inserted + steps / 2;
        names.insert(names.begin() + static_cast<std::ptrdiff_t>(at), i.name);
        if (i.where != implied_step::place::last) ++inserted;
    }
    return names;
}

std::vector<ruled_witness> rule(const test_case& t, std::span<const fact> facts) {
    if (is_subject(*t.form)) {
        std::vector<ruled_witness> claims;
        for (const witness w : t.form->seeks) claims.push_back({w, linked_subjects()->claimed(*t.form)});
        return claims;
    }
    const std::vector<std::string_view> writer = performed(t, 0);
    const std::vector<std::string_view> executor = performed(t, 1);
    question q = ask(t, writer, executor, facts);
    q.exclusive = must_be_exclusive(t, facts);
    std::vector<ruled_witness> rulings;
    for (const witness w : t.form->seeks) {
        q.seen = w;
        rulings.push_back({w, judge(*t.on->rules, q)});
    }
    return rulings;
}

bool must_be_exclusive(const test_case& t, std::span<const fact> facts) {
    if (t.form->between != relation::cross_thread || (!t.form->waits && t.form->by_script == nullptr)) return false;
    if (t.form->by_script != nullptr) return !t.form->by_script->runs_meanwhile;
    if (t.path == mapping::flip) return true;
    question q = ask(t, {}, {}, facts);
    q.between = relation::concurrent;
    return judge(*t.on->rules, q).ruling != verdict::forbidden;
}

judged judge_trial(const test_case& t, const std::vector<ruled_witness>& rulings, const trial_result& r) {
    judged j;
    const counted_witness* worst = nullptr;
    for (const ruled_witness& ruled : rulings) {
        counted_witness w = {
            .ruled = ruled, .k = r.counts.seen(ruled.what), .n = chances(ruled.what, r.counts), .upper95 = {}};
        if (ruled.what == witness::never_new && r.counts.settled != 0) w.n = r.counts.settled;
        if (w.k == 0) {
            if (ruled.what == witness::stale) w.n = r.counts.fresh;
            if (w.n != 0) w.upper95 = 3.0 / static_cast<double>(w.n);
        }
        j.witnesses.push_back(w);
    }
    bool any = false;
    for (const counted_witness& w : j.witnesses) {
        if (w.k == 0) continue;
        any |= w.ruled.ruling.ruling != verdict::required;
        if (is_forbidden(w) && worst == nullptr) worst = &w;
    }
    // A test speaks by its first witness; where that is not forbidden, by whichever was shown.
    const counted_witness& sought = j.witnesses.front();
    const bool looks = sought.ruled.ruling.ruling != verdict::forbidden;
    const bool shown = looks ? any : sought.k != 0;
    if (r.error != nullptr) {
        j.is = status::error;
        j.reason = r.error;
    } else if (r.counts.failed_calls != 0) {
        j.is = status::error;  // what was seen was not seen under the protocol that is judged
        j.reason = "a system call of the protocol failed";
    } else if (worst != nullptr) {
        j.is = status::fail;
        j.reason = fmt::format("{} seen {} of {} times, and it is forbidden",
                               witness_names[static_cast<std::size_t>(worst->ruled.what)], worst->k, worst->n);
    } else if (r.refused != nullptr) {
        j.is = has_begun(t, r) ? status::error : status::skip;
        j.reason = r.refused;
    } else if (shown) {
        j.is = status::seen;
        if (!looks) j.reason = "forbidden, on a basis that does not gate";
    } else if (const std::string why = vacuity(t, r); !why.empty()) {
        // An allowed witness can explain it: code that never changes, where that is not forbidden, proves nothing.
        const bool explained = r.counts.seen(witness::stale) + r.counts.seen(witness::never_new) != 0;
        j.is = explained ? status::not_seen : status::error;
        j.reason = why;
    } else if (!looks) {
        j.is = status::pass;
    } else {
        j.is = status::not_seen;
    }
    return j;
}

}  // namespace cmodx
