#include "storage/binlog/transaction_slicer.hpp"

#include "storage/binlog/statement_scan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

// The mail server uses no XA; whoever leaves so many prepared gets `lost_xa` for the rest.
constexpr std::size_t most_prepared = 1000;

void move_changes(sliced_transaction& from, sliced_transaction& to) {
  to.ours = std::exchange(from.ours, false);
  to.slices = std::exchange(from.slices, {});
  to.roles = std::exchange(from.roles, {});
  to.registry = std::exchange(from.registry, {});
  to.unseen = std::exchange(from.unseen, {});
  to.own_tables = std::exchange(from.own_tables, {});
}

} // namespace

result<std::optional<sliced_transaction>> transaction_slicer::feed(const binlog_event& event,
                                                                   const std::string& file, bool wants_ack) {
  if (const auto* head = std::get_if<gtid_begin>(&event.body)) {
    auto begun = begin(*head, event, file);
    if (begun && open_)
      open_->wants_ack = wants_ack;
    return begun;
  }
  if (std::holds_alternative<format_description>(event.body)) {
    // A server that died while it wrote leaves a transaction without an end; the next file begins with this.
    open_.reset();
    return std::nullopt;
  }
  if (!open_) {
    if (std::holds_alternative<rows>(event.body) || std::holds_alternative<query>(event.body))
      return failure(fmt::format("a change outside a transaction at {}:{}", file, event.start),
                     "the binlog isn't one of MariaDB 10.11 or later with GTIDs");
    return std::nullopt;
  }
  auto& out = *open_;
  out.end.offset = event.end;
  out.wants_ack = out.wants_ack || wants_ack;
  out.bytes += event.header.length;
  if (const auto* change = std::get_if<rows>(&event.body)) {
    if (auto added = builder_.add(*change, out); !added)
      return failure(
          fmt::format("{} in transaction {} at {}:{}", added.error().what, out.id.text(), file, event.start),
          added.error().todo);
    return std::nullopt;
  }
  if (const auto* q = std::get_if<query>(&event.body))
    return take_query(*q);
  if (std::holds_alternative<commit>(event.body))
    return finish();
  if (std::holds_alternative<xa_prepared>(event.body))
    return finish_prepared();
  return std::nullopt;
}

result<transaction_slicer::finished>
transaction_slicer::begin(const gtid_begin& head, const binlog_event& event, const std::string& file) {
  if (open_)
    return failure(fmt::format("transaction {} begins at {}:{} within {}", head.id.text(), file, event.start,
                               open_->id.text()));
  builder_.begin();
  savepoints_.clear();
  standalone_ = head.standalone;
  completes_xa_ = head.completed_xa;
  xid_ = head.xid;
  open_.emplace();
  open_->id = head.id;
  open_->group = head.group;
  open_->start = {file, event.start};
  open_->end = {file, event.end};
  open_->timestamp = event.header.timestamp;
  open_->bytes = event.header.length;
  return std::nullopt;
}

result<transaction_slicer::finished> transaction_slicer::take_query(const query& q) {
  if (completes_xa_)
    return finish_xa(q.statement);
  const auto control = read_control_statement(q.statement);
  switch (control.role) {
  case statement_role::commit:
    return finish();
  case statement_role::rollback:
    return finish_rolled_back();
  case statement_role::savepoint:
    std::erase_if(savepoints_, [&](const auto& s) { return s.name == control.savepoint; });
    savepoints_.push_back({control.savepoint, slice_builder::here(*open_)});
    return std::nullopt;
  case statement_role::rollback_to:
    go_back_to(control.savepoint);
    return std::nullopt;
  case statement_role::begin:
  case statement_role::xa:
    return std::nullopt;
  case statement_role::other:
    break;
  }
  if (auto warning = scan_statement(q.statement, q.database, builder_.routing()))
    open_->unseen.push_back(std::move(*warning));
  return standalone_ ? finish() : std::nullopt;
}

transaction_slicer::finished transaction_slicer::finish() {
  return std::exchange(open_, std::nullopt);
}

transaction_slicer::finished transaction_slicer::finish_rolled_back() {
  // Logged only for the sake of a table without transactions; account tables have them.
  builder_.back_to({}, *open_);
  return finish();
}

transaction_slicer::finished transaction_slicer::finish_prepared() {
  sliced_transaction changes;
  move_changes(*open_, changes);
  if (prepared_.size() < most_prepared) {
    for (const auto& slice : changes.slices)
      prepared_bytes_ += slice.bytes;
    while (prepared_bytes_ > most_kept_) {
      auto& largest = slice_builder::largest_of(changes);
      prepared_bytes_ -= largest.bytes;
      slice_builder::give_up(largest);
    }
    prepared_[xid_] = std::move(changes);
  }
  return finish();
}

transaction_slicer::finished transaction_slicer::finish_xa(std::string_view statement) {
  using warning = sliced_transaction::warning;
  auto held = prepared_.extract(xid_);
  if (held)
    for (const auto& slice : held.mapped().slices)
      prepared_bytes_ -= slice.bytes;
  const auto words = statement_words(statement, 2);
  const bool committed = words.size() < 2 || (words[1].text != "ROLLBACK" && words[1].text != "rollback");
  if (committed && !held)
    open_->unseen.push_back({warning::kind::lost_xa, std::string(statement.substr(0, 500)), {}, {}, true});
  else if (committed)
    move_changes(held.mapped(), *open_);
  return finish();
}

void transaction_slicer::go_back_to(const std::string& name) {
  const auto found =
      std::find_if(savepoints_.begin(), savepoints_.end(), [&](const auto& s) { return s.name == name; });
  if (found == savepoints_.end()) {
    // Set before anything was logged, hence before every row of this transaction.
    builder_.back_to({}, *open_);
    savepoints_.clear();
    return;
  }
  builder_.back_to(found->mark, *open_);
  savepoints_.erase(found + 1, savepoints_.end());
}

} // namespace understudy
