// What the account log left out for want of room (P7), and how that is made up for (R4).
#include "actors/source/account_log.hpp"

namespace understudy {

std::vector<left_out> account_log::left_out_now() const {
  const std::lock_guard lock(mutex_);
  return left_out_.all();
}

bool account_log::leaves_out(const account_id& account) const {
  const std::lock_guard lock(mutex_);
  return left_out_.contains(account);
}

bool account_log::has_room() const {
  const std::lock_guard lock(mutex_);
  return has_room_locked(options_.most_waiting_bytes / 2);
}

void account_log::resume(const account_id& account) {
  give_up_missing(account, "nobody waits for it any more");
  const std::lock_guard lock(mutex_);
  left_out_.forget(account);
}

std::optional<gtid_position> account_log::follow_missing(const account_id& account) {
  const std::lock_guard lock(mutex_);
  return left_out_.follow(account);
}

void account_log::unfollow_missing(const account_id& account) {
  const std::lock_guard lock(mutex_);
  left_out_.unfollow(account);
}

result<std::optional<missing_event>> account_log::take_missing(const account_id& account, const gtid& id) {
  const std::lock_guard lock(mutex_);
  return left_out_.take(account, id);
}

result<void> account_log::missing_read_up_to(const account_id& account, const gtid& id) {
  const std::lock_guard lock(mutex_);
  return left_out_.read_up_to(account, id);
}

/// Only the thread that reads again writes of this account as long as something of it is known to be missing:
/// so the order stands without the lock.
bool account_log::make_up_for(const missing_event& missing, transaction_event event, on_delivery done) {
  const auto account = event.account;
  write({missing.partition, std::move(event), std::move(done), missing.from, 0}, life());
  while (true) {
    std::optional<outgoing> next;
    incarnation life;
    {
      const std::lock_guard lock(mutex_);
      next = left_out_.next_behind(account);
      life = life_;
      if (!next)
        return !left_out_.contains(account);
    }
    write(std::move(*next), life);
  }
}

void account_log::give_up_missing(const account_id& account, const std::string& why,
                                  const std::optional<gtid>& at) {
  std::vector<outgoing> held;
  {
    const std::lock_guard lock(mutex_);
    held = at ? left_out_.break_off_at(account, *at, why) : left_out_.break_off(account, why);
  }
  write_all(std::move(held));
}

} // namespace understudy
