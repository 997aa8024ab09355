// A binlog event, decoded: what the slicer is fed with. Views point into the decoder and the packet.
#pragma once
#include "events/model/gtid.hpp"
#include "events/model/row_change.hpp"
#include "storage/binlog/byte_reader.hpp"
#include "storage/binlog/table_map.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace understudy {

/// Numbers of MariaDB's Log_event_type (sql/log_event.h) that we handle.
enum class event_type : std::uint8_t {
  query = 2,
  stop = 3,
  rotate = 4,
  intvar = 5,
  append_block = 9,
  delete_file = 11,
  rand = 13,
  user_var = 14,
  format_description = 15,
  xid = 16,
  begin_load_query = 17,
  execute_load_query = 18,
  table_map = 19,
  write_rows_v1 = 23,
  update_rows_v1 = 24,
  delete_rows_v1 = 25,
  incident = 26,
  heartbeat = 27,
  write_rows = 30,
  update_rows = 31,
  delete_rows = 32,
  xa_prepare = 38,
  annotate_rows = 160,
  binlog_checkpoint = 161,
  gtid = 162,
  gtid_list = 163,
  start_encryption = 164,
  query_compressed = 165,
  write_rows_compressed_v1 = 166,
  update_rows_compressed_v1 = 167,
  delete_rows_compressed_v1 = 168,
  write_rows_compressed = 169,
  update_rows_compressed = 170,
  delete_rows_compressed = 171,
};

/// The 19 bytes that begin each event.
struct event_header {
  static constexpr std::size_t size = 19;
  static constexpr std::uint16_t artificial = 0x20; ///< made by the dump, not in the file
  static constexpr std::uint16_t ignorable = 0x80;
  std::uint32_t timestamp = 0;
  std::uint8_t type = 0;
  std::uint32_t server = 0;
  std::uint32_t length = 0;
  std::uint32_t end = 0; ///< low 32 bits of the position behind the event
  std::uint16_t flags = 0;
};

struct format_description {
  std::string_view server_version;
  bool checksums = false;
};
struct rotate_to {
  std::string_view file;
  std::uint64_t position = 0;
};
/// Begins a transaction.
struct gtid_begin {
  gtid id;
  std::uint64_t group = 0; ///< of transactions that were committed together; 0: it was alone
  bool standalone = false; ///< one event follows and ends it: DDL, XA COMMIT
  bool ddl = false;
  bool prepared_xa = false;  ///< ends with xa_prepared; becomes effective with a later completed_xa
  bool completed_xa = false; ///< XA COMMIT or XA ROLLBACK of what was prepared before
  std::string_view xid;      ///< of the two above: format id, lengths, global and branch part
};
struct query {
  std::string_view database; ///< the session's default
  std::string_view statement;
};
/// Rows of one table. Maps live until the statement's end (case M01).
struct rows {
  change_kind kind = change_kind::insert;
  std::shared_ptr<const table_map> table;
  bool foreign_keys_off = false;
  bool unique_checks_off = false;
  byte_span first_columns;  ///< bitmap of the columns in the only, or the before image
  byte_span second_columns; ///< update: of the after image
  byte_span data;
};
struct commit {}; ///< XID
struct xa_prepared {};
/// Everything before `end` of the decoder's file was sent. 0: the server doesn't say, or of another file. It
/// is told in 32 bits, so it may be too low behind 4 GiB.
struct heartbeat {
  std::uint32_t end = 0;
};
/// Nothing in it for us: ANNOTATE, GTID_LIST, checkpoint, TABLE_MAP, context of a statement, STOP.
struct nothing {};
/// Of an unknown type, flagged ignorable (case B09).
struct skipped {};

using event_body = std::variant<nothing, format_description, rotate_to, gtid_begin, query, rows, commit,
                                xa_prepared, heartbeat, skipped>;

struct binlog_event {
  event_header header;
  /// Counted in 64 bits from event lengths (case B03), in the file that the decoder stands in. For events
  /// that the dump made (and heartbeats) both are the place where the decoder stands.
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  event_body body;
};

} // namespace understudy
