// Capture: the dedicated thread that reads the local MariaDB's binlog and gives each account its slices
// (DESIGN §4.1, rules A).
#pragma once
#include "actors/source/known_accounts.hpp"
#include "actors/source/own_thread_unit.hpp"
#include "actors/source/tail_check.hpp"
#include "storage/binlog/capture_source.hpp"
#include "storage/state/capture_beginning.hpp"

#include <atomic>
#include <thread>

namespace understudy {

class capture {
public:
  struct options {
    stream_options stream;
    /// The dump's id instead of the stream's after a connection over which nothing came; differs from
    /// everybody's. MariaDB (tried: 10.11.19, suspended and resumed) can wait for ever for an older dump of
    /// the same id, which waits for the thread that reads ACKs, which waits for another replica.
    std::uint32_t second_server_id = 0;
    std::shared_ptr<const table_routing> routing;
    std::shared_ptr<const account_surroundings> around;
    std::shared_ptr<known_accounts> accounts;
    /// Before each connection: it may be another server's than the last one's.
    std::function<result<void>()> admitted;
    /// Told about the connection: attached or not, and why not. Any moment, capture's thread.
    std::function<void(bool attached, const std::string& why)> attached;
    /// The node's own probe row came back through the binlog (R10).
    std::function<void()> probe_seen;
    /// MariaDB says that it has nothing more to send, `read` events (heartbeats don't count) into this
    /// connection. Capture's thread; may be absent.
    std::function<void(std::uint64_t read)> nothing_to_read{};
    /// Capture can't go on: the binlog can't be read (B09).
    std::function<void(const error&)> stuck;
    /// Capture waits for restart_at() from the start: there's no checkpoint, or this isn't the server of it.
    std::optional<position_lost> lost_at_start;
    /// What the binlog must have behind the settled position (R9).
    tail_check tail;
  };

  capture(options o);
  ~capture();
  /// Starts reading behind the settlement's settled position. Once, when control is read: epochs that ended
  /// without this node are closed by then (R19). `lost`: what control says of this server's history; options
  /// may have said more already.
  void start(std::optional<position_lost> lost);
  /// Stops reading; what was read stays with the account actors. Any thread, blocking until the thread ended.
  void stop();

  /// Any thread. Ends the connection of the moment; a new one follows (S04, R10).
  void reconnect();

  /// Any thread, after `position_lost`: capture goes on from there. What was captured before and hasn't
  /// settled counts as settled; accounts get the roles that they have there, as if their rows had been met.
  /// Of another history nothing is in Kafka, whatever its transactions are called.
  void restart_at(const capture_beginning& from, bool is_another_history);
  /// False: no place is known yet, so there's nothing to keep in a checkpoint. Any thread.
  bool has_place() const { return has_place_; }

  /// For the settlement: writes the ACK over the connection of the moment. Any thread, never blocks long.
  void acknowledge(const binlog_place& place);

private:
  /// The server was told so over the connection of the moment.
  bool is_acknowledged(const binlog_place& place);
  void run();
  result<void> run_connection();
  /// Tells the supervisor and waits for restart_at(), or for the end.
  void wait_for_place(position_lost lost);
  /// Why the position can't be gone on from, if that is what ended the connection.
  std::optional<position_lost> why_lost(const capture_source& source, const error& failed) const;
  /// True: the transaction was read over an earlier connection and is on its way (R7).
  result<bool> read_before(const sliced_transaction& transaction, std::deque<gtid>& outstanding);
  result<void> on_transaction(sliced_transaction&& transaction);
  /// Why this isn't the history in Kafka (R9); empty: it is so far.
  std::string check_tail(const sliced_transaction& transaction);
  void report_unseen(const sliced_transaction& transaction, std::shared_ptr<const void> held);

  options options_;
  /// Numbers, encodes and produces slices: a COMMIT waits for that, and not for another thread to wake.
  own_thread_unit unit_;
  std::unique_ptr<capture_source> source_; ///< under source_mutex_
  binlog_place acknowledged_;              ///< over source_; under source_mutex_
  std::mutex source_mutex_;
  std::condition_variable wake_;
  std::optional<position_lost> lost_; ///< capture's thread only
  bool restarted_ = false;            ///< under source_mutex_
  std::atomic<bool> has_place_;
  bool use_second_id_ = false; ///< capture's thread alone
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace understudy
