// The records of understudy.accounts and understudy.snapshots: what happened to an account's data (DESIGN
// §4.3).
#pragma once
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"
#include "events/model/row_change.hpp"
#include "events/model/table_checksum.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace understudy {

/// Who wrote a record: in every record of every topic (R12).
struct writer {
  node_name node;
  incarnation life;
  auto operator<=>(const writer&) const = default;
};

/// All row changes that one committed transaction made to one account.
struct transaction_event {
  account_id account;
  epoch term;
  sequence number;
  gtid id;
  /// When it was committed, by the source's wall clock, µs since 1970: when it was read from the binlog, or,
  /// if that was later, the end of the second that the binlog names. For lag figures only.
  std::int64_t committed_us = 0;
  std::vector<row_change> changes;
  bool operator==(const transaction_event&) const = default;
};

/// A transaction over the topic's limit, cut into pieces (R13): `body` is a piece of the encoded
/// transaction_event. Parts of different writers never mix; `index` runs from 0 to `count` - 1.
struct part_event {
  account_id account;
  epoch term;
  sequence number;
  std::uint32_t index = 0;
  std::uint32_t count = 1;
  std::string body;
  bool operator==(const part_event&) const = default;
};

/// A shape, repeated per partition at each incarnation, snapshot and epoch (R14). Concerns no account.
struct shape_event {
  shape table;
  bool operator==(const shape_event&) const = default;
};

/// "This node's producer begins a new life in this partition": older lives' records behind it are void (R12).
struct incarnation_event {
  bool operator==(const incarnation_event&) const = default;
};

/// The place in the account's line at which a snapshot was taken (R16): behind event `number`, before the
/// next. The rows lie in understudy.snapshots, `partition`, between records of the same `id`.
struct snapshot_event {
  account_id account;
  epoch term;
  sequence number;
  std::string id;         ///< UUID of this snapshot
  partition_id partition; ///< of understudy.snapshots
  kafka_offset first;     ///< a record of the snapshot, or one before its first; read from here
  mailbox_id mailbox{};   ///< at the source, for replicas with mailbox_id = "same"; 0: not told
  /// The request in understudy.control that it answers, with all before: a later one asks for a later view.
  kafka_offset request{-1};
  /// The source's transaction `number`, which the view has, as it has all of the account before it, whatever
  /// the log has of them. None: not written by this life of the source.
  std::optional<gtid> last_id{};
  bool operator==(const snapshot_event&) const = default;
};

/// The foreign keys of a table that change its rows by themselves (CASCADE, SET NULL), as text: MariaDB
/// writes no such change to the binlog, so a replica's tables must have the same.
struct table_cascades {
  std::string table; ///< logical name
  std::vector<std::string> keys;
  bool operator==(const table_cascades&) const = default;
};

/// A piece of a snapshot, in understudy.snapshots. Chunks count from 0; the last has `last` set and may be
/// empty.
struct snapshot_chunk {
  account_id account;
  std::string id;
  std::uint64_t index = 0;
  bool last = false;
  std::uint64_t rows_total = 0; ///< estimate, for progress
  std::vector<row_change> rows; ///< inserts only
  /// Definitions of the group database's tables on the source (SHOW CREATE TABLE), in chunk 0 only:
  /// from these a missing group database is created.
  std::vector<std::string> definitions;
  /// Of each of the account's tables on the source, in chunk 0 only. Empty: not told.
  std::vector<table_cascades> cascades{};
  bool operator==(const snapshot_chunk&) const = default;
};

/// Ends an epoch (R27): valid only if the control decision at `decision` was applied.
/// The cut is derived from its place in the partition.
struct fence_event {
  account_id account;
  epoch term;            ///< the epoch that begins behind it
  kafka_offset decision; ///< in understudy.control
  bool is_protected = true;
  /// Planned: the last transaction that the source handed to Kafka before, as it counted (R29). None:
  /// unplanned, or not known.
  std::optional<sequence> last{};
  std::optional<gtid> last_id{}; ///< none: not written by this life of the source
  /// Planned: the account's rows at the cut, read while its guard stood (R29). Empty: they weren't read.
  account_checksum at_cut{};
  bool operator==(const fence_event&) const = default;
};

using account_event_body = std::variant<transaction_event, part_event, shape_event, incarnation_event,
                                        snapshot_event, snapshot_chunk, fence_event>;

struct account_event {
  writer from;
  account_event_body body;
  bool operator==(const account_event&) const = default;
};

/// The account that a record concerns; null for shape and incarnation.
inline const account_id* account_of(const account_event& event) {
  return std::visit(
      [](const auto& body) -> const account_id* {
        if constexpr (requires { body.account; })
          return &body.account;
        else
          return nullptr;
      },
      event.body);
}

} // namespace understudy
