// A shape's fingerprint, computed once and not with each event.
#pragma once
#include "events/model/shape.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace understudy {

/// Keeps the shapes that it knows, so that no address can come back as another shape. One thread.
class fingerprint_cache {
public:
  std::uint64_t of(const std::shared_ptr<const shape>& table) {
    if (const auto known = known_.find(table.get()); known != known_.end())
      return known->second.fingerprint;
    if (known_.size() >= most)
      known_.clear();
    return known_.emplace(table.get(), entry{table, table->fingerprint()}).first->second.fingerprint;
  }

private:
  struct entry {
    std::shared_ptr<const shape> table;
    std::uint64_t fingerprint;
  };
  /// A mailstore has about 100 tables; emptied when it's full.
  static constexpr std::size_t most = 1024;
  std::unordered_map<const shape*, entry> known_;
};

} // namespace understudy
