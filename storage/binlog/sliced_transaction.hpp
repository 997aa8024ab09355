// What capture makes of one committed transaction of the local MariaDB (R2, R17): plain data.
#pragma once
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"
#include "events/model/row_change.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace understudy {

struct sliced_transaction {
  /// All rows of one local mailbox id, in the binlog's order.
  struct slice {
    mailbox_id mailbox;
    std::vector<row_change> changes;
    std::size_t bytes = 0;  ///< of memory that they take, about
    bool too_large = false; ///< more than may be kept (P7): `changes` is empty
  };

  /// After image of a row of `understudy.role`: the account's role here changes at this place (R11).
  struct role_row {
    account_id account;
    epoch term;
    std::string role;
    kafka_offset decision;
    std::string at_cut{};   ///< the account's checksum at this place, as text; empty: not known
    binlog_place read_at{}; ///< … if nothing of the account was committed since; empty: certainly
  };

  /// A row of the registry table: which account a mailbox id is. Given for our own transactions, too.
  struct registry_row {
    change_kind kind = change_kind::insert;
    account_id account; ///< empty if the image left it out (binlog_row_image=MINIMAL)
    mailbox_id mailbox;
    std::string name;     ///< address; empty if the image left it out
    bool renamed = false; ///< an update of its name
  };

  /// A change that can't be read from row events, or a change of structure (never ignored, DESIGN §4.1).
  struct warning {
    enum class kind {
      statement_dml, ///< DML logged as a statement (a session with binlog_format=STATEMENT, LOAD DATA)
      truncate,
      ddl,
      /// Row events of an account table whose structure can't be read or attributed; `statement` says why,
      /// naming the column.
      unreadable,
      lost_xa, ///< XA COMMIT of a transaction prepared before this connection's start: its rows weren't read
    };
    kind what = kind::ddl;
    std::string statement; ///< its first 500 bytes
    /// Whose accounts are concerned, as the statement names it; empty = several, or unknown.
    std::string database;
    std::string table; ///< first account table that it names; empty = the whole database, or unknown
    /// True: replicas of the accounts concerned need a new snapshot. Not for tables that every host prunes.
    bool rows_may_have_changed = false;
  };

  gtid id;
  std::uint64_t group = 0;      ///< of those that the server committed together; 0: it was alone
  binlog_place start;           ///< of its GTID event
  binlog_place end;             ///< behind its last event: what the ACK names
  std::uint32_t timestamp = 0;  ///< seconds since 1970, of the GTID event
  std::uint64_t generation = 0; ///< of the connection that it came over (R7); 0 = not from a connection
  /// R36: a row of `understudy.replica` or `understudy.origin` marks it as written by us;
  /// `slices` is empty then, `roles` and `registry` are not.
  bool ours = false;
  std::vector<slice> slices; ///< one per mailbox id, in order of first appearance
  std::vector<role_row> roles;
  std::vector<registry_row> registry;
  std::vector<warning> unseen;
  /// Tables of the database `understudy` that it wrote to, each once (`probe`: R10).
  std::vector<std::string> own_tables;
  bool wants_ack = false; ///< a COMMIT is held until `end` is acknowledged
  std::size_t bytes = 0;  ///< of its events in the binlog
};

/// Rows of accounts may have changed that no slice has.
inline bool changes_unseen(const sliced_transaction& transaction) {
  return std::any_of(transaction.unseen.begin(), transaction.unseen.end(),
                     [](const auto& warning) { return warning.rows_may_have_changed; });
}

/// What is said of a slice that is `too_large`.
inline std::string why_too_large(const gtid& id) {
  return "transaction " + id.text() + " changed more rows than [limits] memory allows to keep";
}

} // namespace understudy
