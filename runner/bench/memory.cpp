// SPDX-License-Identifier: Apache-2.0
// What the kernel's part costs: the page fault on first touch of fresh code, on each CPU, and the mprotect flip.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner/bench/prices.hpp"

namespace cmodx {
namespace {

// A file in memory with the same function on every page.
struct code_file {
    int file = -1;
    std::size_t pages = 0;
    std::uint8_t* mapped = nullptr;  // pages lie two apart, each a mapping of its own: the kernel maps no neighbours
    std::uint8_t* writable = nullptr;

    code_file(const bench_context& c, std::size_t count) : pages(count) {
        const std::size_t page = platform::page_size();
        file = static_cast<int>(syscall(SYS_memfd_create, "cmodx", 1U));
        if (file < 0 || ftruncate(file, static_cast<off_t>(pages * page)) != 0) throw refused("memfd_create is denied");
        void* const at = mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        void* const room = mmap(nullptr, 2 * pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED || room == MAP_FAILED) throw refused("memory could not be mapped");
        writable = static_cast<std::uint8_t*>(at);
        mapped = static_cast<std::uint8_t*>(room);
        for (std::size_t i = 0; i < pages; ++i) {
            code_buffer code{writable + i * page, page};
            c.site("imm").emit(code);
        }
        platform::synchronize(writable, pages * page);
    }
    ~code_file() {
        munmap(mapped, 2 * pages * platform::page_size());
        munmap(writable, pages * platform::page_size());
        close(file);
    }
    code_file(const code_file&) = delete;
    code_file& operator=(const code_file&) = delete;

    std::uint8_t* at(std::size_t i) const { return mapped + 2 * i * platform::page_size(); }
    // Anew: no page is present.
    void map_all() const {
        for (std::size_t i = 0; i < pages; ++i)
            if (mmap(at(i), platform::page_size(), PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file,
                     static_cast<off_t>(i * platform::page_size())) == MAP_FAILED)
                throw refused("an executable shared mapping is denied");
    }
};

void call(std::uint8_t* code, const site_layout& site) {
    reinterpret_cast<void (*)()>(reinterpret_cast<std::uintptr_t>(code) + site.entry)();
}

void add_first_touch(const bench_context& c, price_list& list, unsigned cpu) {
    constexpr std::size_t most_pages = 256;
    const auto code = std::make_shared<code_file>(c, most_pages);
    const site_layout& site = c.site("imm");
    const auto touch = [code, &site, watch = c.watch](std::vector<double>& samples, unsigned first, unsigned then) {
        for (std::size_t done = 0; done < samples.size();) {
            platform::pin(first);
            code->map_all();
            const std::size_t some = std::min(code->pages, samples.size() - done);
            if (first != then) {
                for (std::size_t i = 0; i < some; ++i) call(code->at(i), site);
                platform::pin(then);
            }
            for (std::size_t i = 0; i < some; ++i) samples[done + i] = timed(watch, [&] { call(code->at(i), site); });
            done += some;
        }
    };
    list.push_back({.name = fmt::format("first call of a page, CPU {}", cpu),
                    .group = "memory",
                    .meaning = "page fault on code that lies in the page cache, then its execution",
                    .less = "timer",
                    .from = static_cast<int>(cpu),
                    .sample = [touch, cpu](std::vector<double>& samples) { touch(samples, cpu, cpu); }});
    const unsigned other = cpu == c.cpus[0] ? c.cpus.back() : c.cpus[0];
    if (other == cpu) return;
    list.push_back({.name = fmt::format("first call on CPU {} after CPU {}", cpu, other),
                    .group = "memory",
                    .meaning = "execution of a page that is mapped already and was never run on this CPU",
                    .less = "timer",
                    .from = static_cast<int>(other),
                    .to = static_cast<int>(cpu),
                    .sample = [touch, cpu, other](std::vector<double>& samples) { touch(samples, other, cpu); }});
}

// A fresh anonymous page gets its first code, which then runs.
void add_fresh(const bench_context& c, price_list& list) {
    const site_layout& site = c.site("imm");
    std::array<std::uint8_t, 64> room{};
    code_buffer image{room.data(), room.size()};
    site.emit(image);
    list.push_back({.name = "first code on a fresh anonymous page",
                    .group = "memory",
                    .meaning = "page fault on the write, store of the code, clear_cache, its execution",
                    .less = "timer",
                    .begin = [cpu = c.cpus[0]] { platform::pin(cpu); },
                    .sample =
                        [&site, room, size = image.size, watch = c.watch](std::vector<double>& samples) {
                            const platform::code_memory memory =
                                platform::map(mapping::same, samples.size() * platform::page_size());
                            if (memory.executable == nullptr) throw refused(memory.failure);
                            for (std::size_t i = 0; i < samples.size(); ++i) {
                                std::uint8_t* const page = memory.writable + i * platform::page_size();
                                samples[i] = timed(watch, [&] {
                                    std::copy_n(room.data(), size, page);
                                    platform::synchronize(page, size);
                                    call(page, site);
                                });
                            }
                            platform::unmap(memory);
                        }});
}

// mprotect of a page of code, while other threads of the process run elsewhere: their translations have to go.
void add_flips(const bench_context& c, price_list& list, unsigned company_size) {
    struct shared_state {
        platform::code_memory memory = platform::map(mapping::flip, platform::page_size());
        std::unique_ptr<company> beside;
        ~shared_state() { platform::unmap(memory); }
    };
    const auto s = std::make_shared<shared_state>();
    if (s->memory.executable == nullptr) return;
    code_buffer image{s->memory.writable, s->memory.size};
    c.site("imm").emit(image);
    const std::vector<unsigned> cpus(c.others(company_size).begin(), c.others(company_size).end());
    for (const bool executable : {true, false}) {
        const int to = executable ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE;
        const int back = executable ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC;
        price p;
        p.group = "memory";
        p.name = fmt::format("mprotect to {}, {} beside", executable ? "executable" : "writable", company_size);
        p.meaning = fmt::format("one page, touched before; {} threads of the process spin meanwhile", company_size);
        p.less = "timer";
        p.mapping = "flip";
        p.executors = static_cast<int>(company_size);
        if (company_size != 0) p.state = "waits";
        p.begin = [s, cpus, cpu = c.cpus[0]] {
            platform::pin(cpu);
            if (cpus.empty()) return;
            s->beside = std::make_unique<company>(cpus, [](unsigned, const std::atomic<bool>& stop) {
                while (!stop.load(std::memory_order_relaxed)) platform::pause();
            });
        };
        p.end = [s] { s->beside.reset(); };
        p.sample = [s, to, back, executable, &site = c.site("imm"), watch = c.watch](std::vector<double>& samples) {
            std::uint8_t* const page = s->memory.executable;
            for (double& v : samples) {
                if (mprotect(page, s->memory.size, back) != 0) throw refused("mprotect is denied");
                if (executable)
                    *static_cast<volatile std::uint8_t*>(page) = *page;
                else
                    call(page, site);
                v = timed(watch, [&] { mprotect(page, s->memory.size, to); });
            }
        };
        list.push_back(std::move(p));
    }
}

}  // namespace

void add_memory(const bench_context& c, price_list& list) {
    if (c.here.value("mapping_alias") == "1")
        for (const unsigned cpu : c.cpus) add_first_touch(c, list, cpu);
    if (c.here.value("mapping_same") == "1") add_fresh(c, list);
    if (c.here.value("mapping_flip") != "1") return;
    add_flips(c, list, 0);
    for (const unsigned n : c.company_sizes()) add_flips(c, list, n);
}

}  // namespace cmodx
