// Which of the captured transactions have settled, and how far the server may be acknowledged (R2, R3).
#pragma once
#include "events/model/gtid.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace understudy {

/// The head-of-line rule of semi-synchronous ACKs: an ACK is cumulative, so it may name only a place below
/// which everything has settled. Pure; for one thread (the capture's); every call is O(1) amortised.
class ack_tracker {
public:
  /// Capture order of transactions, growing by 1 over all generations of the connection; the first is 1.
  using ticket = std::uint64_t;

  struct release {
    binlog_place place;    ///< end of the last transaction below which all has settled: what the ACK names
    gtid_position settled; ///< the same as GTIDs: where a reconnect resumes (R7)
  };

  /// `settled`: where the connection starts.
  explicit ack_tracker(gtid_position settled = {});

  /// A whole transaction was read; `end` is the place behind it. It settles when `slices` slices have;
  /// with 0 slices at once (nothing of it needs protection, or it is our own). `group`: of those that the
  /// server committed together; 0: it was alone.
  ticket begin(const gtid& id, binlog_place end, std::uint32_t slices, std::uint64_t group = 0);

  /// One slice of the transaction is held by Kafka under a counting lease (R20), or needs no protection any
  /// more. Tickets of a generation before the last reset() are ignored; a ticket never given out, or settled
  /// more often than it has slices, is a broken_invariant.
  void settle(ticket which);

  /// The highest place below which everything has settled, if it moved since the last call. Nothing in the
  /// middle of a group: its leader waits for all of it before any of its clients goes on (MariaDB 10.11), so
  /// such an ACK would only wake the leader in vain. 32 clients had 3% more throughput without them.
  std::optional<release> take_release();

  /// Transactions begun and not settled with everything below them: bounded by the capture's window.
  std::size_t unsettled() const { return open_.size(); }
  /// Everything up to here has settled; also what isn't released yet.
  const gtid_position& settled() const { return settled_; }
  /// The transaction that holds up all others; none when all has settled.
  std::optional<ticket> oldest() const;
  /// Its id, for the operator.
  std::optional<gtid> oldest_id() const;

  /// The connection is a new one and reads again from `settled` (R7): all tickets given out are void.
  void reset(gtid_position settled);

private:
  struct transaction {
    gtid id;
    binlog_place end;
    std::uint32_t slices = 0;
    std::uint64_t group = 0;
  };
  void advance();

  std::deque<transaction> open_; ///< from the oldest that isn't settled on
  ticket front_ = 1;             ///< ticket of open_.front()
  ticket generation_ = 1;        ///< first ticket of this generation
  gtid_position settled_;
  std::optional<binlog_place> moved_;
  std::uint64_t moved_group_ = 0; ///< of the transaction that ends there
};

} // namespace understudy
