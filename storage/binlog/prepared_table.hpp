// A table's structure joined with its route: what a row event of it needs, worked out once.
#pragma once
#include "events/model/shape.hpp"
#include "storage/binlog/table_map.hpp"
#include "storage/binlog/table_routing.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace understudy {

struct prepared_table {
  enum class own_kind { other, mark, role }; ///< mark: `understudy.replica`, `understudy.origin` (R36)

  std::shared_ptr<const table_map> map;
  table_route route;
  /// Why its rows can't be attributed or read; empty = they can.
  std::string unreadable;
  std::shared_ptr<const shape> table; ///< account_rows, registry
  std::vector<std::uint16_t>
      travelling;                 ///< columns that events carry: all but the mailbox's and those left out
  std::vector<std::uint16_t> key; ///< of those the key's; empty = without a key
  std::uint16_t mailbox_column = 0;
  own_kind own = own_kind::other;
  /// registry: account id and name; own role: account_id, term, role, decision,
  /// at_cut, read_file, read_place if they are there.
  std::vector<std::uint16_t> named_columns;
};

/// Never fails: what doesn't fit becomes `unreadable`.
prepared_table prepare_table(std::shared_ptr<const table_map> map, const table_routing& routing);

/// The prepared tables of one routing, by structure; shapes of equal content are shared.
class prepared_tables {
public:
  explicit prepared_tables(std::shared_ptr<const table_routing> routing)
      : routing_(std::move(routing)) {}
  /// Valid until the next call of get() or forget().
  const prepared_table& get(const std::shared_ptr<const table_map>& map);
  /// Routes are asked anew.
  void forget();
  const table_routing& routing() const { return *routing_; }

private:
  std::shared_ptr<const table_routing> routing_;
  std::unordered_map<const table_map*, prepared_table> tables_;
  std::unordered_multimap<std::uint64_t, std::shared_ptr<const shape>> shapes_;
};

} // namespace understudy
