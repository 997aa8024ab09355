#include "storage/state/session_pool.hpp"

namespace understudy {

sql_result<session_pool::borrowed> session_pool::borrow() {
  while (true) {
    std::optional<sql_session> found;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty())
        break;
      found.emplace(std::move(idle_.back()));
      idle_.pop_back();
    }
    if (found->query_value("SELECT 1")) // the server may have closed it meanwhile
      return borrowed(*this, std::move(*found));
  }
  auto opened = sql_session::open(how_);
  if (!opened)
    return tl::make_unexpected(opened.error());
  return borrowed(*this, std::move(*opened));
}

void session_pool::rest() {
  std::vector<sql_session> ended;
  const std::lock_guard lock(mutex_);
  ended.swap(idle_);
}

void session_pool::give_back(sql_session session) {
  if (!session.rollback() || !session.connected())
    return;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle_)
    idle_.push_back(std::move(session));
}

} // namespace understudy
