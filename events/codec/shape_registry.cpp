#include "events/codec/shape_registry.hpp"

#include <fmt/format.h>

#include <mutex>

namespace understudy {

result<std::shared_ptr<const shape>> shape_registry::add(shape table) {
  const auto fingerprint = table.fingerprint();
  const std::unique_lock lock(guard_);
  if (const auto known = shapes_.find(fingerprint); known != shapes_.end()) {
    if (*known->second == table)
      return known->second;
    return failure(fmt::format("two shapes of tables {} and {} have the same fingerprint {}",
                               known->second->table, table.table, fingerprint),
                   "rename a column of one of the tables, which gives it another fingerprint");
  }
  if (shapes_.size() >= most_shapes)
    return failure(fmt::format("over {} shapes of tables were read", most_shapes),
                   "look for what alters tables all the time, then restart the node");
  return shapes_.emplace(fingerprint, std::make_shared<const shape>(std::move(table))).first->second;
}

std::shared_ptr<const shape> shape_registry::find(std::uint64_t fingerprint) const {
  const std::shared_lock lock(guard_);
  const auto known = shapes_.find(fingerprint);
  return known == shapes_.end() ? nullptr : known->second;
}

std::size_t shape_registry::size() const {
  const std::shared_lock lock(guard_);
  return shapes_.size();
}

} // namespace understudy
