#include "actors/replica/replica_board.hpp"

namespace understudy {

bool replica_board::add(const account_id& account, entry made) {
  const std::lock_guard lock(mutex_);
  return entries_.try_emplace(account, std::move(made)).second;
}

void replica_board::remove(const account_id& account) {
  const std::lock_guard lock(mutex_);
  entries_.erase(account);
}

void replica_board::change(const account_id& account, const std::function<void(entry&)>& how) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(account); found != entries_.end())
    how(found->second);
}

std::optional<replica_side::figures> replica_board::figures_of(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(account);
  return found == entries_.end() ? std::nullopt : std::optional(found->second.now);
}

std::optional<replica_side::followed> replica_board::followed(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(account);
  return found == entries_.end() ? std::nullopt : std::optional(found->second.what);
}

caf::actor replica_board::actor_of(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(account);
  return found == entries_.end() ? caf::actor{} : found->second.actor;
}

bool replica_board::is_loading(const account_id& account, const std::string& snapshot) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(account);
  return found != entries_.end() && found->second.loading == snapshot;
}

std::optional<kafka_offset> replica_board::awaits(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(account);
  return found == entries_.end() ? std::nullopt : std::optional(found->second.awaits);
}

std::vector<caf::actor> replica_board::actors() const {
  const std::lock_guard lock(mutex_);
  std::vector<caf::actor> out;
  for (const auto& [account, e] : entries_)
    out.push_back(e.actor);
  return out;
}

std::size_t replica_board::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

} // namespace understudy
