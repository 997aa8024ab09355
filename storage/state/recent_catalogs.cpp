#include "storage/state/recent_catalogs.hpp"

namespace understudy {

result<std::shared_ptr<const schema_catalog>> recent_catalogs::of(sql_session& session,
                                                                  const std::set<std::string>& databases) {
  const auto now = std::chrono::steady_clock::now();
  // Held while reading: whoever asks meanwhile wants the same.
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [&](const auto& known) { return now - known.second.read > age; });
  if (const auto known = known_.find(databases); known != known_.end())
    return known->second.catalog;
  auto read = read_catalog(session, databases);
  if (!read)
    return tl::make_unexpected(read.error());
  auto catalog = std::make_shared<const schema_catalog>(std::move(*read));
  known_[databases] = {catalog, now};
  return catalog;
}

void recent_catalogs::forget(const std::string& database) {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [&](const auto& known) { return known.first.contains(database); });
}

} // namespace understudy
