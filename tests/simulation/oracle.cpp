#include "tests/simulation/oracle.hpp"

#include <algorithm>

namespace understudy::simulation {

oracle::oracle(story& log)
    : log_(log)
    , partition_(kafka_offset{0}, kafka_offset{0}, nullptr) {}

void oracle::control_landed(const control_record& record, kafka_offset offset) {
  std::map<account_id, epoch> under_way;
  for (const auto& event : record.events)
    if (const auto* change = std::get_if<account_change>(&event); change && nobody_fails)
      if (const auto* account = control_.account(change->account); account && account->promotion())
        under_way[change->account] = account->promotion()->term;
  const auto folded = evolve(control_, record, offset);
  for (std::size_t i = 0; i < folded.events.size(); ++i) {
    const auto* change = std::get_if<account_change>(&record.events[i]);
    if (!change || !folded.events[i].applied || !under_way.contains(change->account))
      continue;
    if (std::holds_alternative<promotion_decided>(change->body) ||
        std::holds_alternative<decline_asked>(change->body))
      log_.violated("R24: {} takes {} from the living nodes that carry out epoch {}", record.from.node,
                    change->account, under_way.at(change->account));
  }
}

void oracle::account_landed(const account_event& event, kafka_offset offset) {
  const auto verdict = partition_.step(event, offset, state_terms(control_));
  if (const auto* stopped = std::get_if<line_stop>(&verdict))
    log_.violated("P2: the account's line broke: {}", stopped->why.what);
  if (std::holds_alternative<line_wait>(verdict))
    log_.violated("a record landed before the decision that it rests on");
  if (const auto* fence = std::get_if<line_fence>(&verdict))
    log_.tell("LINE {}: epoch {} of {} begins behind sequence {} (offset {})", fence->account, fence->term,
              fence->primary, fence->cut, offset);
  if (const auto* ignored = std::get_if<line_ignore>(&verdict))
    log_.tell("LINE offset {} is void: {}", offset, ignored->why);
  if (!std::holds_alternative<line_deliver>(verdict))
    return;
  const auto& transaction = std::get<transaction_event>(event.body);
  const auto write = writes_.at(transaction.id);
  log_.tell("LINE {}: sequence {} is write {} of {} in epoch {} (offset {})", transaction.account,
            transaction.number, write, event.from.node, transaction.term, offset);
  auto& line = lines_[transaction.account];
  if (!in_line_[transaction.account].insert(write).second)
    log_.violated("P3: write {} of {} is twice in the line", write, transaction.account);
  line.push_back(write);
  if (line.size() != transaction.number.value)
    log_.violated("P2: sequence {} of {} is transaction number {}", transaction.number, transaction.account,
                  line.size());
}

void oracle::acknowledged(const account_id& account, write_id write, epoch term, const node_name& node) {
  ++acknowledged_count_;
  acknowledged_[account][write] = term;
  if (!in_line_[account].contains(write))
    log_.violated(
        "P1: {} told a client OK for write {} of {} in epoch {}, but it is not in the account's line", node,
        write, account, term);
  for (const auto& [later, primary] : primaries_[account])
    if (later > term && !primary.rows.contains(write))
      log_.violated(
          "P5: {} told a client OK for write {} of {} in epoch {}, but epoch {} began on {} without it", node,
          write, account, term, later, primary.node);
}

void oracle::begins(const account_id& account, epoch term, const node_name& node,
                    const std::vector<write_id>& rows) {
  auto& primaries = primaries_[account];
  if (const auto known = primaries.find(term); known != primaries.end()) {
    if (known->second.node != node)
      log_.violated("P4: epoch {} of {} has two primaries: {} and {}", term, account, known->second.node,
                    node);
    return;
  }
  ++epochs_begun_;
  const auto& line = lines_[account];
  if (rows.size() > line.size() || !std::equal(rows.begin(), rows.end(), line.begin()))
    log_.violated("P2: {} begins epoch {} of {} with rows that are no prefix of its history", node, term,
                  account);
  beginning begun{node, {rows.begin(), rows.end()}};
  // A node that stood still may begin an epoch that a later fence has cut: it owes what came before its own.
  for (const auto& [write, in_term] : acknowledged_[account])
    if (in_term < term && !begun.rows.contains(write))
      log_.violated("P1: {} begins epoch {} of {} without write {}, for which a client was told OK", node,
                    term, account, write);
  primaries.emplace(term, std::move(begun));
}

void oracle::replica_at(const account_id& account, sequence number, const std::vector<write_id>& rows,
                        const node_name& node, bool whole) {
  const auto& line = lines_[account];
  if (number.value > line.size())
    log_.violated("P2: {} has applied sequence {} of {}, the line has {}", node, number, account,
                  line.size());
  if (rows.size() != number.value)
    log_.violated("P3: {} has {} transactions of {} at sequence {}", node, rows.size(), account, number);
  const auto from = whole || rows.empty() ? 0 : static_cast<std::ptrdiff_t>(rows.size()) - 1;
  if (!std::equal(rows.begin() + from, rows.end(), line.begin() + from))
    log_.violated("P2: {}'s rows of {} at sequence {} are not its history", node, account, number);
}

} // namespace understudy::simulation
