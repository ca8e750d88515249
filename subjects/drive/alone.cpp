// SPDX-License-Identifier: Apache-2.0
// Scenarios of one thread.
#include "drive/alone.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

namespace cmodx::subjects {
namespace {

constexpr std::uint32_t rounds = 256;  // at one place
constexpr std::size_t straddled[] = {4, 8, 16, 32, 64, 4096};
constexpr std::size_t spare = std::size_t{24} << 20;  // bytes of address space until there is none
constexpr std::size_t much = 60'000;                  // bytes a function
constexpr std::size_t most = 1'000'000;               // functions

// Modifies the piece, and runs it after each.
void modify_alone(script& s, const cmodx_subject& by, piece& p) {
    begin(by);
    synchronize(by);
    aim(s, p);
    expect(s, p, run(s, by, p), 0);
    for (std::uint32_t g = 1; g <= rounds && !s.over(); ++g) {
        if (const int error = modify(s, by, p, g); error != 0) {
            refused(s, by, error);
            break;
        }
        accepted();
        s.wrote();
        synchronize(by);
        expect(s, p, run(s, by, p), g);
    }
    end(by);
    by.drop(&p.code);
}

std::uint64_t pages_in_use() {
    unsigned long pages = 0;
    std::FILE* const f = std::fopen("/proc/self/statm", "r");
    if (f == nullptr) return 0;
    if (std::fscanf(f, "%lu", &pages) != 1) pages = 0;
    std::fclose(f);
    return pages;
}

}  // namespace

void same_thread(script& s, const cmodx_subject& by, std::size_t) {
    begin(by);
    for (std::uint32_t g = 0; g < rounds && !s.over(); ++g) {
        piece p = make(s, by, level::any, g);
        if (p.error != 0) return s.fail("the subject made no code");
        s.wrote();
        synchronize(by);
        aim(s, p);
        expect(s, p, run(s, by, p), g);
        by.drop(&p.code);
    }
    end(by);
}

template <level As>
void modify_same_thread(script& s, const cmodx_subject& by, std::size_t) {
    piece p = make(s, by, As, 0);
    if (p.error != 0) return s.fail("the subject made no code");
    modify_alone(s, by, p);
}
template void modify_same_thread<level::bytes>(script&, const cmodx_subject&, std::size_t);
template void modify_same_thread<level::function>(script&, const cmodx_subject&, std::size_t);

void modify_across(script& s, const cmodx_subject& by, std::size_t) {
    const std::size_t granule = s.parts().isa->granule;
    const std::size_t size = s.parts().site->patch_size;
    static std::size_t turn = 0;  // whether all are refused does not depend on chance
    const std::size_t boundary = straddled[turn++ % std::size(straddled)];
    const std::size_t before = granule * (1 + s.choose(static_cast<std::uint32_t>(size / granule - 1)));
    piece p = make_across(s, by, boundary, before, 0);
    if (p.error == -1) return s.refuse("the subject's addresses cannot be foreseen");
    if (p.error != 0) return s.fail("the subject made no code");
    modify_alone(s, by, p);
}

void writable_and_executable(script& s, const cmodx_subject& by, std::size_t) {
    piece p = make(s, by, level::any, 1);
    if (p.error != 0) return s.fail("the subject made no code");
    char line[512], how[5];
    std::FILE* const maps = std::fopen("/proc/self/maps", "r");
    if (maps == nullptr) return s.refuse("/proc/self/maps cannot be read");
    while (std::fgets(line, sizeof line, maps) != nullptr)
        if (std::sscanf(line, "%*s %4s", how) == 1)
            s.count(how[1] == 'w' && how[2] == 'x' ? outcome_of(witness::exposed) : outcome::current);
    std::fclose(maps);
    by.drop(&p.code);
}

void forked(script& s, const cmodx_subject& by, std::size_t) {
    piece p = make(s, by, level::any, 5);
    if (p.error != 0) return s.fail("the subject made no code");
    begin(by);
    synchronize(by);
    const pid_t child = fork();
    if (child == 0) {
        bool right = false;
        const bool survived = s.survives([&] { right = run(s, by, p) == s.token_of(5); });
        _exit(survived && right ? 0 : 1);
    }
    if (child < 0) return s.refuse("fork is denied");
    int status = 0;
    waitpid(child, &status, 0);
    s.contract(status, 0);
    expect(s, p, run(s, by, p), 5);
    end(by);
    by.drop(&p.code);
}

// Address space runs out: the subject says so, and goes on when some of it has been given back.
void exhausted(script& s, const cmodx_subject& by, std::size_t) {
    piece first = make(s, by, level::any, 3);
    if (first.error != 0) return s.fail("the subject made no code");
    std::vector<piece> made(most);
    made.clear();
    const std::uint64_t pages = pages_in_use();
    if (pages == 0) return s.refuse("/proc/self/statm cannot be read");
    rlimit before = {};
    getrlimit(RLIMIT_AS, &before);
    const rlimit low = {static_cast<rlim_t>(pages * s.page() + spare), before.rlim_max};
    if (setrlimit(RLIMIT_AS, &low) != 0) return s.refuse("RLIMIT_AS cannot be set");
    if (mmap(nullptr, 2 * spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return s.refuse("RLIMIT_AS is not enforced here");
    bool refused = false;
    while (!refused && made.size() < most) {
        const piece p = make(s, by, level::any, 3, 0, much);
        refused = p.error != 0;
        if (!refused) made.push_back(p);
    }
    for (piece& p : made) by.drop(&p.code);
    begin(by);
    synchronize(by);
    expect(s, first, run(s, by, first), 3);
    piece last = make(s, by, level::any, 4);
    s.contract(last.error, 0);
    synchronize(by);
    if (last.error == 0) expect(s, last, run(s, by, last), 4);
    end(by);
    if (last.error == 0) by.drop(&last.code);
    by.drop(&first.code);
    setrlimit(RLIMIT_AS, &before);
    if (!refused) s.refuse("the subject does not run out of memory");
}

}  // namespace cmodx::subjects
