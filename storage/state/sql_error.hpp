// What MariaDB said when a statement failed, sorted by what its caller can do about it.
#pragma once
#include "events/model/error.hpp"

#include <string_view>

namespace understudy {

enum class sql_failure {
  other,
  deadlock,          ///< 1213: the whole transaction is gone (A07)
  lock_wait,         ///< 1205: only the statement is gone unless innodb_rollback_on_timeout; roll back
  connection_lost,   ///< 2006, 2013, 1927, …: nobody knows whether a COMMIT under way happened (R36)
  cannot_connect,    ///< 2002, 2003, 1040, 1203: no session was made
  access_denied,     ///< 1044, 1045, 1142, 1227, 1698: a privilege or the password is missing
  read_only,         ///< 1290, 1792, 1836
  disk_full,         ///< 1021, 1114, errno 28 behind 1026, 3 and 126
  packet_too_large,  ///< 1153, 2020: above max_allowed_packet (A08)
  interrupted,       ///< 1317 killed, 1969 max_statement_time
  duplicate_key,     ///< 1062, 1586
  missing_parent,    ///< 1216, 1452
  child_exists,      ///< 1217, 1451
  unknown_table,     ///< 1049, 1146
  unknown_column,    ///< 1054, 1136
  bad_value,         ///< 1048, 1264, 1265, 1366, 1406, 22007: the value doesn't fit its column
  unknown_statement, ///< 1094 unknown thread, 1957 unknown query id: what was to be killed has ended
  another_server,    ///< not from MariaDB: not the one that this process works with (server_mark.hpp)
};

/// An `error` that also knows MariaDB's number. Converts to `error` where a `result` is returned:
/// `return tl::make_unexpected(error(failed.error()))`, or `plain(std::move(failed))`.
struct sql_error : error {
  unsigned number = 0; ///< MariaDB's or libmariadb's error number; 0 = not from there
  sql_failure kind = sql_failure::other;
};

template <class T>
using sql_result = tl::expected<T, sql_error>;

/// Sorts by number and, where the number is a catch-all, by the text. `retryable` of the error made from it
/// is set for deadlock, lock_wait, connection_lost, cannot_connect, disk_full, read_only and interrupted.
sql_failure classify_sql_error(unsigned number, std::string_view message);
bool is_retryable(sql_failure kind);

/// `doing` says what was tried ("advance the replica of account …"), `message` what the server said.
/// Statements' texts, and with them values and passwords, never get into it.
sql_error make_sql_error(unsigned number, std::string_view message, std::string_view doing);

/// The same outcome as a `result` for callers that don't look at the number.
template <class T>
result<T> plain(sql_result<T> outcome) {
  if (outcome)
    return std::move(*outcome);
  return tl::make_unexpected(static_cast<const error&>(outcome.error()));
}
inline result<void> plain(const sql_result<void>& outcome) {
  if (outcome)
    return {};
  return tl::make_unexpected(static_cast<const error&>(outcome.error()));
}

} // namespace understudy
