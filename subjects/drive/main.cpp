// SPDX-License-Identifier: Apache-2.0
// `cmodx_subject [--subject FILE.so …] [GLOB…] [--budget MS]`: drives subjects through what a JIT does with code, each
// scenario in a process of its own, and holds what is observed against what the subject claims. Exit code 0: as
// claimed; 1: weaker than claimed, or a crash; 2: usage; 77: nothing could run.
#include <dlfcn.h>
#include <fnmatch.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "drive/scenario.hpp"

// The subjects that are linked in, if any: of a static guest, or from an archive that is not position-independent.
extern "C" [[gnu::weak]] const cmodx_subject* const* cmodx_subjects();

namespace {

using subject_drive::context;
using subject_drive::outcome;
using subject_drive::scenario;

// A scenario in a child: its outcome, or how the child died.
outcome isolated(const scenario& s, const context& c) {
    int ends[2];
    if (pipe(ends) != 0) return {outcome::error, 0, 0, "no pipe"};
    const pid_t child = fork();
    if (child == 0) {
        alarm(static_cast<unsigned>(20 + c.milliseconds / 100));
        outcome o;
        const char* absent = c.subject->start != nullptr ? c.subject->start() : nullptr;
        if (absent != nullptr) {
            o.status = outcome::skip;
            snprintf(o.text, sizeof o.text, "%s", absent);
        } else {
            o = s.run(c);
        }
        _exit(write(ends[1], &o, sizeof o) == static_cast<ssize_t>(sizeof o) ? 0 : 3);
    }
    close(ends[1]);
    outcome o;
    const bool whole = read(ends[0], &o, sizeof o) == static_cast<ssize_t>(sizeof o);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (whole) return o;
    o = {outcome::crash, 0, 0, ""};
    const int by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (by == SIGALRM) o.status = outcome::timeout;
    snprintf(o.text, sizeof o.text, "ended by signal %d", by);
    return o;
}

int usage(const char* why) {
    std::fprintf(stderr, "cmodx_subject: %s\nusage: cmodx_subject [--subject FILE.so …] [GLOB…] [--budget MS]\n", why);
    return 2;
}

// Null, or why there are none.
const char* add(std::vector<const cmodx_subject*>& subjects, decltype(&cmodx_subjects) list) {
    if (list == nullptr) return "the file has no cmodx_subjects";
    for (const cmodx_subject* const* s = list(); *s != nullptr; ++s) {
        if ((*s)->version != CMODX_SUBJECT_VERSION) return "the subject is of another version";
        subjects.push_back(*s);
    }
    return nullptr;
}

const char* load(std::vector<const cmodx_subject*>& subjects, const char* file) {
#ifdef CMODX_SUBJECT_STATIC
    (void)subjects;
    (void)file;
    return "this is a static binary, with its subjects in it";
#else
    void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return dlerror();
    return add(subjects, reinterpret_cast<decltype(&cmodx_subjects)>(dlsym(library, "cmodx_subjects")));
#endif
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<const cmodx_subject*> subjects;
    std::vector<std::string> globs;
    long budget = 100;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--budget" && i + 1 < argc) {
            budget = std::strtol(argv[++i], nullptr, 10);
            if (budget <= 0) return usage("the budget is milliseconds");
        } else if (argument == "--subject" && i + 1 < argc) {
            if (const char* why = load(subjects, argv[++i]); why != nullptr) return usage(why);
        } else if (argument.starts_with("-")) {
            return usage(("unknown argument " + argument).c_str());
        } else {
            globs.push_back(argument);
        }
    }
    if (&cmodx_subjects != nullptr)
        if (const char* why = add(subjects, &cmodx_subjects); why != nullptr) return usage(why);
    if (subjects.empty()) return usage("which subject?");

    int status = 77;
    for (const cmodx_subject* s : subjects) {
        bool wanted = globs.empty();
        for (const std::string& g : globs) wanted = wanted || fnmatch(g.c_str(), s->name, 0) == 0;
        if (!wanted) continue;
        for (const scenario& one : subject_drive::scenarios()) {
            const outcome o = isolated(one, {s, budget});
            std::printf("%-20s %-12s %-8s %ld of %ld  %s\n", s->name, one.name, outcome::words[o.status], o.witnesses,
                        o.rounds, o.text);
            std::fflush(stdout);
            if (o.status == outcome::fail || o.status >= outcome::crash) status = 1;
            if (o.status <= outcome::not_seen && status == 77) status = 0;
        }
    }
    return status;
}
