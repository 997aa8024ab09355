// Reads one account's rows under one read view, in chunks (R16).
//
// Blocking; one thread. The view lives as long as the reader.
#pragma once
#include "events/model/account_event.hpp"
#include "storage/profile/profile.hpp"
#include "storage/state/session_pool.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace understudy {

/// How a reader's session is set up after each connect.
sql_options snapshot_session(sql_options connection);

/// Descriptions of the groups' tables, for the next account of the same group: to describe them takes longer
/// than to read a small account. Any thread.
class snapshot_structures {
public:
  struct described;
  std::shared_ptr<const described> of(group_number group) const; ///< null: not known
  void keep(group_number group, std::shared_ptr<const described> what);
  void forget(group_number group);

private:
  mutable std::mutex mutex_;
  std::map<std::uint32_t, std::shared_ptr<const described>> known_;
};

struct snapshot_request {
  account_id account;
  mailbox_id mailbox; ///< the local mailbox id
  std::string id;     ///< UUID of the snapshot
  /// What the view has to contain: up to here the account's events lie before the marker (R16). A transaction
  /// that Kafka holds already becomes visible only when its COMMIT goes on; so long is waited.
  binlog_place follows = {};
  std::chrono::milliseconds patience{0};
};

class snapshot_reader {
public:
  struct opened {
    binlog_place place; ///< the view contains exactly what was committed before it
    std::uint64_t rows_estimate = 0;
    std::vector<std::shared_ptr<const shape>> shapes; ///< of every table that chunks will have rows of
  };

  /// Opens the view and looks the account's tables up. Errors: the account's registry row isn't
  /// there; a table can't be read (a column type named); retryable: a transaction that the view must contain
  /// still waits in its COMMIT. Waits for no other (R6).
  static result<std::unique_ptr<snapshot_reader>>
  open(session_pool& sessions, std::shared_ptr<const profile> rules, const snapshot_request& request,
       std::shared_ptr<snapshot_structures> known = std::make_shared<snapshot_structures>());
  /// The same with a connection of its own.
  static result<std::unique_ptr<snapshot_reader>>
  open(sql_options connection, std::shared_ptr<const profile> rules, const snapshot_request& request);
  ~snapshot_reader();

  const opened& start() const;

  /// The next chunk, ordered by table and key; the registry row comes first. Empty behind the one that has
  /// `last` set. A chunk holds at least one row and at most `max_rows`, and ends early above `max_bytes`
  /// (of values). A DDL under way is an error that says so: the snapshot must be restarted (R16).
  result<std::optional<snapshot_chunk>> next_chunk(std::size_t max_rows, std::size_t max_bytes);

  std::uint64_t rows_read() const;

private:
  struct parts;
  explicit snapshot_reader(std::unique_ptr<parts> p);
  std::unique_ptr<parts> parts_;
};

} // namespace understudy
