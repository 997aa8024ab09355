// What Kafka finds too large, by a limit of the topic that may have changed (R13), and what waits behind it.
#include "actors/source/account_log.hpp"

#include <fmt/format.h>

#include <utility>

namespace understudy {

/// R13: the topic's limit is read at the start, and again when something is too large for it.
void account_log::look_at_limit(std::unique_lock<std::mutex>& lock) {
  limit_doubted_ = false;
  lock.unlock();
  const auto now = options_.topic_limit ? options_.topic_limit() : result<std::size_t>(limit_.load());
  lock.lock();
  if (!now && now.error().retryable) { // Kafka is away: nobody's event goes on meanwhile
    limit_doubted_ = true;
    return;
  }
  if (now && *now != limit_) {
    options_.report(fmt::format("the topic takes records of {} bytes now, before it was {}: larger events go "
                                "in parts",
                                *now, limit_.load()));
    limit_ = *now;
    limit_changed_ = true;
    fatal_ = true; // a new producer, whose batches keep to it: small events are never refused with large ones
    return;
  }
  auto refused = settle_doubts_locked();
  lock.unlock();
  finish_all(std::move(refused));
  lock.lock();
}

void account_log::doubt_locked(std::uint64_t number, error why) {
  auto& event = pending_.at(number);
  event.doubted = std::move(why);
  auto& of_account = doubts_.try_emplace(event.outcome.account, doubt{number, false}).first->second;
  of_account.first = std::min(of_account.first, number);
  // What is held is told at once, what is refused a moment later.
  if (partitions_[event.partition].last_held > number)
    of_account.overtaken = true;
  limit_doubted_ = true;
  changed_.notify_all();
}

/// librdkafka goes on with what is behind a refused record: that may be in the log by now.
void account_log::find_overtaken_locked() {
  if (doubts_.empty())
    return;
  for (const auto& [number, event] : pending_)
    if (event.written && !event.doubted)
      if (const auto known = doubts_.find(event.outcome.account);
          known != doubts_.end() && number > known->second.first)
        known->second.overtaken = true;
}

/// The limit is what it was: what is in doubt is refused, what waited behind it goes on.
account_log::refusals account_log::settle_doubts_locked() {
  refusals refused;
  doubts_.clear();
  for (auto& [number, event] : pending_)
    if (event.doubted)
      refused.emplace_back(number, *std::exchange(event.doubted, {}));
    else if (!event.written)
      write_or_refuse_locked(number, false, refused);
  return refused;
}

/// In a new life, in order: all that isn't confirmed.
account_log::refusals account_log::write_again_locked() {
  find_overtaken_locked();
  refusals refused;
  const auto before = std::exchange(doubts_, {});
  const bool may_doubt = !std::exchange(limit_changed_, false);
  for (auto& [number, event] : pending_) {
    event.confirmed = 0;
    event.written = false;
    auto doubted = std::exchange(event.doubted, {});
    if (doubted && before.at(event.outcome.account).overtaken)
      refused.emplace_back(number, std::move(*doubted));
    else
      write_or_refuse_locked(number, may_doubt, refused);
  }
  return refused;
}

void account_log::write_or_refuse_locked(std::uint64_t number, bool may_doubt, refusals& refused) {
  const auto& event = pending_.at(number);
  auto records = encode_body(event.body, life_);
  if (!records && records.error().size > 0 && may_doubt)
    doubt_locked(number, std::move(records.error()));
  else if (!records)
    refused.emplace_back(number, std::move(records.error()));
  else if (!doubts_.contains(event.outcome.account))
    write_locked(number, std::move(*records));
}

void account_log::finish_all(refusals refused) {
  for (auto& [number, why] : refused)
    finish(number, std::move(why));
}

} // namespace understudy
