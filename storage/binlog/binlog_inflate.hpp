// MariaDB's two zlib containers: compressed events (log_bin_compress) and COMPRESSED columns.
#pragma once
#include "events/model/error.hpp"
#include "storage/binlog/byte_reader.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace understudy {

/// Longest uncompressed body or value: MariaDB's own limit of one packet (max_allowed_packet).
inline constexpr std::uint64_t longest_inflated = std::uint64_t{1} << 30;

/// Body of a compressed event: one byte 0x80 | algorithm << 4 | length bytes, the length (big-endian), a
/// zlib stream. A length that the stream doesn't keep is an error; memory is taken as data comes, so that a
/// lying length costs nothing (case B04).
result<void> inflate_event_body(byte_span compressed, std::vector<std::uint8_t>& out);

/// A COMPRESSED column's value: one byte algorithm << 4 | raw-deflate flag 8 | length bytes, …; algorithm 0 =
/// stored as it is. An empty value stays empty.
result<std::string> inflate_column(byte_span stored);

} // namespace understudy
