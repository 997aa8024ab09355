// A partition of understudy.accounts read in order: lives of nodes, and the line of each account (R12). Pure.
#pragma once
#include "events/line/account_line.hpp"

#include <map>
#include <unordered_map>

namespace understudy {

class partition_line {
public:
  /// `begin`: the offset of the first record that will be given. Control had been read to its end, up to
  /// `control_at_begin`, when the partition reached no further than `begin` or later: so every fence that
  /// lies before `begin` is of a decision below `control_at_begin`.
  partition_line(kafka_offset begin, kafka_offset control_at_begin, part_decoder decode);

  /// Where a replica, or a source's role row, stands; before its first record. An account that isn't followed
  /// explicitly is followed from `begin`, where a promotion under way makes it wait for the promotion's end.
  void follow(const account_id& account, line_position position);
  void forget(const account_id& account);

  /// The next record of the partition, each exactly once.
  line_verdict step(const account_event& event, kafka_offset offset, const terms_lookup& control);
  /// A record for which step() said line_wait, again: whether its writer's life was the newest was judged at
  /// its place, so later records of *other* accounts may be stepped between the two.
  line_verdict retry(const account_event& event, kafka_offset offset, const terms_lookup& control);

  /// Null: no record of it was seen.
  const account_line* line(const account_id& account) const;
  /// The newest life of a node in this partition; 0: none seen.
  incarnation life(const node_name& node) const;
  const std::unordered_map<account_id, account_line>& lines() const { return lines_; }

private:
  account_line& line_of(const account_id& account);

  kafka_offset begin_, control_at_begin_;
  part_decoder decode_;
  std::map<node_name, incarnation> lives_;
  std::unordered_map<account_id, account_line> lines_;
};

} // namespace understudy
