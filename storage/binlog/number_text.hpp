// MariaDB's packed numbers and times as its own text.
#pragma once
#include "storage/binlog/byte_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace understudy {

/// DECIMAL as decimal2bin packs it: groups of nine digits, the first bit inverted, all of them if negative.
/// Empty optional: not a number.
std::optional<std::string> decimal_text(byte_span stored, unsigned precision, unsigned scale);

/// FLOAT and DOUBLE, little-endian: the shortest text that reads back the same.
std::string single_text(std::uint32_t bits);
std::string real_text(std::uint64_t bits);

/// DATE of three bytes, little-endian.
std::string date_text(std::uint32_t stored);

/// TIME, DATETIME, TIMESTAMP of MariaDB 10.1 and later (my_time.h: packed, big-endian, fraction behind).
/// `decimals` is 0 to 6, `stored` has the size that goes with it.
std::string time_text(byte_span stored, unsigned decimals);
std::string datetime_text(byte_span stored, unsigned decimals);
/// In UTC; 0 is the zero date.
std::string timestamp_text(byte_span stored, unsigned decimals);

} // namespace understudy
