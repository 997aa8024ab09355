// One partition as this node's replicas read it: who is fed by the main reader, who is parked, who catches
// up, who waits for control, and what of it all needs not be read again after a restart (P6, P7, C01). Pure.
//
// An account's line belongs to the account, not to a reader: it moves between the main reader and the one
// that catches up, which one thread owns, so that each record reaches it once and in order.
#pragma once
#include "actors/replica/apply_queue.hpp"
#include "actors/replica/decision_source.hpp"
#include "actors/replica/lives_log.hpp"
#include "events/codec/decode.hpp"
#include "events/line/account_line.hpp"

#include <set>

namespace understudy {

/// A marker from which a waiting replica can be loaded (R16).
struct marker_met {
  snapshot_event marker;
  node_name source;
  replay_point then; ///< where the account goes on when it's loaded
};

enum class halt : std::uint8_t {
  stopped,        ///< goes on after resume()
  needs_snapshot, ///< goes on after a new snapshot: it waits for one already
  lacks_shape,    ///< held until the shape is found (R14)
};

/// What a reading tells and asks; on the reader's thread.
class reading_sink {
public:
  virtual ~reading_sink() = default;
  virtual void deliver(const account_id& account, queued_item item) = 0;
  virtual void marker(marker_met met) = 0;
  virtual void halted(const account_id& account, halt kind, error why, std::uint64_t fingerprint) = 0;
  /// Drops what isn't in an applier's hands and says from where to read again.
  virtual std::optional<replay_point> withdraw(const account_id& account) = 0;
  /// The account's events aren't to be applied any more.
  virtual void close(const account_id& account) = 0;
  virtual bool idle(const account_id& account) const = 0;
  /// It waits for a lock in MariaDB.
  virtual bool is_stuck(const account_id& account) const = 0;
  virtual std::size_t backlog(const account_id& account) const = 0;
  virtual std::optional<replay_point> applied(const account_id& account) const = 0;
};

/// Begins the stored reason of an account that waits for a new snapshot.
inline constexpr std::string_view needs_snapshot_mark = "snapshot needed: ";
/// Begins what is stored of an account whose snapshot is on its way; then the request in control.
/// Of an account that goes on here with the rows that it has: the stored offset of its partition may lie
/// behind where, until one is stored that knows the account.
inline constexpr std::string_view goes_on_mark = "goes on with its own rows";
inline constexpr std::string_view awaits_snapshot_mark = "snapshot awaited since request ";

class partition_reading {
public:
  using time_point = std::chrono::steady_clock::time_point;
  /// Decodes the joined parts of a transaction.
  using body_decoder = std::function<decoded(std::string_view)>;

  struct limits {
    /// Records held back of one account that waits for control; beyond it they are read again later.
    std::size_t waiting_records = 64;
    std::size_t waiting_bytes = std::size_t{1} << 20;
    /// Bytes queued of an account that catches up, beyond which it steps back until they are applied.
    std::size_t catch_up_share = std::size_t{16} << 20;
    /// Between being parked and being looked at again; doubled each time it is parked anew, up to the
    /// longest.
    std::chrono::milliseconds shortest_rest{50};
    std::chrono::milliseconds longest_rest{10'000};
  };

  partition_reading(reading_sink& sink, const decision_source& decisions, body_decoder decode, limits l);

  // --- accounts -------------------------------------------------------------------------------------------
  /// Continues behind `at`; also after a load, or when an account is taken up anew.
  void place(const account_id& account, const replay_point& at);
  /// Waits for a marker; whatever was known of the account is dropped.
  void watch(const account_id& account);
  /// The same from a place that may have been read already: where a process before this one began to wait.
  void watch_from(const account_id& account, kafka_offset from);
  /// The load from the last marker was given up for a newer one, which lies behind it.
  void watch_on(const account_id& account);
  /// The marker that it waits for, or the one behind that, answers this request or a newer one: kept over
  /// restarts, with the place that it is waited for from.
  void await(const account_id& account, kafka_offset request);
  void forget(const account_id& account);
  /// A reason is stored of an account that comes next: to be taken back when it goes on.
  void had_reason(const account_id& account);
  /// Nothing is fed until release() or place(); `reason` is kept over restarts.
  void hold(const account_id& account, const std::string& reason);
  void release(const account_id& account);
  /// Too much of it lies in memory: dropped, to be read again when it moves.
  void park(const account_id& account, time_point now);
  /// The same for what waits for control, of all accounts.
  void park_waiting();
  /// Its snapshot can't be loaded, or its rows are wrong: as watch(), with a reason that is kept.
  void need_snapshot(const account_id& account, const std::string& why);
  bool follows(const account_id& account) const { return feeds_.contains(account); }
  /// Where an account that isn't held would be read from at least; for the first begin.
  std::optional<kafka_offset> lowest_place() const;

  // --- the main reader ------------------------------------------------------------------------------------
  void begin(kafka_offset at, lives_log lives);
  bool begun() const { return position_.has_value(); }
  kafka_offset position() const { return position_.value_or(kafka_offset{-1}); }
  /// True: the record with this key must be decoded.
  bool wants(const std::string& key, kafka_offset offset, bool catching_up) const;
  void on_record(account_event&& event, kafka_offset offset, std::size_t bytes, bool catching_up,
                 time_point now);
  void on_undecodable(const std::string& key, kafka_offset offset, const decode_error& why, bool catching_up);
  /// The record at `offset` was given, or passed over.
  void passed(kafka_offset offset, bool catching_up);
  void control_folded();
  /// The log begins at `low` now: what lay below is gone (C01).
  void purged(kafka_offset low);
  /// The log ends at `high`, below what was read (C01).
  void truncated(kafka_offset high);
  /// It's another log under the same name, which begins at `low`: no offset that was kept means anything in
  /// it (C01).
  void replaced(kafka_offset low);

  // --- catching up ----------------------------------------------------------------------------------------
  /// Takes parked accounts in that can go on. A value: a reader is to begin at this offset.
  std::optional<kafka_offset> begin_pass(time_point now);
  /// True: the pass must wait, its accounts are applied more slowly than they are read. One that is stuck
  /// steps back, so that the others need not wait for it.
  bool pass_is_full(time_point now);
  /// After each poll: hands accounts back that have caught up. True: the pass is over.
  bool end_pass();
  bool passing() const { return pass_.has_value(); }
  /// So near that the main reader must wait for the pass to end.
  bool pass_is_near() const;

  // --- for the restart ------------------------------------------------------------------------------------
  /// Everything below is applied, or needn't be, or its account's reason was taken by take_reasons().
  kafka_offset safe() const;
  /// Accounts held since the last call, with where they go on; nullopt: not held any more.
  std::map<account_id, std::optional<std::pair<kafka_offset, std::string>>> take_reasons();
  const lives_log& lives() const { return lives_; }
  void forget_lives() { lives_.forget_below(lowest_needed()); }

  std::size_t parked() const { return parked_.size() + catching_.size(); }
  std::size_t waiting_bytes() const { return waiting_bytes_; }

private:
  enum class state : std::uint8_t { reading, parked, catching, held };
  struct waiting_record {
    account_event event;
    kafka_offset offset;
    std::size_t bytes;
  };
  struct open_parts {
    kafka_offset first;
    writer from;
  };
  struct feed {
    explicit feed(account_line l)
        : line(std::move(l)) {}
    account_line line;
    state is = state::parked;
    bool placed = false;                      ///< false: waits for a marker
    bool has_reason = false;                  ///< why it's held was said, and must be taken back
    bool waits_behind = false;                ///< without a place: from `next` on, wherever reading begins
    kafka_offset next;                        ///< records below were given, or concern it no more
    kafka_offset line_begin;                  ///< where the line of an account without a place began
    kafka_offset control;                     ///< can't be judged before control is folded to here
    std::optional<kafka_offset> loading_from; ///< the marker that it is being loaded from
    /// Of a load that failed, and may be begun again: place() then goes back to it.
    std::optional<kafka_offset> may_return_to;
    std::optional<open_parts> open;
    std::unique_ptr<std::deque<waiting_record>> waiting;
    time_point not_before{};
    std::chrono::milliseconds rest{};
  };

  feed* fed_by(const account_id& account, kafka_offset offset, bool catching_up);
  void step(const account_id& account, feed& f, account_event&& event, kafka_offset offset,
            std::size_t bytes);
  void on_verdict(const account_id& account, feed& f, line_verdict&& verdict, account_event&& event,
                  kafka_offset offset, std::size_t bytes);
  void on_marker(const account_id& account, feed& f, const line_snapshot& met, const writer& from,
                 kafka_offset offset);
  void step_back(const account_id& account, feed& f, kafka_offset next, time_point now);
  void on_stop(const account_id& account, feed& f, error why, kafka_offset offset);
  void lack_shape(const account_id& account, feed& f, error why, std::uint64_t fingerprint,
                  kafka_offset offset);
  void hold_back(const account_id& account, feed& f, account_event&& event, kafka_offset offset,
                 std::size_t bytes, kafka_offset control);
  void become(const account_id& account, feed& f, state next);
  void step_aside(const account_id& account, feed& f);
  void begin_watching(const account_id& account, feed& f, kafka_offset from);
  void wait_behind(const account_id& account, feed& f, kafka_offset from);
  void clear(const account_id& account, feed& f);
  void set_position(const account_id& account, feed& f, const replay_point& at);
  void say_reason(const account_id& account, feed& f, kafka_offset next, const std::string& reason);
  void take_reason_back(const account_id& account, feed& f);
  void halt_at(const account_id& account, feed& f, kafka_offset next, const std::string& reason);
  void lose(const account_id& account, const std::string& why);
  void drop_older_parts(const writer& begun);
  bool may_pass(const account_id& account, const feed& f, time_point now) const;
  kafka_offset needed_by(const feed& f) const;
  std::optional<kafka_offset> safe_of(const account_id& account, const feed& f) const;
  kafka_offset lowest_needed() const;

  reading_sink& sink_;
  const decision_source& decisions_;
  body_decoder decode_;
  limits limits_;
  std::unordered_map<account_id, feed> feeds_;
  std::set<account_id> waiting_;
  std::set<account_id> with_parts_;
  std::set<account_id> parked_;
  std::set<account_id> catching_;
  std::size_t waiting_bytes_ = 0;
  lives_log lives_;
  std::optional<kafka_offset> position_;
  std::optional<kafka_offset> pass_;
  std::optional<decode_error> undecoded_; ///< why the last joined parts couldn't be decoded
  std::map<account_id, std::optional<std::pair<kafka_offset, std::string>>> reasons_;
};

} // namespace understudy
