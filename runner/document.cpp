// SPDX-License-Identifier: Apache-2.0
#include "runner/document.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace cmodx {
namespace {

template <class... T>
[[noreturn]] void fail(fmt::format_string<T...> format, T&&... values) {
    throw std::runtime_error(fmt::format(format, std::forward<T>(values)...));
}

void write_fully(int file, const std::string& name, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail("{}: cannot write: {}", name, std::strerror(errno));
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string dumped(const json& value, int indent = -1) {
    return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

template <class Words>
bool is_one_of(const json& value, const Words& words) {
    return value.is_string() &&
           std::find(std::begin(words), std::end(words), value.get<std::string>()) != std::end(words);
}

// Null where there is none.
json member(const json& of, const char* key) { return of.is_object() ? of.value(key, json()) : json(); }

// What a record lacks that a run goes by; empty if it lacks nothing. A file may have been written by anybody.
std::string damage_of(const json& r) {
    if (!member(r, "name").is_string()) return "name is missing or no text";
    if (!is_one_of(member(r, "status"), status_names)) return "status is missing or none";
    if (r.contains("reason") && !r["reason"].is_string()) return "reason is no text";
    for (const char* key : {"duration_s", "rate_hz"})
        if (!member(r, key).is_number()) return fmt::format("{} is missing or no number", key);
    const json witnesses = member(r, "witnesses");
    if (!witnesses.is_array()) return "witnesses are missing or no list";
    for (const json& w : witnesses) {
        if (!is_one_of(member(w, "basis"), basis_names) || !member(w, "witness").is_string() ||
            !member(w, "verdict").is_string() || !member(w, "k").is_number_unsigned() ||
            !member(w, "n").is_number_unsigned())
            return "witness is damaged";
        if (const json upper = member(w, "upper95"); !upper.is_number() && !(upper.is_null() && w.contains("upper95")))
            return "witness is damaged";
    }
    return {};
}

}  // namespace

earlier_run::earlier_run(const std::string& file) : file_(file) {
    if (file.empty()) return;
    std::ifstream in(file, std::ios::binary);
    if (!in) fail("{}: cannot read: {}", file, std::strerror(errno));
    std::stringstream text;
    text << in.rdbuf();
    const json whole = json::parse(text.str(), nullptr, false);
    if (!whole.is_discarded() && whole.is_object() && whole.contains("tests")) {
        header_ = whole;
        for (const json& r : whole["tests"]) records_.push_back(r);
    } else {
        std::string line;
        for (std::size_t number = 1; std::getline(text, line); ++number) {
            const json value = json::parse(line, nullptr, false);
            if (value.is_discarded() && text.peek() == EOF) break;
            if (value.is_discarded() || !value.is_object()) fail("{}:{}: not a record", file, number);
            if (number == 1 && value.contains("header"))
                header_ = value["header"];
            else
                records_.push_back(value);
        }
    }
    if (!header_.is_object() || !header_.contains("schema") || !member(header_, "seed").is_number_unsigned())
        fail("{}: no result of a run", file);
    std::erase_if(records_, [](const json& r) { return member(r, "status") == "missing"; });
    for (const json& r : records_)
        if (const std::string what = damage_of(r); !what.empty()) fail("{}: a record's {}", file, what);
}

const std::vector<json>& earlier_run::records_for(const json& header) const {
    json was, is;
    for (const char* key : {"schema", "tool", "machine", "facts", "seed", "budget"}) {
        was[key] = member(header_, key);
        is[key] = member(header, key);
    }
    const json differing = json::diff(was, is);
    if (!file_.empty() && !differing.empty())
        fail("{}: was run with another {}; resume wants the same", file_,
             differing[0]["path"].get<std::string>().substr(1));
    return records_;
}

void require_writable(const std::string& file) {
    struct stat found = {};
    // A rename would put a file in the place of a device or a folder.
    if (stat(file.c_str(), &found) == 0 && !S_ISREG(found.st_mode)) fail("{}: is no regular file", file);
    const std::size_t slash = file.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : file.substr(0, slash + 1);
    if (access(folder.c_str(), W_OK | X_OK) != 0) fail("{}: cannot write: {}", file, std::strerror(errno));
}

void write_whole(const std::string& file, const std::string& text) {
    const std::string temporary = fmt::format("{}.{}.tmp", file, getpid());
    const int out = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out < 0) fail("{}: cannot write: {}", file, std::strerror(errno));
    try {
        write_fully(out, file, text);
    } catch (...) {
        close(out);
        unlink(temporary.c_str());
        throw;
    }
    const bool closed = fsync(out) == 0 || errno == EINVAL;
    if ((close(out) | !closed) != 0 || rename(temporary.c_str(), file.c_str()) != 0) {
        const int why = errno;
        unlink(temporary.c_str());
        fail("{}: cannot write: {}", file, std::strerror(why));
    }
}

document_writer::document_writer(std::string file, const json& header, std::vector<json> records)
    : file_(std::move(file)), header_(header), records_(std::move(records)) {
    if (file_.empty()) return;
    require_writable(file_);
    const std::string lines = file_ + ".jsonl";
    std::string text = dumped({{"header", header_}}) + "\n";
    for (const json& r : records_) text += dumped(r) + "\n";
    write_whole(lines, text);
    lines_ = open(lines.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (lines_ < 0) fail("{}: cannot write: {}", lines, std::strerror(errno));
}

document_writer::~document_writer() {
    if (lines_ >= 0) close(lines_);
}

void document_writer::add(const json& record) {
    records_.push_back(record);
    if (lines_ >= 0) write_fully(lines_, file_ + ".jsonl", dumped(record) + "\n");
}

void document_writer::finish(double seconds, bool complete) {
    if (file_.empty()) return;
    json document = header_;
    document["duration_s"] = seconds;
    document["complete"] = complete;
    document["tests"] = records_;
    write_whole(file_, dumped(document, 1) + "\n");
    unlink((file_ + ".jsonl").c_str());
}

}  // namespace cmodx
