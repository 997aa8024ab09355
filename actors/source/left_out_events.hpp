// The accounts of whose events some were left out of the log for want of room (P7), and what waits behind
// those until they were made up for from the binlog (R4). Pure but for the place that it asks for; its
// owner's lock.
#pragma once
#include "actors/source/delivery.hpp"
#include "actors/source/missing_line.hpp"
#include "events/model/account_event.hpp"

#include <deque>
#include <unordered_map>
#include <vector>

namespace understudy {

/// An account of whose events some are missing from the log.
struct left_out {
  account_id account;
  epoch term;
  sequence next; ///< the first that is missing
  sequence last; ///< of those left out so far
  /// Why the binlog can't make up for them; empty: it can, as far as is known.
  std::string why_not;
};

/// A missing event that was met in the binlog again.
struct missing_event {
  partition_id partition;
  epoch term;
  sequence number;
  captured_from from;
  bool is_last = false; ///< of those that are missing
};

class left_out_events {
public:
  struct event {
    partition_id partition;
    account_event_body body;
    on_delivery done;
    captured_from from;
    std::size_t bytes = 0; ///< in memory, if its commit isn't held
  };

  enum class verdict {
    written,  ///< nothing of its account is missing
    left_out, ///< there's no room, or something before it is missing
    behind,   ///< to be kept by wait_behind(): soon nothing before it is missing
  };
  /// Of the account's next event. `has_room`: for one more whose commit isn't held.
  verdict judge(partition_id partition, const transaction_event& event, const captured_from& from,
                bool has_room);
  void wait_behind(const account_id& account, event next);
  /// Of what waits, in memory.
  std::size_t bytes() const { return bytes_; }

  /// The binlog is read again for the account from the place that this gives; nothing: that can't help it.
  std::optional<gtid_position> follow(const account_id& account);
  void unfollow(const account_id& account);
  /// See missing_line. An error: there's nothing to be read for the account any more.
  result<std::optional<missing_event>> take(const account_id& account, const gtid& id);
  result<void> read_up_to(const account_id& account, const gtid& id);
  /// With nothing missing any more, the next one that waits; nothing: the account is in order, unless it is
  /// known still.
  std::optional<event> next_behind(const account_id& account);
  /// Gives those that waited and whose commits are held: they mustn't wait for a snapshot.
  std::vector<event> break_off(const account_id& account, const std::string& why);
  /// The same, if this transaction may lie among what is missing.
  std::vector<event> break_off_at(const account_id& account, const gtid& id, const std::string& why);
  void forget(const account_id& account);

  bool contains(const account_id& account) const { return lines_.contains(account); }
  std::size_t size() const { return lines_.size(); }
  std::vector<left_out> all() const;
  std::optional<settlement::ticket> oldest() const;

  /// Live events wait for the rest of their line in memory from here on: so many more are read in a moment.
  static constexpr std::uint64_t near_the_end = 1000;

private:
  struct line {
    partition_id partition;
    missing_line missing;
    bool followed = false;
    std::size_t held = 0; ///< of `behind`: those whose commits are held
    std::deque<event> behind;
  };
  void leave_out_behind(line& known);
  std::unordered_map<account_id, line> lines_;
  std::size_t bytes_ = 0;
};

} // namespace understudy
