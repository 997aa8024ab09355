// Stream, decoder and slicer in one: whole transactions of the local MariaDB, one call each.
#pragma once
#include "storage/binlog/binlog_stream.hpp"
#include "storage/binlog/sliced_transaction.hpp"
#include "storage/binlog/table_routing.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace understudy {

/// Figures for metrics; readable from any thread.
struct capture_counters {
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> transactions{0};
  std::atomic<std::uint64_t> rows{0};           ///< rows of account tables that were decoded
  std::atomic<std::uint64_t> heartbeats{0};     ///< the connection lived, though nothing happened
  std::atomic<std::uint64_t> skipped_events{0}; ///< of an unknown type, flagged ignorable (case B09)
};

class capture_source {
public:
  /// Connects (see binlog_stream::connect). `routing` must not change its answers on its own: call
  /// reroute() when they do. `on_idle`: the server has nothing else to send, and everything before that place
  /// was given out; called within next_transaction().
  static result<std::unique_ptr<capture_source>> open(const stream_options& options,
                                                      std::shared_ptr<const table_routing> routing,
                                                      std::function<void(const binlog_place&)> on_idle = {});
  ~capture_source();

  /// Blocks until a whole transaction has been read. Empty = interrupted. Owning thread only.
  /// An error that isn't retryable (corrupt or unknown event, incident, encryption) must stop capture:
  /// reconnecting meets it again (case B09).
  result<std::optional<sliced_transaction>> next_transaction();

  /// Owning thread only: see binlog_stream.
  position_refusal refusal() const;

  /// Any thread: see binlog_stream.
  result<void> send_ack(const binlog_place& place);
  void interrupt();
  std::uint64_t generation() const;
  bool synchronous() const;
  const capture_counters& counters() const;

  /// Owning thread: asks `routing` anew for every table from the next statement on.
  void reroute();

private:
  struct parts;
  explicit capture_source(std::unique_ptr<parts> p);
  std::unique_ptr<parts> parts_;
};

} // namespace understudy
