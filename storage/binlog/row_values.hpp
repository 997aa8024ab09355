// One column's bytes of a row image as a value, byte-exact (events/model/value.hpp).
#pragma once
#include "events/model/error.hpp"
#include "events/model/value.hpp"
#include "storage/binlog/table_map.hpp"

namespace understudy {

/// Takes a column's bytes off an image, without their length prefix; the reader fails if they end too early.
inline byte_span take_stored(byte_reader& in, const wire_column& c) {
  return in.take(c.length_bytes != 0 ? in.little(c.length_bytes) : c.fixed_size);
}

/// `stored` as take_stored gave it. BINARY(n) gets back the 0x00 that the binlog dropped at its end (case
/// T03); CHAR is as MariaDB shows it, without trailing spaces. UUID, INET6 and INET4 come as BINARY of 16, 16
/// and 4 bytes in network order (tried on 10.11; no more can be told from the binlog).
/// Errors name what is wrong, not the column.
result<value> read_value(byte_span stored, const wire_column& c);

} // namespace understudy
