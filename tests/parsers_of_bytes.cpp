// SPDX-License-Identifier: Apache-2.0
// The parsers of what is no text, and those of the bare images.
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <set>

#include "runner/bare/device_tree.hpp"
#include "runner/bare/order.hpp"
#include "subjects/codeheap/image.hpp"
#include "subjects/codeheap/memory.hpp"
#include "subjects/drive/descriptor.hpp"
#include "tests/parsers.hpp"

namespace cmodx {
namespace {

// Takes bytes off the front of a text; zeros when there are no more.
class reader {
  public:
    explicit reader(std::string_view text) : left_(text) {}
    template <class T>
    T take() {
        T value{};
        const std::string_view bytes = take(sizeof value);
        std::memcpy(&value, bytes.data(), bytes.size());
        return value;
    }
    std::string_view take(std::size_t size) {
        const std::string_view bytes = left_.substr(0, size);
        left_.remove_prefix(bytes.size());
        return bytes;
    }
    std::string_view rest() const { return left_; }

  private:
    std::string_view left_;
};

// Descriptors one behind the other: what wants to be the version, the promises and the claim; which functions there
// are, a set; how long the name is, 255: there is none; the name.
struct described {
    cmodx_subject subject{};
    std::string name;
};
void fill(described& d, reader& from) {
    cmodx_subject& s = d.subject;
    s.version = from.take<std::uint32_t>();
    s.promises = from.take<std::uint32_t>();
    const auto claim = from.take<std::uint32_t>();
    static_assert(sizeof s.claim == sizeof claim);
    std::memcpy(&s.claim, &claim, sizeof claim);
    const auto functions = from.take<std::uint8_t>();
    if ((functions & 1) != 0) s.alloc = [](cmodx_code*, const void*, std::size_t) { return 1; };
    if ((functions & 2) != 0) s.publish = [](cmodx_code*) { return 1; };
    if ((functions & 4) != 0) s.emit = [](cmodx_code*, std::uint8_t) { return 1; };
    if ((functions & 8) != 0) s.drop = [](cmodx_code*) {};
    const auto size = from.take<std::uint8_t>();
    d.name = from.take(size);
    s.name = size == 255 ? nullptr : d.name.c_str();
}

// The parts of an image of code (codeheap's image.hpp), put together as far as the first byte says.
enum image_kind : std::uint8_t { as_it_is = 1, right_magic = 2, right_sizes = 4, right_digest = 8, not_sealed = 16 };

std::string image_of(std::uint8_t kind, std::size_t count, reader from) {
    using namespace code;
    if ((kind & as_it_is) != 0) return std::string(from.rest());
    const std::size_t page = page_size();
    auto h = from.take<image_head>();
    if ((kind & right_magic) != 0) {
        std::memcpy(h.magic, image_magic, sizeof h.magic);
        h.version = image_version;
    }
    std::string entries(from.take(count * sizeof(std::uint32_t)));
    entries.resize(count * sizeof(std::uint32_t));
    std::string code(from.rest());
    const std::size_t length = code.size();
    while (code.size() % page != 0) code += static_cast<char>(filler_at(code.size()));
    if ((kind & right_sizes) != 0) {
        h.entries = static_cast<std::uint32_t>(count);
        h.code = page;
        h.length = length;
        h.size = page + code.size() + entries.size();
    }
    if ((kind & right_digest) != 0) {
        sha256 digest;
        digest.add(entries.data(), entries.size());
        digest.add(code.data(), length);
        digest.finish(h.digest);
    }
    std::string head(reinterpret_cast<const char*>(&h), sizeof h);
    head.resize(page);
    return head + code + entries;
}

// What all of an image's bytes come to, so that they are read.
void read_all(const code::opened_image& image) {
    const code::image_head& h = image.head();
    const std::uint8_t* const end = image.file + image.size;
    hold(image.code() + h.length <= end, "the code of an image lies behind its end");
    hold(reinterpret_cast<const std::uint8_t*>(image.entries() + h.entries) == end, "an image does not end as it says");
    volatile std::uint8_t sum = 0;
    for (const std::uint8_t* p = image.file; p != end; ++p) sum = sum ^ *p;
}

}  // namespace

void take_subjects(const std::string& text) {
    reader from(text);
    std::deque<described> made;
    std::vector<const cmodx_subject*> accepted;
    std::set<std::string> names;
    while (!from.rest().empty() && made.size() < 8) {
        described& d = made.emplace_back();
        fill(d, from);
        const cmodx_subject& s = d.subject;
        if (!subjects::wrong_with(s, accepted).empty()) continue;
        hold(s.version == CMODX_SUBJECT_VERSION, "a subject of another version");
        hold(s.drop != nullptr && (s.emit != nullptr || (s.alloc != nullptr && s.publish != nullptr)),
             "a subject that cannot do what is asked of each");
        const std::string name = s.name;
        hold(!name.empty() && name.size() <= subjects::longest_name, "the name of a subject is too long or too short");
        hold(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos, "no name of a subject");
        hold(names.insert(name).second, "two subjects of one name");
        const cmodx_claim claim = s.claim;  // which the sanitizer looks at
        hold(claim >= CMODX_TO_CALLER && claim <= CMODX_TO_ALL, "no claim");
        accepted.push_back(&s);
    }
}

void take_image(const std::string& text) {
    reader from(text);
    const auto kind = from.take<std::uint8_t>();
    const auto count = from.take<std::uint8_t>();
    const std::string bytes = image_of(kind, count % 16, from);
    const int file = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    hold(write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "no memory for an image");
    if ((kind & not_sealed) == 0) fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    code::opened_image image;
    const codeheap_error e = code::open_image(file, image);
    if (e == CODEHEAP_OK) {
        hold((kind & not_sealed) == 0, "an image that may change is opened");
        read_all(image);
        code::close_image(image);
    }
    static constexpr const char* languages[] = {nullptr, "x86_64", "aarch64", "arm32"};
    const codeheap_policy policy = {.architecture = languages[kind >> 5 & 3],
                                    .instructions = nullptr,
                                    .targets = nullptr,
                                    .target_count = 0,
                                    .allow_system_calls = kind >> 7,
                                    .digest = nullptr};
    codeheap_report report;
    const codeheap_error verified = codeheap_image_verify(file, &policy, &report);
    close(file);
    hold(verified == CODEHEAP_OK || report.reason[0] != '\0', "an image is refused without a reason");
    hold(memchr(report.reason, 0, sizeof report.reason) != nullptr, "a reason without an end");
    hold(e == CODEHEAP_OK || verified == e, "an image is verified that cannot be opened");
}

void take_order(const std::string& text) {
    const std::vector<std::string> words = bare::words_of(text);
    std::string together;
    for (const std::string& word : words) {
        hold(!word.empty() && word.find(' ') == word.npos, "no word");
        together += word;
    }
    hold(static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c != ' '; })) ==
             together.size(),
         "words are lost");
    bare::order o;
    if (!bare::parse_order(words, o).empty()) return;
    const run_options& options = o.options;
    hold(options.time_scale >= 0.01 && options.time_scale <= 1000, "a scale out of bounds");
    hold(options.seed >> 53 == 0, "a seed out of bounds");
    hold(o.bench || options.per_test.seconds > 0, "a test without a budget");
    for (const std::string& glob : o.globs) {
        constexpr const char* name = "MP.RF+nop_branch@64-2+alias+clear_cache-stlr+acq";
        const bool matches = bare::matches(glob, name);
        // The C library's takes its time with many stars, and knows more signs.
        if (glob.size() > 16 || glob.find_first_of(std::string("[\0", 2)) != glob.npos) continue;
        hold(matches == (fnmatch(glob.c_str(), name, FNM_NOESCAPE) == 0),
             "a glob matches otherwise than fnmatch has it");
    }
}

void take_tree(const std::string& text) {
    // Where nothing stands behind it.
    const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[text.size()]);
    std::memcpy(bytes.get(), text.data(), text.size());
    const bare::tree_room room(bytes.get(), text.size());
    const auto inside = [&](std::string_view part) {
        const auto* const at = reinterpret_cast<const std::uint8_t*>(part.data());
        return at >= room.data() && at + part.size() <= room.data() + room.size();
    };
    std::size_t seen = 0;
    bare::walk_tree(
        room,
        [&](std::string_view name) {
            hold(inside(name), "the name of a node lies outside the tree");
            ++seen;
        },
        [&](std::string_view name, std::string_view value) {
            hold(inside(name) && inside(value), "a property lies outside the tree");
            ++seen;
            return true;
        });
    hold(seen <= text.size() / 4, "more in a tree than it has words");
    hold(bare::count_nodes(room, "cpu@") <= seen, "more CPUs than nodes");
    hold(bare::boot_arguments(room).find('\0') == std::string_view::npos, "arguments with an end in them");
}

}  // namespace cmodx
