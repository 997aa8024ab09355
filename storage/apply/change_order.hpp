// The order of one account's changes: which may be merged, which may share a statement (pure; R39).
//
// Every change gets a level; changes of one level commute. A change lies above an earlier one if
//  - both concern the same row, and can't be merged;
//  - the earlier gave up a unique value that this one may take (swaps, chains, delete and insert: A01);
//  - the earlier made a parent that this one refers to, or removed it before;
//  - the earlier may have found no row, and would find the one that this makes, in a table without a key;
//  - this one removes a parent, and the earlier one touched a row that refers, or referred, to it: cascades
//    take what is there at their moment (A04);
//  - one of them stands alone: a change of the registry row's existence or of a key that others refer to.
//
// Children deleted and then their parent, in one table that refers to itself under RESTRICT, share a level
// while their keys ascend: the statement deletes in order of the key.
//
// One kind of conflict is let pass where an update image doesn't say (it has the changed columns only): that
// of a moved row whose unique value may hold a NULL. MariaDB itself detects it, with an error; the applier
// then applies the account alone, event by event. Cascades are never guessed: nothing would detect them.
#pragma once
#include "storage/apply/apply_plan.hpp"
#include "storage/apply/row_tokens.hpp"
#include "storage/apply/table_links.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace understudy {

class change_order {
public:
  /// Placed rows are appended to `rows`, in the order in which they came; both must outlive this.
  /// `in_order`: every change stands alone.
  change_order(link_catalog& links, std::vector<std::unique_ptr<planned_row>>& rows, bool in_order)
      : links_(links)
      , rows_(rows)
      , in_order_(in_order) {}

  /// A new event begins: what it cascades forgives missing rows of itself only (R38).
  void begin_event() { removed_in_event_.clear(); }

  /// The account's next change, in its order.
  void take(std::unique_ptr<planned_row> row);

private:
  using levels = std::unordered_map<std::uint64_t, std::uint32_t>;

  struct unique_state {
    levels given_up;                  ///< exact values
    std::uint32_t given_up_top = 0;   ///< the highest of them
    std::uint32_t maybe_given_up = 0; ///< by deletes and moves, whose value may have been NULL
    std::uint32_t named_given_up = 0; ///< by updates from one value to another: there was one
  };
  struct space_state {
    levels added, removed, touched;
    std::uint32_t added_top = 0;
    std::uint32_t removed_top = 0;
    std::uint32_t touched_top = 0;
    std::uint32_t touched_unknown = 0;
    /// Deletes of children whose parent isn't known, in a table that refers to itself.
    std::uint32_t run_level = 0;
    std::int64_t run_key = 0;
    bool run_keys_off = false; ///< flags of the run: it must end up in one statement
    bool run_forgiven = false;
  };
  struct row_name {
    std::uint32_t table;
    std::string identity;
    bool operator==(const row_name&) const = default;
  };
  struct row_name_hash {
    std::size_t operator()(const row_name& name) const {
      return std::hash<std::string>{}(name.identity) ^ (std::size_t{name.table} << 7);
    }
  };
  struct last_change {
    planned_row* row = nullptr;
    bool sealed = false; ///< an update of the key: nothing merges into it
  };

  bool stands_alone(const planned_row& row, const table_links& links);
  std::uint32_t lowest_level(const planned_row& row, const table_links& links);
  std::uint32_t level_of_uniques(const planned_row& row, const table_links& links);
  std::uint32_t level_as_child(const planned_row& row, const table_links& links);
  std::uint32_t level_as_parent(const planned_row& row, const table_links& links);
  void record(const planned_row& row, const table_links& links, std::uint32_t level);
  void record_uniques(const planned_row& row, const table_links& links, std::uint32_t level);
  void record_as_child(const planned_row& row, const table_links& links, std::uint32_t level);
  void record_as_parent(const planned_row& row, const table_links& links, std::uint32_t level);
  bool merge(const planned_row& row, const table_links& links, last_change& last, std::uint32_t lowest);
  void place(std::unique_ptr<planned_row> row, const table_links& links, std::uint32_t lowest);
  void take_alone(std::unique_ptr<planned_row> row);
  bool cascaded_in_event(const planned_row& row, const table_links& links) const;

  link_catalog& links_;
  std::vector<std::unique_ptr<planned_row>>& rows_;
  bool in_order_;
  std::uint32_t floor_ = 1; ///< nothing goes below
  std::uint32_t top_ = 0;   ///< highest level given so far
  std::unordered_map<row_name, last_change, row_name_hash> last_;
  std::unordered_map<std::uint32_t, unique_state> uniques_;
  std::unordered_map<std::uint32_t, space_state> spaces_;
  std::unordered_map<std::uint32_t, std::uint32_t> keyless_written_; ///< per table
  /// Per table: deletes of rows that may be missing, which would take the same row inserted behind them.
  std::unordered_map<std::uint32_t, std::uint32_t> keyless_forgiven_;
  std::unordered_map<std::uint32_t, const destination_table*> shapes_;
  std::vector<std::pair<std::uint32_t, key_token>> removed_in_event_;
};

} // namespace understudy
