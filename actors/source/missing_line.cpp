#include "actors/source/missing_line.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {

missing_line::missing_line(epoch term, sequence number, const gtid& id, settlement::ticket transaction,
                           gtid_position before)
    : term_(term)
    , next_(number)
    , next_id_(id)
    , last_(number)
    , last_id_(id)
    , transaction_(transaction)
    , before_(std::move(before)) {}

void missing_line::leave_out(sequence number, const gtid& id) {
  if (number != last_.next())
    break_off(fmt::format("sequence {} was left out behind {}", number, last_));
  if (is_complete())
    next_id_ = id;
  last_ = number;
  last_id_ = id;
}

void missing_line::go_on(sequence number, const gtid& id) {
  last_ = number;
  last_id_ = id;
  next_ = number.next();
  next_id_.reset();
  before_.advance(id);
}

bool missing_line::may_contain(const gtid& id) const {
  const bool lies_before =
      before_.covers(id) || (next_id_ && id.domain == next_id_->domain && id.number < next_id_->number);
  const bool lies_behind = id.domain == last_id_.domain && id.number > last_id_.number;
  return !is_complete() && !lies_before && !lies_behind;
}

void missing_line::break_off(const std::string& why) {
  if (why_broken_.empty())
    why_broken_ = why;
}

result<std::optional<sequence>> missing_line::broken() {
  return failure(why_broken_);
}

result<std::optional<sequence>> missing_line::take(const gtid& id) {
  if (is_broken())
    return broken();
  if (is_complete() || before_.covers(id))
    return std::nullopt;
  if (next_id_ && id != *next_id_) {
    if (id.domain != next_id_->domain || id.number < next_id_->number)
      return std::nullopt;
    break_off(fmt::format("the binlog has {} where {}, sequence {}, was left out", id.text(),
                          next_id_->text(), next_));
    return broken();
  }
  if ((id == last_id_) != (next_ == last_)) {
    break_off(fmt::format("in the binlog {} is sequence {}, but {} was left out last, as sequence {}",
                          id.text(), next_, last_id_.text(), last_));
    return broken();
  }
  next_id_.reset();
  before_.advance(id);
  return std::exchange(next_, next_.next());
}

result<void> missing_line::read_up_to(const gtid& id) {
  if (!is_broken() && !is_complete() && id.domain == last_id_.domain && id.number >= last_id_.number)
    break_off(fmt::format("the binlog was read up to {}, and sequence {} didn't come", id.text(), next_));
  return is_broken() ? result<void>(failure(why_broken_)) : result<void>{};
}

gtid_position earliest(const std::vector<gtid_position>& places) {
  gtid_position found;
  if (places.empty())
    return found;
  for (const auto& [domain, first] : places.front().domains()) {
    std::optional<gtid> least = first;
    for (const auto& place : places) {
      const auto here = place.domains().find(domain);
      if (here == place.domains().end())
        least.reset(); // it lies before the domain's first transaction
      else if (least && here->second.number < least->number)
        least = here->second;
    }
    if (least)
      found.advance(*least);
  }
  return found;
}

} // namespace understudy
