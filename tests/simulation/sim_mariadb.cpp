#include "tests/simulation/sim_mariadb.hpp"

namespace understudy::simulation {

void sim_mariadb::crash() {
  up_ = false;
  guarded_.clear();
  end_commits();
}

void sim_mariadb::commit(const account_id& account, write_id write) {
  if (const auto guard = guarded_.find(account); guard != guarded_.end() && guard->second)
    return tell_(write, told::error); // waits at the guard, and is ended before its COMMIT (R30)
  binlog_.push_back({binlog_entry::type::client, next_id(), account, write, {}});
  rows_[account].push_back(write);
  if (const auto now = role(account); now.source)
    source_terms_[write] = now.term;
  else
    tainted_.insert(account);
  waiting_.push_back({binlog_.size() - 1, write});
}

void sim_mariadb::write_role(const account_id& account, const role_row& role) {
  binlog_.push_back({binlog_entry::type::role, next_id(), account, 0, role});
  roles_[account] = {role, binlog_.size() - 1};
}

void sim_mariadb::apply(const account_id& account, write_id write, epoch term, sequence number) {
  binlog_.push_back({binlog_entry::type::own, next_id(), account, write, {}});
  rows_[account].push_back(write);
  replicas_[account].term = term;
  replicas_[account].number = number;
}

void sim_mariadb::load(const account_id& account, std::vector<write_id> rows, const replica_row& replica) {
  binlog_.push_back({binlog_entry::type::own, next_id(), account, 0, {}});
  rows_[account] = std::move(rows);
  replicas_[account] = replica;
  tainted_.erase(account);
}

void sim_mariadb::acknowledge(std::size_t end) {
  while (!waiting_.empty() && waiting_.front().index < end) {
    const auto write = waiting_.front().write;
    waiting_.pop_front();
    tell_(write, told::ok);
  }
}

void sim_mariadb::end_commits() {
  while (!waiting_.empty()) {
    const auto write = waiting_.front().write;
    waiting_.pop_front();
    tell_(write, told::lost);
  }
}

role_row sim_mariadb::role(const account_id& account) const {
  const auto known = roles_.find(account);
  return known == roles_.end() ? role_row{} : known->second.first;
}

std::size_t sim_mariadb::role_index(const account_id& account) const {
  const auto known = roles_.find(account);
  return known == roles_.end() ? std::size_t(-1) : known->second.second;
}

std::optional<epoch> sim_mariadb::source_term_of(write_id write) const {
  const auto known = source_terms_.find(write);
  return known == source_terms_.end() ? std::nullopt : std::optional(known->second);
}

} // namespace understudy::simulation
