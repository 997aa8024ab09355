// The shape of a table as its rows were written: what TABLE_MAP with FULL metadata says (R14).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace understudy {

/// MariaDB's real column types by the way their values travel.
enum class column_type : std::uint8_t {
  tiny,
  small,
  medium,
  integer,
  big, ///< integers of 1, 2, 3, 4, 8 bytes
  decimal,
  single,
  real, ///< DECIMAL, FLOAT, DOUBLE
  bit,
  year,
  date,
  time,
  datetime,
  timestamp,
  character,
  varchar,
  blob, ///< CHAR/BINARY, VARCHAR/VARBINARY, TEXT/BLOB of any size
  enumeration,
  set,
  geometry,
  fixed_bytes, ///< UUID, INET4, INET6: sent as CHAR with collation binary
};

struct column {
  std::string name;
  column_type type = column_type::integer;
  bool is_unsigned = false;
  bool nullable = true;
  /// Character set of text types ("utf8mb3", "latin1", "binary", …); empty for the others.
  std::string charset;
  /// Collation id of text types as TABLE_MAP gives it (information_schema.COLLATIONS.ID); 0 for the others.
  std::uint32_t collation = 0;
  /// Bytes: maximum length of text and binary types, display bits of BIT, precision of DECIMAL.
  std::uint32_t length = 0;
  /// Fractional digits of temporal types, scale of DECIMAL.
  std::uint8_t decimals = 0;
  /// Members of ENUM and SET, in order, in UTF-8.
  std::vector<std::string> members;
  bool operator==(const column&) const = default;
};

/// One table's shape under its logical name: group databases without their number
/// (`mboxgroup/mail_item`, `zimbra/mailbox`).
struct shape {
  std::string table;
  std::vector<column> columns;
  /// Indexes into `columns` of the primary key or of the unique not-null key that stands for it;
  /// empty = a table without a key, whose changes carry the full before image (R40).
  std::vector<std::uint16_t> key;
  /// Index of the column that names the mailbox or account: left out of events, filled in by the replica.
  std::uint16_t mailbox_column = 0;
  bool operator==(const shape&) const = default;
  /// 64-bit hash over everything above, stable over versions and machines; events name it.
  std::uint64_t fingerprint() const;
};

} // namespace understudy
