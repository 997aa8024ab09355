// What Kafka held of this node's accounts when this process began, as far as capture hasn't met it in the
// binlog yet (R12). Pure; its owner's lock.
#pragma once
#include "actors/source/settlement.hpp"
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"

#include <map>
#include <optional>
#include <unordered_map>

namespace understudy {

/// An event of an account that Kafka held already.
struct known_event {
  sequence number;
  settlement::report where;
};

using known_events = std::map<gtid, known_event>;

/// A snapshot's marker that Kafka held already. Its view has all of the account up to `last_id`.
struct known_marker {
  gtid last_id;
  sequence number; ///< that `last_id` had
};

class former_lines {
public:
  void add(const account_id& account, known_events events, const std::optional<known_marker>& marker);
  /// Kafka holds it: met now, so it's known no longer.
  std::optional<known_event> take(const account_id& account, const gtid& transaction);
  /// It was left out of the log, for whatever reason, and a snapshot behind it has it: another number would
  /// bring it to that snapshot's replicas twice. Gives the marker's number: what the log lacks isn't behind
  /// it. Asked only of what take() doesn't have.
  std::optional<sequence> left_out_before(const account_id& account, const gtid& transaction);
  /// Nothing of the account is known that isn't below `met`.
  bool are_met(const account_id& account, const gtid_position& met) const;
  void forget(const account_id& account) { lines_.erase(account); }

private:
  struct line {
    known_events events;
    std::optional<known_marker> marker;
  };
  void drop_if_empty(std::unordered_map<account_id, line>::iterator found);
  std::unordered_map<account_id, line> lines_;
};

} // namespace understudy
