// SPDX-License-Identifier: Apache-2.0
#include "runner/catalogue.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_set>

#include "runner/selftest.hpp"
#include "runner/subject.hpp"

namespace cmodx {
namespace {

constexpr std::uint16_t sweep_boundaries[] = {8, 16, 32, 64, 4096};  // bytes
constexpr std::size_t most_single_store = 8;
constexpr std::size_t few = 3;  // protocols, where all of them are tried elsewhere

class builder {
  public:
    builder(const known_architecture& on, ground where) : on_(on), where_(where) {}

    std::vector<test_case> build(const std::vector<const shape*>& forms) {
        for (const shape* form : forms) {
            if (!stands_on(*form)) continue;
            for (const mapping path : form->paths)
                for (const site_layout& site : on_.isa.sites)
                    if (fits(*form, site, path) && (form->everywhere || &site == only_site(*form)))
                        add_protocols(*form, site, path);
        }
        return std::move(tests_);
    }

  private:
    // A scripted shape is about an operating system, or about what only a kernel can do; of self-tests, some are about
    // neither.
    bool stands_on(const shape& form) const {
        if (form.by_script == nullptr || (is_selftest(form) && form.by_script->needs.empty())) return true;
        return (form.by_script->needs == "bare") == (where_ == ground::bare);
    }

    // Whether some step is one that `is`.
    template <class Is>
    bool has(const protocol& p, Is is) const {
        for (const step_list* list : {&p.writer, &p.executor})
            for (const step* s : find(*list))
                if (is(*s)) return true;
        return false;
    }
    // Steps of a kernel are for where there is no other.
    bool has_ground(const protocol& p) const { return where_ == ground::bare || !has(p, is_privileged); }
    bool suits(const protocol& p, const scripted& script) const {
        if (p.use != script.use || !has_ground(p)) return false;
        if (where_ == ground::bare && has(p, is_system_call)) return false;
        if (!script.by_step.empty() && !has(p, [&](const step& s) { return s.name == script.by_step; })) return false;
        return !has(p, [&](const step& s) { return s.name == script.never_by; });
    }

    // Whether the manual leaves it to chance what happens when the site is executed while it is modified, whatever
    // the machine: Arm's list of instructions that may be.
    bool out_of_class(const site_layout& site) const {
        const question q = {.between = relation::concurrent,
                            .site = site.name,
                            .at = {},
                            .patch_size = site.patch_size,
                            .path = mapping::same,
                            .writer = {},
                            .executor = {},
                            .exclusive = false,
                            .seen = witness::torn,
                            .facts = {}};
        return judge(*on_.rules, q).ruling == verdict::unpredictable;
    }

    bool has_step(std::string_view name) const {
        for (const step& s : on_.isa.steps)
            if (s.name == name) return true;
        return name.empty();
    }

    bool fits(const shape& form, const site_layout& site, mapping path) const {
        if (form.by_script != nullptr) {
            const bool right =
                form.by_script->site.empty() ? site.by == tried::one_way : site.name == form.by_script->site;
            return right && has_step(form.by_script->with_step);
        }
        if (site.generations < form.needs_generations) return false;
        if (form.only_site.empty() ? site.data : site.name != form.only_site) return false;
        if (form.only_site.empty() && site.by != tried::everywhere && !(form.plain && site.by == tried::briefly))
            return false;
        if (needs_class(form) && (out_of_class(site) || site.patch_size > most_single_store)) return false;
        return path != mapping::flip || site.name == "imm" || site.name == "body";
    }

    // Whether its threads run code while it is modified and tell generations apart all the same.
    static bool needs_class(const shape& form) {
        return !form.waits && form.between != relation::same_thread &&
               (form.between != relation::concurrent || form.together);
    }

    // The site for a shape that is not tried at every one: that of the twins, or the first that can be it.
    const site_layout* only_site(const shape& form) const {
        const site_layout* first = nullptr;
        for (const site_layout& site : on_.isa.sites) {
            if (!fits(form, site, form.paths[0])) continue;
            if (shows_twins(form, site)) return &site;
            if (first == nullptr && (form.between == relation::same_thread || !out_of_class(site))) first = &site;
        }
        return first;
    }

    // Leave-one-out twins and what people use need one site to show themselves: where two threads meet, the one
    // that the manual lets them run and modify at once.
    bool shows_twins(const shape& form, const site_layout& site) const {
        if (form.by_script != nullptr) return true;
        if (!form.only_site.empty()) return site.name == form.only_site;
        return site.name == (form.between == relation::same_thread ? "imm" : on_.rules->twin_site);
    }

    // Whether one thread that does this may see no old code on any machine, whoever made it.
    bool is_enough_everywhere(const protocol& p, const site_layout& site) const {
        const question q = {.between = relation::same_thread,
                            .site = site.name,
                            .at = site.at,
                            .patch_size = site.patch_size,
                            .path = mapping::same,
                            .writer = p.writer,
                            .executor = {},
                            .exclusive = true,
                            .seen = witness::stale,
                            .facts = {}};
        return judge(*on_.rules, q).ruling == verdict::forbidden;
    }

    // A scripted shape is slow and mostly about something else than the protocol: then the first few do.
    void add_scripted(const shape& form, const site_layout& site, mapping path) {
        const scripted& script = *form.by_script;
        const bool first = path == form.paths[0];
        const std::size_t most = is_selftest(form) ? 1 : !first ? 2 : script.twins ? on_.rules->protocols.size() : few;
        std::vector<test_case> whole;
        for (const protocol& p : on_.rules->protocols) {
            if (!script.steps || p.between != script.protocols || p.from != protocol::origin::sufficient) continue;
            if (!suits(p, script) || (is_selftest(form) && !is_enough_everywhere(p, site))) continue;
            if (whole.size() == most) break;
            test_case t = bare(form, site, path, origin::sufficient);
            t.writer = find(p.writer);
            if (!t.one_thread()) t.executor = find(p.executor);
            if (add(t)) whole.push_back(tests_.back());
        }
        if (!is_selftest(form)) add(bare(form, site, path, origin::none));
        left_out_.clear();
        if (script.twins && first)
            for (const test_case& t : whole) add_twins(t, true);
    }

    void add_protocols(const shape& form, const site_layout& site, mapping path) {
        if (form.by_script != nullptr) return add_scripted(form, site, path);
        std::vector<test_case> whole;
        // A shape that is not for everywhere has its twins at one place, and what people use only where that is all
        // there is.
        const bool twins = form.everywhere ? shows_twins(form, site) : path == form.paths.back();
        const relation between = form.between == relation::load_to_fetch ? relation::cross_thread : form.between;
        const bool common = between == relation::same_thread || between == relation::cross_thread;
        // Twins of each whole, or one for each step that can be left out.
        const bool first = path == form.paths.front();
        const bool each = form.everywhere && first;
        const std::size_t most = site.by == tried::briefly ? 1 : twins || each ? on_.rules->protocols.size() : few;
        for (const origin from : {origin::sufficient, origin::practice}) {
            for (const protocol& p : on_.rules->protocols) {
                if (p.between != between || (p.from == protocol::origin::sufficient) != (from == origin::sufficient))
                    continue;
                if (p.use != purpose::code || !has_ground(p)) continue;
                if (from == origin::practice && (!twins || (common && !form.everywhere))) continue;
                if (whole.size() >= most) break;
                test_case t = bare(form, site, path, from);
                // A thread may have no place for steps, as where the modification is itself the flag.
                if (form.takes_steps(0)) t.writer = find(p.writer);
                if (form.programs.size() > 1 && form.takes_steps(form.programs.size() - 1))
                    t.executor = find(p.executor);
                if (add(t) && from == origin::sufficient) whole.push_back(tests_.back());
            }
        }
        add(bare(form, site, path, origin::none));
        left_out_.clear();
        if (twins)
            for (const test_case& t : whole) add_twins(t, !each);
        if (form.sweeps_placement && path == mapping::same && site.name == "imm") add_sweep(form, site);
    }

    // Whether no rule can need the step: its twin would be another name for the whole.
    bool does_nothing(std::string_view step) const {
        for (const action& a : on_.rules->actions)
            if (a.step == step)
                for (const effects what : a.does)
                    if (what != 0) return false;
        return true;
    }

    // `once`: only what has not been left out of another test yet.
    void add_twins(const test_case& whole, bool once) {
        for (const bool writer : {true, false}) {
            const std::vector<const step*>& steps = writer ? whole.writer : whole.executor;
            for (std::size_t i = 0; i < steps.size(); ++i) {
                if (!whole.form->everywhere && does_nothing(steps[i]->name)) continue;
                const auto end = steps.begin() + static_cast<std::ptrdiff_t>(i);
                const auto which = std::count(steps.begin(), end, steps[i]);
                if (!left_out_.emplace(writer, steps[i]->name, which).second && once) continue;
                test_case t = whole;
                auto& list = writer ? t.writer : t.executor;
                t.from = origin::twin;
                t.twin_of = whole.name;
                t.omits_writer = writer;
                t.omits = list[i]->name;
                list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
                add(t);
            }
        }
    }

    void add_sweep(const shape& form, const site_layout& site) {
        for (const std::uint16_t boundary : sweep_boundaries)
            for (std::size_t before = 0; before <= site.patch_size; before += on_.isa.granule) {
                test_case t = bare(form, site, mapping::same, origin::none);
                t.at = {boundary, static_cast<std::uint8_t>(before)};
                add(t);
            }
    }

    test_case bare(const shape& form, const site_layout& site, mapping path, origin from) const {
        test_case t;
        t.on = &on_;
        t.form = &form;
        t.site = &site;
        t.at = form.at == placement{} ? site.at : form.at;
        t.path = path;
        t.from = from;
        return t;
    }

    std::vector<const step*> find(std::span<const std::string_view> names) const {
        std::vector<const step*> steps;
        for (const std::string_view name : names)
            for (const step& s : on_.isa.steps)
                if (s.name == name) steps.push_back(&s);
        return steps;
    }

    bool add(test_case t) {
        // Where the code may not run while it changes, the executor waits for the flag: that wait is a `ctrl`, and
        // the name says so.
        const bool waits = t.form->waits || t.form->by_script != nullptr;
        if (waits && t.form->between == relation::cross_thread && (out_of_class(*t.site) || t.path == mapping::flip) &&
            !contains(t.executor, "ctrl"))
            t.executor.insert(t.executor.begin(), find(std::array<std::string_view, 1>{"ctrl"}).at(0));
        t.name = name_of(t);
        if (!names_.insert(t.name).second) return false;
        tests_.push_back(std::move(t));
        return true;
    }

    const known_architecture& on_;
    ground where_;
    std::vector<test_case> tests_;
    std::unordered_set<std::string> names_;
    std::set<std::tuple<bool, std::string_view, std::ptrdiff_t>> left_out_;  // writer's, step, which of that name
};

std::vector<const shape*> linked_in(bool selftest) {
    std::vector<const shape*> all;
    for (const shape* s = shape_list(); s != nullptr; s = s->next)
        if (is_selftest(*s) == selftest) all.push_back(s);
    std::sort(all.begin(), all.end(), [](const shape* a, const shape* b) { return a->name < b->name; });
    return all;
}

}  // namespace

std::vector<const shape*> shapes() { return linked_in(false); }

std::vector<test_case> catalogue(const known_architecture& on, ground where) {
    return builder(on, where).build(shapes());
}

std::vector<test_case> subject_tests(const known_architecture& on) {
    if (linked_subjects() == nullptr) return {};
    return builder(on, ground::linux_process).build(linked_subjects()->shapes(on.isa, on.rules->twin_site));
}

std::vector<test_case> selftests(const known_architecture& on, ground where) {
    return builder(on, where).build(linked_in(true));
}

bool asks_for_selftests(const std::vector<std::string>& globs) {
    return !globs.empty() &&
           std::all_of(globs.begin(), globs.end(), [](const std::string& g) { return g.starts_with(selftest_prefix); });
}

std::vector<test_case> bare_tests_for(const known_architecture& on, const std::vector<std::string>& globs) {
    return asks_for_selftests(globs) ? selftests(on, ground::bare) : catalogue(on, ground::bare);
}

}  // namespace cmodx
