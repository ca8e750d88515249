// SPDX-License-Identifier: Apache-2.0
// The result document (results/schema.json) and its JSON Lines; files appear whole or not at all.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runner/record.hpp"

namespace cmodx {

// Writes the records as they come to FILE.jsonl, and FILE itself at the end; FILE.jsonl then goes.
class document_writer {
  public:
    // Reads the records of an earlier, broken-off run with the same header from `resume`, a document or its JSON
    // Lines. Throws std::runtime_error with one clear line when a file cannot be read or written.
    document_writer(std::string file, const json& header, const std::string& resume);
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
