// What was read and isn't applied yet, account by account, and what an applier takes next. Pure.
#pragma once
#include "storage/apply/applier.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <unordered_map>
#include <variant>
#include <vector>

namespace understudy {

/// A place in an account's line: behind transaction `number`, to be continued from `next` in its partition.
struct replay_point {
  epoch term;
  sequence number;
  kafka_offset next;
  bool operator==(const replay_point&) const = default;
};

struct queued_event {
  std::shared_ptr<const transaction_event> event;
  kafka_offset next;
  std::size_t bytes = 0; ///< what it takes in memory, about
};

/// A valid fence in its place: everything before it is applied when its turn comes (R29, F01).
struct queued_fence {
  epoch term;
  node_name primary;
  sequence cut;
  kafka_offset offset;
  bool is_protected = true;
  account_checksum at_cut{}; ///< the source's rows there, if the fence says so
};

using queued_item = std::variant<queued_event, queued_fence>;

class apply_queue {
public:
  using time_point = std::chrono::steady_clock::time_point;

  struct limits {
    /// Accounts are spread over lanes, one an applier, while `gather_events` wait: with less, the first lane
    /// takes them all in fewer transactions.
    unsigned lanes = 2;
    /// Transactions in a batch: more gain nothing (DESIGN §11) and make a repeated batch dearer.
    std::size_t events = 2000;
    /// Bytes in a batch: with two appliers at most a quarter of the default share of memory is in flight.
    std::size_t bytes = std::size_t{16} << 20;
    /// From one batch of a lane to its next, unless `gather_events` wait or a fence does: a transaction of
    /// the target costs two syncs of its disk, and on a quiet day each event would pay for one of its own.
    /// Less than the reader lets a broker gather, whose answers then wait for nothing more.
    std::chrono::microseconds gather{8000};
    std::size_t gather_events = 100;
    /// When the first lane's batch takes longer than this (a lock), what waits behind it goes to another
    /// lane.
    std::chrono::milliseconds overdue{100};
    /// An account that met a lock is tried again after this pause.
    std::chrono::milliseconds again{1000};
    /// An event that names a volume which isn't known here is tried again for so long, or its account stops:
    /// hosts announce a new one within 30 s (announcement_pause in actors/supervisor/supervisor.cpp).
    std::chrono::milliseconds volume_wait{60'000};
  };

  struct taken {
    std::vector<account_batch> batches;
    std::vector<std::pair<account_placement, queued_fence>> fences;
    bool alone = false; ///< one account that met a lock: it holds up nobody but itself
    bool empty() const { return batches.empty() && fences.empty(); }
  };

  explicit apply_queue(limits l);

  /// Takes up an account at `at`; what was queued of it is dropped.
  void open(account_placement where, replay_point at);
  /// Drops the account. True: nothing of it is in an applier's hands; false: closed when finish() comes.
  bool close(const account_id& account);
  bool is_open(const account_id& account) const;

  /// Ignored for accounts that aren't open.
  void push(const account_id& account, queued_item item);
  /// Drops what no applier has; reading must go on from the point returned. Nothing: not open.
  std::optional<replay_point> withdraw(const account_id& account);

  /// What this lane's applier does next; empty: nothing to do (`next_try` says when to look again).
  taken take(unsigned lane, time_point now);
  std::optional<time_point> next_try(unsigned lane) const;

  /// The applier is done with the account's batch. Returns false if the account was closed meanwhile (it is
  /// free now).
  bool finish(const apply_outcome& outcome);
  /// The fence's turn came and the position row says so.
  bool finish_fence(const account_id& account, const queued_fence& fence);
  /// The applier stopped at an event that may pass later (`stopped` is retryable): what it applied is done,
  /// the rest is tried again after a pause, beside others. False: nothing was changed, and finish() is due:
  /// it has waited for long enough, or the account was closed.
  bool wait(const apply_outcome& outcome, time_point now);
  /// The batch wasn't done in good time: its accounts are tried alone from now on, after a pause.
  /// Returns accounts that were closed meanwhile.
  std::vector<account_id> give_back(const taken& batch, time_point now);

  /// Queued and in flight.
  std::size_t bytes() const { return bytes_; }
  std::size_t bytes_of(const account_id& account) const;
  /// Nothing queued, nothing in flight, and not stopped by an event.
  bool idle(const account_id& account) const;
  /// Behind the last item that is known to be applied.
  std::optional<replay_point> applied(const account_id& account) const;
  /// The last number that was read and accepted, applied or not.
  std::optional<sequence> read_up_to(const account_id& account) const;
  /// When the first that isn't applied was committed at its source (transaction_event); nothing: there's
  /// none.
  std::optional<std::int64_t> oldest_commit_us(const account_id& account) const;
  /// It met a lock, or waits for a volume, and hasn't got past it yet.
  bool is_stuck(const account_id& account) const;
  /// Those of them that have something queued.
  std::vector<account_id> delayed() const;
  /// The account with the most bytes queued that no applier has; nothing: none.
  std::optional<std::pair<account_id, std::size_t>> largest() const;
  std::size_t waiting_events() const { return events_; }

private:
  struct slot {
    account_placement where;
    replay_point applied;
    replay_point taken;
    std::list<queued_item> queue; ///< lists: an empty deque has 576 bytes of its own
    std::list<queued_item> in_flight;
    std::size_t queued_bytes = 0;
    std::size_t flight_bytes = 0;
    bool ready = false;   ///< in its lane's list
    bool closed = false;  ///< to be removed when the applier is done
    bool stopped = false; ///< an event failed for good: takes nothing before it is opened again
    bool alone = false;
    time_point not_before{};
  };

  slot* find(const account_id& account);
  const slot* find(const account_id& account) const;
  /// Of an account that has nothing in flight: its order doesn't depend on who takes it.
  unsigned lane_of(const account_id& account) const;
  void make_ready(const account_id& account, slot& s);
  void drop_queue(slot& s);
  void land(slot& s);
  void put_back(slot& s);
  void erase(const account_id& account);
  bool settle(const account_id& account, slot& s);
  bool gathers(unsigned lane, time_point now) const;
  time_point first_of(unsigned lane) const; ///< when the first that is ready there is due; max: none is
  /// Since when a lane may serve the first one's accounts.
  time_point helps_from(unsigned lane) const;
  void fill(slot& s, taken& out, std::size_t& events, std::size_t& bytes);

  limits limits_;
  std::unordered_map<account_id, slot> slots_;
  std::unordered_map<account_id, time_point> waiting_; ///< for a volume, since when: few, and none at rest
  std::vector<std::deque<account_id>> lanes_;
  std::vector<time_point> next_batch_; ///< by lane: not before, while it gathers
  std::size_t fences_ = 0;             ///< queued
  std::size_t bytes_ = 0;
  std::size_t events_ = 0;
};

} // namespace understudy
