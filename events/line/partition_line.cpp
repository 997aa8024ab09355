#include "events/line/partition_line.hpp"

namespace understudy {

partition_line::partition_line(kafka_offset begin, kafka_offset control_at_begin, part_decoder decode)
    : begin_(begin)
    , control_at_begin_(control_at_begin)
    , decode_(std::move(decode)) {}

void partition_line::follow(const account_id& account, line_position position) {
  lines_.insert_or_assign(account, account_line(std::move(position)));
}

void partition_line::forget(const account_id& account) {
  lines_.erase(account);
}

account_line& partition_line::line_of(const account_id& account) {
  return lines_.try_emplace(account, begin_, control_at_begin_).first->second;
}

const account_line* partition_line::line(const account_id& account) const {
  const auto known = lines_.find(account);
  return known == lines_.end() ? nullptr : &known->second;
}

incarnation partition_line::life(const node_name& node) const {
  const auto known = lives_.find(node);
  return known == lives_.end() ? incarnation{} : known->second;
}

line_verdict partition_line::step(const account_event& event, kafka_offset offset,
                                  const terms_lookup& control) {
  auto& life = lives_[event.from.node];
  if (event.from.life < life)
    return line_ignore{
        fmt::format("by life {} of {}, behind its life {}", event.from.life, event.from.node, life)};
  life = event.from.life;
  return retry(event, offset, control);
}

line_verdict partition_line::retry(const account_event& event, kafka_offset offset,
                                   const terms_lookup& control) {
  if (std::holds_alternative<incarnation_event>(event.body))
    return line_incarnation{event.from};
  if (const auto* body = std::get_if<shape_event>(&event.body))
    return line_shape{body->table};
  if (std::holds_alternative<snapshot_chunk>(event.body))
    return line_ignore{"a piece of a snapshot doesn't belong into this topic"};
  const auto& account = *account_of(event);
  if (control.withdrawn(account))
    return line_ignore{"its account is not replicated any more"};
  const line_control terms{control.folded(), control.terms(account)};
  auto& line = line_of(account);
  if (const auto* body = std::get_if<transaction_event>(&event.body))
    return line.step(event.from, *body, terms);
  if (const auto* body = std::get_if<part_event>(&event.body))
    return line.step(event.from, *body, terms, decode_);
  if (const auto* body = std::get_if<snapshot_event>(&event.body))
    return line.step(event.from, *body, terms);
  return line.step(event.from, std::get<fence_event>(event.body), offset, terms);
}

} // namespace understudy
