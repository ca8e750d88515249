// SPDX-License-Identifier: Apache-2.0
// The result document (results/schema.json) and its JSON Lines; files appear whole or not at all.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runner/record.hpp"

namespace cmodx {

// What there is of a run that was broken off: of its document, or of its JSON Lines, a last line cut short dropped. A
// record that says only that a result is missing is none.
class earlier_run {
  public:
    // None if `file` is empty. Throws std::runtime_error with one clear line if it cannot be read.
    explicit earlier_run(const std::string& file);
    // As on a command line.
    std::string seed() const { return header_.is_null() ? "" : header_["seed"].dump(); }
    // For a run with this header; throws unless both are by one binary, on one machine, with one seed and budget.
    const std::vector<json>& records_for(const json& header) const;

  private:
    std::string file_;
    json header_;
    std::vector<json> records_;
};

// Writes the records as they come to FILE.jsonl, and FILE itself at the end; FILE.jsonl then goes.
class document_writer {
  public:
    // Begins with these records. Throws std::runtime_error with one clear line when a file cannot be written.
    document_writer(std::string file, const json& header, std::vector<json> records);
    ~document_writer();
    document_writer(const document_writer&) = delete;
    document_writer& operator=(const document_writer&) = delete;

    void add(const json& record);
    void finish(double seconds, bool complete);
    // The records so far, those of the earlier run first.
    const std::vector<json>& records() const { return records_; }

  private:
    std::string file_;
    json header_;
    std::vector<json> records_;
    int lines_ = -1;
};

// Throws std::runtime_error unless write_whole can be expected to succeed.
void require_writable(const std::string& file);
// Writes a file under a temporary name beside it and renames it. Throws std::runtime_error.
void write_whole(const std::string& file, const std::string& text);

}  // namespace cmodx
