// A small account in memory: tables with unique and foreign keys that behave as InnoDB's do, statement by
// statement and row by row. On it a plan's outcome is compared with that of the changes in their order.
#pragma once
#include "storage/apply/apply_plan.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace understudy::apply_test {

/// A case-blind collation that also takes ä for a, as utf8mb3_general_ci does.
std::string folded(const value& content);

/// A column `c`, for tests of one value.
inline column column_of(column_type type, std::string charset = {}) {
  column c;
  c.name = "c";
  c.type = type;
  c.charset = std::move(charset);
  return c;
}

struct model_table {
  std::shared_ptr<const shape> about;
  std::shared_ptr<const destination_table> target;
  std::vector<std::vector<value>> rows;
};

/// What the source did, as capture would tell it.
struct model_change {
  std::size_t table = 0;
  change_kind kind = change_kind::insert;
  bool foreign_keys_off = false;
  std::vector<value> before; ///< the whole row; update, remove
  std::vector<value> after;  ///< the whole row; insert, update
};

enum class model_outcome { done, duplicate, no_parent, has_children, missing };

class apply_model {
public:
  /// item (refers to itself under RESTRICT, unique nullable name per folder), tag, tagged and conversation
  /// (cascades from item), and a log without a key.
  apply_model();

  enum table : std::size_t { item, tag, tagged, conversation, log, tables };
  const model_table& at(std::size_t table) const { return tables_[table]; }

  /// Nothing is changed unless it's done.
  model_outcome apply(const model_change& change);
  /// The event's form of it: key before, changed columns after.
  row_change described(const model_change& change) const;
  /// Row by row in MariaDB's order; the first that fails ends it.
  model_outcome run(const planned_statement& statement);

  table_resolver resolver() const;
  bool operator==(const apply_model& other) const;

private:
  model_outcome insert(std::size_t table, std::vector<value> row, bool foreign_keys_off);
  model_outcome update(std::size_t table, std::size_t row, std::vector<value> now, bool foreign_keys_off);
  model_outcome remove(std::size_t table, std::size_t row, bool foreign_keys_off);
  model_outcome run_row(const planned_row& row);
  std::optional<std::size_t> find(std::size_t table, const std::vector<cell>& cells) const;
  bool unique_is_free(std::size_t table, const std::vector<value>& row,
                      std::optional<std::size_t> except) const;
  /// Of an update only references that change are looked at.
  bool parents_exist(std::size_t table, const std::vector<value>& row,
                     const std::vector<value>* before) const;
  std::vector<model_table> tables_;
};

} // namespace understudy::apply_test
