#include "storage/settle/ack_tracker.hpp"

#include "events/model/invariant.hpp"

#include <utility>

namespace understudy {

ack_tracker::ack_tracker(gtid_position settled)
    : settled_(std::move(settled)) {}

ack_tracker::ticket ack_tracker::begin(const gtid& id, binlog_place end, std::uint32_t slices,
                                       std::uint64_t group) {
  const ticket given = front_ + open_.size();
  open_.push_back({id, std::move(end), slices, group});
  if (slices == 0)
    advance();
  return given;
}

void ack_tracker::settle(ticket which) {
  if (which < generation_)
    return; // a delivery report of a connection that is gone (R7)
  invariant(which >= front_, "a transaction was settled more often than it has slices");
  invariant(which - front_ < open_.size(), "a ticket was settled that was never given out");
  auto& transaction = open_[which - front_];
  invariant(transaction.slices > 0, "a transaction was settled more often than it has slices");
  --transaction.slices;
  if (transaction.slices == 0)
    advance();
}

void ack_tracker::advance() {
  while (!open_.empty() && open_.front().slices == 0) {
    settled_.advance(open_.front().id);
    moved_ = std::move(open_.front().end);
    moved_group_ = open_.front().group;
    open_.pop_front();
    ++front_;
  }
}

std::optional<ack_tracker::release> ack_tracker::take_release() {
  if (!moved_)
    return std::nullopt;
  if (moved_group_ != 0 && !open_.empty() && open_.front().group == moved_group_)
    return std::nullopt;
  return release{*std::exchange(moved_, std::nullopt), settled_};
}

std::optional<ack_tracker::ticket> ack_tracker::oldest() const {
  if (open_.empty())
    return std::nullopt;
  return front_;
}

std::optional<gtid> ack_tracker::oldest_id() const {
  if (open_.empty())
    return std::nullopt;
  return open_.front().id;
}

void ack_tracker::reset(gtid_position settled) {
  front_ += open_.size();
  generation_ = front_;
  open_.clear();
  moved_.reset();
  settled_ = std::move(settled);
}

} // namespace understudy
