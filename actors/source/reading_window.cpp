#include "actors/source/reading_window.hpp"

namespace understudy {

reading_window::charge reading_window::take(const account_id& account, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto [at, fresh] = shares_.try_emplace(account, share{turns_ + 1});
  turns_ += fresh ? 1 : 0;
  at->second.bytes += bytes;
  taken_ += bytes;
  return {at->second.turn, bytes};
}

void reading_window::give_back(const account_id& account, const charge& taken) {
  const std::lock_guard lock(mutex_);
  const auto known = shares_.find(account);
  if (known == shares_.end() || known->second.turn != taken.turn)
    return;
  taken_ -= taken.bytes;
  known->second.bytes -= taken.bytes;
  if (known->second.bytes == 0)
    shares_.erase(known);
  changed_.notify_all();
}

void reading_window::forget(const account_id& account) {
  const std::lock_guard lock(mutex_);
  const auto known = shares_.find(account);
  if (known == shares_.end())
    return;
  taken_ -= known->second.bytes;
  shares_.erase(known);
  changed_.notify_all();
}

bool reading_window::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || taken_ <= most_; });
  return !closed_;
}

void reading_window::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::size_t reading_window::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

} // namespace understudy
