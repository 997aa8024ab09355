// How the tables of a plan hang together, in small numbers that are quick to compare (pure).
#pragma once
#include "storage/apply/destination_table.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace understudy {

struct table_links {
  /// Of the logical name: the same for all groups and all shapes of a table.
  std::uint32_t table = 0;
  bool keyless = false;

  struct unique {
    std::uint32_t id = 0;
    const destination_unique* key = nullptr;
  };
  std::vector<unique> uniques;

  struct reference {
    std::uint32_t space = 0; ///< the parent's key that is referred to
    const destination_reference* link = nullptr;
    /// Every unique key of the child holds the reference: a row that is written again has the same parent.
    bool in_every_key = false;
  };
  std::vector<reference> references;

  struct referenced {
    std::uint32_t space = 0;
    const std::vector<std::uint16_t>* columns = nullptr;
  };
  std::vector<referenced> referenced_by;

  /// Columns in a unique or foreign key, or referred to by one. Updates of others can't be told apart by
  /// anything but a look at the row itself.
  std::vector<bool> constrained;
};

/// Gives out the numbers; one per plan. The tables must outlive it.
class link_catalog {
public:
  const table_links& of(const std::shared_ptr<const destination_table>& target, const shape& table);

private:
  std::uint32_t number(std::map<std::string, std::uint32_t>& names, const std::string& name);
  table_links make(const destination_table& target, const shape& table);

  std::map<std::string, std::uint32_t> tables_;
  std::map<std::string, std::uint32_t> spaces_;
  std::map<std::string, std::uint32_t> uniques_;
  std::unordered_map<const destination_table*, table_links> known_;
};

} // namespace understudy
