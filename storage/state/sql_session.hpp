// One connection to MariaDB. SOCI makes and owns it (its MySQL backend connects with CLIENT_FOUND_ROWS, which
// R38 needs); statements run on the backend's MYSQL*, since SOCI binds one row a round trip and hides error
// numbers and found rows.
//
// Blocking. A session is used by one thread at a time; it may move between threads.
#pragma once
#include "storage/state/bound_column.hpp"
#include "storage/state/sql_error.hpp"
#include "storage/state/sql_text.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct st_mysql;

namespace understudy {

class sql_session;

struct sql_options {
  std::string socket; ///< path of MariaDB's Unix socket; the only way in (R1)
  std::string user = "understudy";
  std::string password; ///< empty: unix_socket authentication or none
  std::string database; ///< default database; empty: none
  /// How long a connection may take, in whole seconds (SOCI's and libmariadb's unit).
  std::chrono::seconds connect_timeout{5};
  /// Run after each connect and reconnect, in this order (R37). `standard_setup()` is a good start.
  std::vector<std::string> setup;
  /// Asked after each connect and reconnect, before the setup: a server that it refuses isn't used.
  std::function<sql_result<void>(sql_session&)> admits{};
};

/// What every session of ours relies on: character set, time zone UTC, READ COMMITTED, autocommit on, a
/// sql_mode that neither cuts values nor gives meaning to 0 in an auto-increment column.
/// What the applier needs beyond that it adds itself.
std::vector<std::string> standard_setup();
/// The same, and `sql_log_bin=0`: for what the node writes for itself (R6). Needs BINLOG ADMIN.
std::vector<std::string> local_setup();

/// A field as the text protocol brings it; nullopt = NULL.
using sql_field = std::optional<std::string>;
using sql_row = std::vector<sql_field>;

struct sql_rows {
  std::vector<std::string> columns;
  std::vector<sql_row> rows;
};

/// What became of statements that were sent together.
struct sql_batch_outcome {
  std::vector<std::uint64_t> found; ///< of those that ran, in order, as `execute` says
  std::optional<sql_error> failed;  ///< of the one behind them; what came behind that one didn't run
};

/// A row under way, valid during the call only. Bytes may contain NUL.
class sql_row_view {
public:
  sql_row_view(char** fields, const unsigned long* lengths, std::size_t count)
      : fields_(fields)
      , lengths_(lengths)
      , count_(count) {}
  std::size_t size() const { return count_; }
  bool is_null(std::size_t i) const { return fields_[i] == nullptr; }
  std::string_view operator[](std::size_t i) const {
    return is_null(i) ? std::string_view{} : std::string_view(fields_[i], lengths_[i]);
  }

private:
  char** fields_;
  const unsigned long* lengths_;
  std::size_t count_;
};

class sql_session {
public:
  /// Connects and runs the setup statements.
  static sql_result<sql_session> open(sql_options options);
  sql_session(sql_session&&) noexcept;
  sql_session& operator=(sql_session&&) noexcept;
  ~sql_session(); ///< closes; the server rolls an open transaction back

  /// False once a statement failed with connection_lost: then only `reconnect` helps. The session never
  /// reconnects by itself, as that would hide the loss of a transaction.
  bool connected() const;
  /// Closes what is left, connects, runs the setup again.
  sql_result<void> reconnect();

  /// Runs one statement that returns rows and brings them all. Not for tables of unknown size.
  sql_result<sql_rows> query(std::string_view sql);
  /// Streams rows as they come (mysql_use_result); until it returns the session can do nothing else.
  /// `each` returns false to stop; the rest is then read and dropped. Returns the number of rows given out.
  sql_result<std::uint64_t> query_each(std::string_view sql,
                                       const std::function<bool(const sql_row_view&)>& each);
  /// The first field of the first row; nullopt = no row, or NULL.
  sql_result<sql_field> query_value(std::string_view sql);
  /// Runs one statement that returns no rows. UPDATE: rows *found*, changed or not (R38, A02);
  /// INSERT, DELETE: rows inserted, deleted.
  sql_result<std::uint64_t> execute(std::string_view sql);

  /// Sends statements that return no rows in one packet, which with a byte for each must not be over
  /// max_packet(), and reads what became of each: one round trip for all of them.
  sql_batch_outcome execute_all(const std::vector<std::string>& statements);

  /// Runs a statement that returns no rows, prepared once and kept, for each row of the columns, in one round
  /// trip: `statement` has a `?` for each column, and all columns have the same number of rows, at least one.
  /// The server parses no values, which is what inserts of many rows gain. Returns the rows of all together;
  /// on an error some of them may have been done: only inside a transaction.
  sql_result<std::uint64_t> execute_rows(std::string_view statement,
                                         const std::vector<bound_column>& columns);

  sql_result<void> begin();    ///< START TRANSACTION
  sql_result<void> commit();   ///< waits while commits are held, if the transaction is in the binlog
  sql_result<void> rollback(); ///< also after errors; on a lost connection it succeeds: the server did it
  /// begin, `work`, commit; rolls back when `work` fails or throws.
  sql_result<void> transaction(const std::function<sql_result<void>()>& work);

  /// The server's connection id (processlist), for KILL and for innodb_trx. Changes with a reconnect.
  std::uint64_t thread_id() const;
  /// max_allowed_packet of the server as read at connect, in bytes (A08).
  std::uint64_t max_packet() const;
  const sql_options& options() const;

  /// libmariadb's handle, for what this class lacks. The session stays its owner. Never null while connected.
  st_mysql* native();

  /// What the next errors shall say was being done; kept until changed ("load the snapshot of account …").
  void doing(std::string what);

private:
  struct body;
  explicit sql_session(std::unique_ptr<body> made);
  std::unique_ptr<body> body_;
};

} // namespace understudy
