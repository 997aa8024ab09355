// What the plan must know of a table of the local MariaDB: names, keys, and what the profile says of its
// columns. Plain data; built from the schema catalog and the profile by destination_schema.
#pragma once
#include "events/model/error.hpp"
#include "events/model/shape.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace understudy {

/// What becomes of a column's value on its way into the local table.
enum class column_rule : std::uint8_t {
  as_is,
  mailbox,      ///< the local mailbox id is filled in
  group,        ///< never travels; the local group number is filled in
  index_volume, ///< never travels; the local current index volume is filled in
  volume,       ///< a volume's id, as a number or as decimal text: mapped; other text is kept
  reset,        ///< `reset_value` unless NULL (mail_item.index_id, to be indexed anew here)
  left_out,     ///< never travels, never written (surrogate auto-increment keys)
};

/// How two values of a key column may be equal: decides which changes keep their order (R39).
enum class key_equality : std::uint8_t {
  bytes,        ///< equal only if the bytes are
  padded_bytes, ///< the same, but trailing spaces don't count (PAD SPACE, _bin collations; CHAR)
  ascii_case,   ///< known case-blind collation: ASCII values compare by lower case, any other may equal
                ///< anything
  anything,     ///< unknown: any two values may be equal
};

struct destination_column {
  std::string name; ///< as in the shape
  column_rule rule = column_rule::as_is;
  std::int64_t reset_value = 0;
  key_equality equality = key_equality::bytes;
  std::string charset;   ///< of text types
  std::string collation; ///< of text types
};

/// A unique key as indexes into the shape's columns.
struct destination_unique {
  std::string name;
  std::vector<std::uint16_t> columns;
  std::vector<std::uint32_t> prefixes; ///< characters; 0 = the whole column
};

/// A foreign key of this table as the child, to another replicated table. Keys to the registry aren't listed:
/// changes of the registry row's existence are barriers for the whole account.
struct destination_reference {
  std::string parent; ///< logical name
  std::vector<std::uint16_t> columns;
  std::vector<std::string> parent_columns;
  bool touches_child =
      false; ///< ON DELETE CASCADE, SET NULL or SET DEFAULT: a parent's delete changes child rows
};

struct destination_table {
  std::string sql_name;                    ///< `database`.`table`, quoted
  std::string logical;                     ///< as in the shape
  std::vector<destination_column> columns; ///< by the shape's index
  std::vector<destination_unique> uniques;
  std::vector<destination_reference> references;
  /// Sets of columns (shape's index) that foreign keys refer to, in this table as the parent; each once.
  std::vector<std::vector<std::uint16_t>> referenced;
  /// Name of the local index over exactly the shape's key; empty = there is none.
  std::string key_index;
  bool registry = false;
  /// A delete here reaches, over ON DELETE CASCADE, tables that others refer to in turn.
  bool cascades_further = false;
  bool self_pruned = false; ///< every host prunes it by itself: a row may be missing (R38)
};

/// Resolves a row's table in the group database of `group`. An error (table missing, column missing or of
/// another type, triggers on it) stops the account and names the difference. Called on the planning thread.
using table_resolver = std::function<result<std::shared_ptr<const destination_table>>(
    const std::shared_ptr<const shape>& table, std::uint32_t group)>;

} // namespace understudy
