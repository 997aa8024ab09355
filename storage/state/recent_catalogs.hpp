// Catalogs of single databases that were read a moment ago: reading one takes longer than a promotion.
#pragma once
#include "storage/state/catalog_reader.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>

namespace understudy {

class recent_catalogs {
public:
  /// Any thread, blocking when it has to be read. As old as `age` at most: a table made since is missing.
  result<std::shared_ptr<const schema_catalog>> of(sql_session& session,
                                                   const std::set<std::string>& databases);

  /// Whoever made or changed a table of these: what was read before isn't given out any more.
  void forget(const std::string& database);

  static constexpr std::chrono::seconds age{10};

private:
  struct entry {
    std::shared_ptr<const schema_catalog> catalog;
    std::chrono::steady_clock::time_point read;
  };
  std::mutex mutex_;
  std::map<std::set<std::string>, entry> known_;
};

} // namespace understudy
