#include "actors/source/left_out_events.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

const transaction_event& transaction_of(const left_out_events::event& each) {
  return std::get<transaction_event>(each.body);
}

} // namespace

left_out_events::verdict left_out_events::judge(partition_id partition, const transaction_event& event,
                                                const captured_from& from, bool has_room) {
  auto known = lines_.find(event.account);
  if (known != lines_.end() && known->second.missing.term() != event.term) {
    forget(event.account); // that epoch's fence says where it ended
    known = lines_.end();
  }
  if (known == lines_.end()) {
    // A commit that waits is never let go of for want of room.
    if (from.holds_commit || has_room)
      return verdict::written;
    missing_line missing(event.term, event.number, event.id, from.transaction,
                         from.place == nullptr ? gtid_position{} : from.place->settled());
    lines_.emplace(event.account, line{partition, std::move(missing), false, 0, {}});
    return verdict::left_out;
  }
  auto& line = known->second;
  if (line.missing.is_broken()) {
    if (from.holds_commit)
      return verdict::written; // a new snapshot has what lies before it
    line.missing.leave_out(event.number, event.id);
    return verdict::left_out;
  }
  const bool is_near =
      line.followed && (!line.behind.empty() || line.missing.count() <= near_the_end) && has_room;
  if (from.holds_commit || line.held > 0 || is_near)
    return verdict::behind;
  leave_out_behind(line);
  line.missing.leave_out(event.number, event.id);
  return verdict::left_out;
}

/// None of them holds its commit.
void left_out_events::leave_out_behind(line& known) {
  for (const auto& each : known.behind) {
    bytes_ -= each.bytes;
    known.missing.leave_out(transaction_of(each).number, transaction_of(each).id);
  }
  known.behind.clear();
}

void left_out_events::wait_behind(const account_id& account, event next) {
  auto& line = lines_.at(account);
  bytes_ += next.bytes;
  line.held += next.from.holds_commit ? 1 : 0;
  line.behind.push_back(std::move(next));
}

std::optional<gtid_position> left_out_events::follow(const account_id& account) {
  const auto known = lines_.find(account);
  if (known == lines_.end() || known->second.missing.is_broken())
    return std::nullopt;
  known->second.followed = true;
  return known->second.missing.before();
}

void left_out_events::unfollow(const account_id& account) {
  if (const auto known = lines_.find(account); known != lines_.end())
    known->second.followed = false;
}

result<std::optional<missing_event>> left_out_events::take(const account_id& account, const gtid& id) {
  const auto known = lines_.find(account);
  if (known == lines_.end() || !known->second.followed)
    return failure("nothing of it is read again any more");
  auto& [partition, missing, followed, held, behind] = known->second;
  const auto number = missing.take(id);
  if (!number)
    return tl::make_unexpected(number.error());
  if (!*number)
    return std::nullopt;
  // Until all of them are in Kafka a restart begins before the first.
  return missing_event{
      partition, missing.term(), **number, {missing.transaction(), false}, missing.is_complete()};
}

result<void> left_out_events::read_up_to(const account_id& account, const gtid& id) {
  const auto known = lines_.find(account);
  return known == lines_.end() ? result<void>{} : known->second.missing.read_up_to(id);
}

std::optional<left_out_events::event> left_out_events::next_behind(const account_id& account) {
  const auto known = lines_.find(account);
  if (known == lines_.end() || !known->second.missing.is_complete())
    return std::nullopt;
  auto& line = known->second;
  if (line.behind.empty()) {
    lines_.erase(known);
    return std::nullopt;
  }
  auto next = std::move(line.behind.front());
  line.behind.pop_front();
  bytes_ -= next.bytes;
  line.held -= next.from.holds_commit ? 1 : 0;
  line.missing.go_on(transaction_of(next).number, transaction_of(next).id);
  return next;
}

std::vector<left_out_events::event> left_out_events::break_off(const account_id& account,
                                                               const std::string& why) {
  std::vector<event> held;
  const auto known = lines_.find(account);
  if (known == lines_.end())
    return held;
  auto& line = known->second;
  line.missing.break_off(why);
  for (auto& each : line.behind) {
    bytes_ -= each.bytes;
    if (each.from.holds_commit)
      held.push_back(std::move(each));
    else
      line.missing.leave_out(transaction_of(each).number, transaction_of(each).id);
  }
  line.behind.clear();
  line.held = 0;
  return held;
}

std::vector<left_out_events::event> left_out_events::break_off_at(const account_id& account, const gtid& id,
                                                                  const std::string& why) {
  const auto known = lines_.find(account);
  return known == lines_.end() || !known->second.missing.may_contain(id) ? std::vector<event>{}
                                                                         : break_off(account, why);
}

void left_out_events::forget(const account_id& account) {
  const auto known = lines_.find(account);
  if (known == lines_.end())
    return;
  for (const auto& each : known->second.behind)
    bytes_ -= each.bytes;
  lines_.erase(known);
}

std::vector<left_out> left_out_events::all() const {
  std::vector<left_out> all;
  all.reserve(lines_.size());
  for (const auto& [account, line] : lines_)
    all.push_back(
        {account, line.missing.term(), line.missing.next(), line.missing.last(), line.missing.why_broken()});
  return all;
}

std::optional<settlement::ticket> left_out_events::oldest() const {
  std::optional<settlement::ticket> oldest;
  for (const auto& [account, line] : lines_)
    if (const auto transaction = line.missing.transaction();
        transaction != 0 && (!oldest || transaction < *oldest))
      oldest = transaction;
  return oldest;
}

} // namespace understudy
