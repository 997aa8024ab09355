// R9: does this server's binlog go on with what this node wrote to Kafka from it? Compared at a start, behind
// the settled position, with what was read up to one's own incarnation record. Pure; one thread.
#pragma once
#include "events/model/gtid.hpp"
#include "events/model/ids.hpp"
#include "events/model/row_change.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace understudy {

class tail_check {
public:
  /// Kafka holds this event of ours; `payload` as it was written, a split one joined. May come twice.
  void expect(const account_id& account, const gtid& id, std::string payload);

  /// Why a server whose binlog ends at `end` can't be the one that was captured; empty: it can.
  std::string missing_behind(const gtid_position& end) const;

  using slices = std::unordered_map<account_id, const std::vector<row_change>*>;
  /// Each transaction that is read from the settled position on, in the binlog's order, with the rows that it
  /// changed of each account. Why this isn't the history in Kafka; empty: it is so far. Of accounts that
  /// aren't captured any more (`is_left`) nothing is known.
  std::string read(const gtid& id, const slices& changed,
                   const std::function<bool(const account_id&)>& is_left = {});
  /// The next one in that order is this, whose rows can't be told.
  void pass_over(const gtid& id);

  bool done() const { return expected_.empty(); }

private:
  struct place {
    std::uint32_t domain;
    std::uint64_t number;
    auto operator<=>(const place&) const = default;
  };
  struct transaction {
    gtid id;
    std::map<account_id, std::string> payloads;
  };
  std::map<place, transaction> expected_;
};

} // namespace understudy
