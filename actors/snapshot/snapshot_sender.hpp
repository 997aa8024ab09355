// The source's half of an account's first copy (DESIGN §4.5, R16): one read view, its marker in the account's
// line, its rows in understudy.snapshots. One snapshot serves every destination that waits for the account.
#pragma once
#include "actors/messages.hpp"
#include "events/log/kafka_settings.hpp"
#include "events/model/account_event.hpp"
#include "storage/profile/profile.hpp"
#include "storage/state/sql_session.hpp"

#include <functional>
#include <memory>

namespace understudy {

class snapshot_sender {
public:
  struct options {
    kafka_settings kafka;
    node_name node;
    incarnation life; ///< of this process; grows with each start
    sql_options sql;
    std::shared_ptr<const profile> rules;
    unsigned threads = 2;
    /// Rows a second, all snapshots together; 0 = as fast as it goes.
    std::uint64_t rows_per_second = 0;
    /// The topic's max.message.bytes; larger chunks travel in parts (R13).
    std::size_t max_message_bytes = 1'000'000;
    std::size_t rows_per_chunk = 1000;
    std::function<void(log_level, const std::string&)> report;
  };

  struct failed : error {
    failed(error why, bool superseded = false) // as `failure()` gives it
        : error(std::move(why))
        , is_superseded(superseded) {}
    /// Nobody waits for it any more: what was asked for since is to be sent instead.
    bool is_superseded;
  };
  /// Rows sent and confirmed by Kafka.
  using outcome = tl::expected<std::uint64_t, failed>;

  struct request {
    account_id account;
    mailbox_id mailbox;           ///< in the local database
    account_handle account_actor; ///< gets snapshot_opening and then, within a second, opened or abandoned
    std::string snapshot;         ///< UUID
    partition_id partition;       ///< of understudy.snapshots
    /// Rows done and total (an estimate that never is below done). Sender's threads; may be empty.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;
    /// Once: rows sent and confirmed by Kafka, or why not. A failed snapshot is asked for anew, under another
    /// id. Any thread.
    std::function<void(outcome)> done;
    kafka_offset answers{-1};  ///< the newest request in understudy.control
    binlog_place follows = {}; ///< the view does, beside what the actor says
    /// Asked before it begins, on the sender's threads; empty: it is.
    std::function<bool()> is_wanted{};
  };

  explicit snapshot_sender(options o);
  ~snapshot_sender(); ///< stop()
  result<void> start();
  /// Any thread; never blocks.
  void send(request what);
  /// Snapshots under way fail. Blocking.
  void stop();
  std::uint64_t rows_sent() const; ///< any thread

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace understudy
