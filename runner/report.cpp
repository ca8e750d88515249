// SPDX-License-Identifier: Apache-2.0
#include "runner/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace cmodx {
namespace {

void out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string text_of(const json& j, const char* key) { return j.contains(key) ? j[key].get<std::string>() : ""; }

bool is_violation(const std::string& status) {
    return status == "fail" || status == "crash" || status == "timeout" || status == "missing";
}

class table final : public report {
  public:
    void begin(std::size_t tests, const json& header) override {
        out(fmt::format("{} tests on {} ({}), budget {} a test, seed {}\n", tests, text_of(header["machine"], "name"),
                        text_of(header["machine"], "architecture"), header["budget"]["name"].get<std::string>(),
                        header["seed"].get<std::uint64_t>()));
    }
    void add(const json& r) override {
        const std::string status = text_of(r, "status");
        ++counts_[status];
        out(fmt::format("{:<9} {}\n          {}\n", status, text_of(r, "name"), summary_of(r)));
        std::fflush(stdout);
    }
    void end(double seconds) override {
        std::string text;
        for (const auto& [status, count] : counts_)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, status);
        out(fmt::format("{} in {:.1f} s\n", text, seconds));
    }

  private:
    std::map<std::string, std::size_t> counts_;
};

class json_lines final : public report {
  public:
    void begin(std::size_t, const json& header) override { print({{"header", header}}); }
    void add(const json& r) override { print(r); }
    void end(double) override {}

  private:
    static void print(const json& j) {
        out(j.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
        std::fflush(stdout);
    }
};

// KTAP version 1 (Documentation/dev-tools/ktap.rst). What an allowed witness came to is a comment: it cannot fail.
class ktap final : public report {
  public:
    void begin(std::size_t tests, const json&) override { out(fmt::format("KTAP version 1\n1..{}\n", tests)); }
    void add(const json& r) override {
        const std::string status = text_of(r, "status");
        const bool bad = is_violation(status) || status == "error";
        const std::string directive = status == "skip" ? " # SKIP " + text_of(r, "reason") : "";
        out(fmt::format("# {}\n{}ok {} {}{}\n", summary_of(r), bad ? "not " : "", ++number_, text_of(r, "name"),
                        directive));
        std::fflush(stdout);
    }
    void end(double) override {}

  private:
    std::size_t number_ = 0;
};

std::string xml(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '&')
            escaped += "&amp;";
        else if (c == '<')
            escaped += "&lt;";
        else if (c == '>')
            escaped += "&gt;";
        else if (c == '"')
            escaped += "&quot;";
        else if (static_cast<unsigned char>(c) < 0x20)
            escaped += ' ';
        else
            escaped += c;
    }
    return escaped;
}

class junit final : public report {
  public:
    void begin(std::size_t, const json& header) override { machine_ = text_of(header["machine"], "name"); }
    void add(const json& r) override {
        const std::string status = text_of(r, "status");
        const std::string why = xml(summary_of(r));
        std::string inside = fmt::format("<properties><property name=\"status\" value=\"{}\"/></properties>", status);
        if (is_violation(status))
            inside += fmt::format("<failure message=\"{}\"/>", why), ++failures_;
        else if (status == "error")
            inside += fmt::format("<error message=\"{}\"/>", why), ++errors_;
        else if (status == "skip")
            inside += fmt::format("<skipped message=\"{}\"/>", why), ++skipped_;
        ++tests_;
        cases_ += fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">{}</testcase>\n", xml(machine_),
                              xml(text_of(r, "name")), r["duration_s"].get<double>(), inside);
    }
    void end(double seconds) override {
        out(fmt::format(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"cmodx.{}\" tests=\"{}\" failures=\"{}\" "
            "errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n{}</testsuite>\n",
            xml(machine_), tests_, failures_, errors_, skipped_, seconds, cases_));
    }

  private:
    std::string machine_;
    std::string cases_;
    std::size_t tests_ = 0, failures_ = 0, errors_ = 0, skipped_ = 0;
};

}  // namespace

std::string summary_of(const json& r) {
    std::string text;
    for (const json& w : r["witnesses"]) {
        const auto k = w["k"].get<std::uint64_t>();
        const bool first = text.empty();
        if (!first && k == 0) continue;  // the one that the test is about, and whatever else was seen
        if (!first) text += "; ";
        text += fmt::format("{} {} of {}", text_of(w, "witness"), k, w["n"].get<std::uint64_t>());
        if (w["upper95"].is_number()) text += fmt::format(" (< {:.1e})", w["upper95"].get<double>());
        text += fmt::format(", {}", text_of(w, "verdict"));
    }
    if (r["rate_hz"].get<double>() > 0) text += fmt::format("; {:.3g} M/s", r["rate_hz"].get<double>() / 1e6);
    if (r.contains("reason")) text += "; " + text_of(r, "reason");
    return text;
}

std::unique_ptr<report> make_report(std::string_view format) {
    if (format == "table") return std::make_unique<table>();
    if (format == "jsonl") return std::make_unique<json_lines>();
    if (format == "ktap") return std::make_unique<ktap>();
    if (format == "junit") return std::make_unique<junit>();
    return nullptr;
}

}  // namespace cmodx
