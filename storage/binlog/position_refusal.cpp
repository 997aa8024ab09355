#include "storage/binlog/position_refusal.hpp"

#include <algorithm>
#include <array>

namespace understudy {
namespace {

// ER_MASTER_FATAL_ERROR_READING_BINLOG says only in words which of its many causes it has; ER_GTID_… are the
// same causes where the server gives them a number of their own. The words are those of MariaDB 10.11
// to 11.4.
constexpr unsigned fatal_reading_binlog = 1236;
constexpr unsigned position_not_found = 1955;
constexpr unsigned position_not_found_here = 1945;
constexpr unsigned start_from_hole = 1951;

constexpr std::array purged_words{"Could not find GTID state requested by slave",
                                  "Could not find first log file name in binary log index file"};
constexpr std::array diverged_words{"which is not in the master's binlog", "is missing the GTID"};

bool any_of(const auto& words, std::string_view text) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

} // namespace

position_refusal refusal_of(unsigned number, std::string_view text) {
  if (number == position_not_found_here || number == position_not_found || number == start_from_hole)
    return position_refusal::diverged;
  if (number != fatal_reading_binlog)
    return position_refusal::none;
  if (any_of(diverged_words, text))
    return position_refusal::diverged;
  return any_of(purged_words, text) ? position_refusal::purged : position_refusal::none;
}

} // namespace understudy
