// Foreign writes, row by row, in a file of the node's state directory (R35): whoever has to find out what a
// client was told has nothing else, because they are never merged.
#pragma once
#include "actors/messages.hpp"

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

namespace understudy {

/// One JSON object a row, each ending in a newline: when it was found (UTC, RFC 3339), account, GTID, table
/// (logical name), kind, and the images that the binlog has: `key` as it was, `row` as it became. Bytes are
/// {"base64": …}. Pure.
std::string divergence_lines(const foreign_write& write, std::int64_t found_ms);

/// The report's file. Any thread; blocking.
class divergence_report {
public:
  /// More than this was written by no human hand: the log says where it ended, the metric counts on.
  static constexpr std::uintmax_t most_bytes = std::uintmax_t{256} << 20;

  explicit divergence_report(std::filesystem::path file)
      : file_(std::move(file)) {}

  const std::filesystem::path& file() const { return file_; }
  /// Appends and flushes; only its owner may read the file. Fails when it is full or can't be written.
  result<void> add(const std::string& lines);

private:
  std::filesystem::path file_;
  std::mutex mutex_;
};

} // namespace understudy
