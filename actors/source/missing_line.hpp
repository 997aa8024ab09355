// What Kafka lacks of one account, from the first event that was left out to the last (R4, P7): which numbers
// its transactions have, as the binlog is read again. Pure; its owner's lock.
#pragma once
#include "actors/source/settlement.hpp"
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"

#include <optional>
#include <string>
#include <vector>

namespace understudy {

class missing_line {
public:
  /// Of the first one. `before`: a place in the binlog somewhere before it.
  missing_line(epoch term, sequence number, const gtid& id, settlement::ticket transaction,
               gtid_position before);

  /// The account's next event is missing, too.
  void leave_out(sequence number, const gtid& id);
  /// Nothing is missing, and the account's next event goes to the log.
  void go_on(sequence number, const gtid& id);

  /// The account's next slice as the binlog is read again, in its order, from before() or earlier on. Gives
  /// the number that it had, or nothing if it isn't missing. An error: what is read isn't what was left out;
  /// the line is broken off.
  result<std::optional<sequence>> take(const gtid& id);
  /// Everything up to here was read. An error: something that is missing lies before it, and didn't come.
  result<void> read_up_to(const gtid& id);
  /// It can't be made up for any more, whatever is read: the first reason stays.
  void break_off(const std::string& why);
  /// Whether a transaction without a slice of the account may lie among those that are missing.
  bool may_contain(const gtid& id) const;

  epoch term() const { return term_; }
  sequence next() const { return next_; } ///< the first that is missing
  sequence last() const { return last_; }
  /// Those that are missing.
  std::uint64_t count() const { return is_complete() ? 0 : last_.value - next_.value + 1; }
  bool is_complete() const { return next_ > last_; }
  /// Where reading for it begins: nothing of it that is missing lies before.
  const gtid_position& before() const { return before_; }
  /// The oldest captured transaction that it was left out of.
  settlement::ticket transaction() const { return transaction_; }
  bool is_broken() const { return !why_broken_.empty(); }
  const std::string& why_broken() const { return why_broken_; }

private:
  result<std::optional<sequence>> broken();
  epoch term_;
  sequence next_;
  std::optional<gtid> next_id_; ///< known of the first one that was left out
  sequence last_;
  gtid last_id_;
  settlement::ticket transaction_;
  gtid_position before_;
  std::string why_broken_;
};

/// The place of which everything lies behind that lies behind any of these, all of one binlog.
gtid_position earliest(const std::vector<gtid_position>& places);

} // namespace understudy
