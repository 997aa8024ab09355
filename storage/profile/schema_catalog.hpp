// What a mailstore's tables look like right now, as information_schema tells it: read by
// storage/state/catalog_reader, used by routing, apply plan, snapshot and guard. Plain data, no I/O.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace understudy {

struct catalog_column {
  std::string name;
  std::string data_type;   ///< "int", "varchar", … in lower case
  std::string column_type; ///< "int(10) unsigned", "enum('a','b')", …
  bool is_unsigned = false;
  bool nullable = true;
  bool auto_increment = false;
  bool generated = false; ///< a generated column, stored or virtual: never written
  std::string charset;    ///< of text types, else empty
  std::string collation;  ///< of text types, else empty
  bool operator==(const catalog_column&) const = default;
};

struct catalog_index {
  std::string name; ///< "PRIMARY" for the primary key
  bool unique = false;
  std::vector<std::string> columns;
  /// Length of the prefix per column; 0 = the whole column.
  std::vector<std::uint32_t> prefixes;
  bool operator==(const catalog_index&) const = default;
};

enum class reference_action : std::uint8_t { restrict_, no_action, cascade, set_null, set_default };

struct catalog_foreign_key {
  std::string name;
  std::vector<std::string> columns;
  std::string referenced_database;
  std::string referenced_table;
  std::vector<std::string> referenced_columns;
  reference_action on_delete = reference_action::restrict_;
  reference_action on_update = reference_action::restrict_;
  bool operator==(const catalog_foreign_key&) const = default;
};

/// The engine that an account's tables must have: guard, read views and appliers are made for its locks and
/// transactions.
inline constexpr std::string_view transactional_engine = "InnoDB";

struct catalog_table {
  std::string database;
  std::string name;
  std::string engine;
  bool is_versioned = false;                     ///< WITH SYSTEM VERSIONING
  std::vector<catalog_column> columns;           ///< in ordinal order
  std::vector<catalog_index> indexes;            ///< PRIMARY first
  std::vector<catalog_foreign_key> foreign_keys; ///< of this table as the child
  /// Names of triggers on it: the destination must add nothing to a row (R37, A06).
  std::vector<std::string> triggers;
  bool operator==(const catalog_table&) const = default;

  const catalog_column* column(std::string_view column_name) const;
  /// The columns that name a row: PRIMARY, else the first unique index over whole not-null columns.
  /// Null = a table without a key (R40).
  const catalog_index* row_key() const;
  /// An index whose first column is `column_name` (whole), PRIMARY before others, for reads and locks that
  /// must touch one mailbox's rows only; null = there is none.
  const catalog_index* index_beginning_with(std::string_view column_name) const;
};

/// Tables by database and name, names as MariaDB stores them.
class schema_catalog {
public:
  void add(catalog_table table);
  /// What `fresh` says of one database stands for what was known of it (after DDL there).
  void replace_database(std::string_view database, const schema_catalog& fresh);
  const catalog_table* find(std::string_view database, std::string_view table) const;
  /// All tables of a database, by name.
  std::vector<const catalog_table*> tables_of(std::string_view database) const;
  std::vector<std::string> databases() const;
  /// Foreign keys of others that refer to this table, with the tables they belong to.
  std::vector<std::pair<const catalog_table*, const catalog_foreign_key*>>
  referring_to(std::string_view database, std::string_view table) const;
  std::size_t size() const { return tables_.size(); }
  bool operator==(const schema_catalog&) const = default;

private:
  std::map<std::pair<std::string, std::string>, catalog_table, std::less<>> tables_;
};

} // namespace understudy
