#include "storage/apply/local_shape.hpp"

#include "storage/binlog/collations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace understudy {
namespace {

struct known_type {
  std::string_view name;
  column_type type;
  std::uint32_t length; ///< 0: from the column's definition
};

// Blob lengths as TABLE_MAP's count of length bytes allows; UUID and INET travel as BINARY.
constexpr known_type known_types[] = {
    {"tinyint", column_type::tiny, 0},
    {"smallint", column_type::small, 0},
    {"mediumint", column_type::medium, 0},
    {"int", column_type::integer, 0},
    {"bigint", column_type::big, 0},
    {"decimal", column_type::decimal, 0},
    {"float", column_type::single, 0},
    {"double", column_type::real, 0},
    {"bit", column_type::bit, 0},
    {"year", column_type::year, 0},
    {"date", column_type::date, 0},
    {"time", column_type::time, 0},
    {"datetime", column_type::datetime, 0},
    {"timestamp", column_type::timestamp, 0},
    {"char", column_type::character, 0},
    {"binary", column_type::character, 0},
    {"uuid", column_type::character, 16},
    {"inet6", column_type::character, 16},
    {"inet4", column_type::character, 4},
    {"varchar", column_type::varchar, 0},
    {"varbinary", column_type::varchar, 0},
    {"tinytext", column_type::blob, 0xFF},
    {"tinyblob", column_type::blob, 0xFF},
    {"text", column_type::blob, 0xFFFF},
    {"blob", column_type::blob, 0xFFFF},
    {"mediumtext", column_type::blob, 0xFFFFFF},
    {"mediumblob", column_type::blob, 0xFFFFFF},
    {"longtext", column_type::blob, 0xFFFFFFFF},
    {"longblob", column_type::blob, 0xFFFFFFFF},
    {"json", column_type::blob, 0xFFFFFFFF},
    {"enum", column_type::enumeration, 0},
    {"set", column_type::set, 0},
    {"geometry", column_type::geometry, 0xFFFFFFFF},
    {"point", column_type::geometry, 0xFFFFFFFF},
    {"linestring", column_type::geometry, 0xFFFFFFFF},
    {"polygon", column_type::geometry, 0xFFFFFFFF},
    {"multipoint", column_type::geometry, 0xFFFFFFFF},
    {"multilinestring", column_type::geometry, 0xFFFFFFFF},
    {"multipolygon", column_type::geometry, 0xFFFFFFFF},
    {"geometrycollection", column_type::geometry, 0xFFFFFFFF},
};

/// The numbers in "decimal(11,4) unsigned"; none, one or two.
std::vector<std::uint32_t> numbers_in(std::string_view definition) {
  std::vector<std::uint32_t> out;
  const auto open = definition.find('(');
  const auto close = definition.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos)
    return out;
  const char* at = definition.data() + open + 1;
  const char* end = definition.data() + close;
  while (at < end) {
    std::uint32_t number = 0;
    const auto read = std::from_chars(at, end, number);
    if (read.ec != std::errc())
      break;
    out.push_back(number);
    at = read.ptr + 1;
  }
  return out;
}

/// Of one character. The table of collations goes by id only: its character sets are collected once.
std::uint32_t most_bytes(const std::string& charset) {
  static const auto known = [] {
    constexpr std::uint32_t last_collation = 2047;
    std::map<std::string_view, std::uint32_t> sizes;
    for (std::uint32_t id = 1; id <= last_collation; ++id)
      if (const auto* set = charset_of_collation(id))
        sizes.emplace(set->name, set->max_bytes);
    return sizes;
  }();
  const auto found = known.find(charset);
  return found == known.end() ? 1 : found->second;
}

bool is_temporal(column_type type) {
  return type == column_type::time || type == column_type::datetime || type == column_type::timestamp;
}

void set_sizes(column& made, const catalog_column& from) {
  const auto numbers = numbers_in(from.column_type);
  if (numbers.empty())
    return;
  if (made.type == column_type::decimal) {
    made.length = numbers[0];
    made.decimals = static_cast<std::uint8_t>(numbers.size() > 1 ? numbers[1] : 0);
  } else if (made.type == column_type::bit) {
    made.length = numbers[0];
  } else if (is_temporal(made.type)) {
    made.decimals = static_cast<std::uint8_t>(numbers[0]);
  } else if (made.length == 0 && (made.type == column_type::character || made.type == column_type::varchar)) {
    made.length = numbers[0] * most_bytes(made.charset);
  }
}

/// MariaDB's id of collation `binary`.
constexpr std::uint32_t binary_collation = 63;

bool holds_text(column_type type) {
  return type == column_type::character || type == column_type::varchar || type == column_type::blob ||
         type == column_type::enumeration || type == column_type::set;
}

} // namespace

std::vector<std::string> members_of(std::string_view column_type) {
  std::vector<std::string> members;
  std::optional<std::string> open;
  for (std::size_t i = 0; i < column_type.size(); ++i) {
    const char c = column_type[i];
    if (c != '\'') {
      if (open)
        *open += c;
    } else if (!open) {
      open.emplace();
    } else if (i + 1 < column_type.size() && column_type[i + 1] == '\'') {
      *open += '\'';
      ++i;
    } else {
      members.push_back(std::move(*open));
      open.reset();
    }
  }
  return members;
}

result<column> local_column(const catalog_column& from, const collation_ids& ids) {
  const auto known = std::find_if(std::begin(known_types), std::end(known_types),
                                  [&from](const known_type& t) { return t.name == from.data_type; });
  if (known == std::end(known_types))
    return failure(
        fmt::format("column `{}` has the type {}, which can't be replicated", from.name, from.column_type),
        "change its type, or leave the table out in the profile");
  column made;
  made.name = from.name;
  made.type = known->type;
  made.is_unsigned = from.is_unsigned || made.type == column_type::year;
  made.nullable = from.nullable;
  made.length = known->length;
  if (holds_text(made.type)) {
    made.charset = from.charset.empty() ? "binary" : from.charset;
    const auto id = ids.find(from.collation);
    made.collation = from.charset.empty() ? binary_collation : id == ids.end() ? 0 : id->second;
  }
  if (made.type == column_type::enumeration || made.type == column_type::set)
    made.members = members_of(from.column_type);
  else
    set_sizes(made, from);
  return made;
}

result<shape> local_shape(const catalog_table& table, const std::string& logical, const profile& rules,
                          const collation_ids& ids) {
  // Its binlog has columns that nobody else shows, an update as an insert more, and a delete as an update.
  if (table.is_versioned)
    return failure(
        fmt::format("table {}.{} is system-versioned, which can't be replicated", table.database, table.name),
        "ALTER TABLE … DROP SYSTEM VERSIONING");
  // No read view holds for it, and its rows are there before their transaction is in Kafka.
  if (table.engine != transactional_engine)
    return failure(fmt::format("table {}.{} has the engine {}, which can't be replicated", table.database,
                               table.name, table.engine),
                   fmt::format("ALTER TABLE … ENGINE={}", transactional_engine));
  shape made;
  made.table = logical;
  const auto mailbox = rules.mailbox_column_of(logical);
  bool found = false;
  for (const auto& from : table.columns) {
    auto column = local_column(from, ids);
    if (!column)
      return failure(fmt::format("table {}.{}: {}", table.database, table.name, column.error().what),
                     column.error().todo);
    if (from.name == mailbox) {
      made.mailbox_column = static_cast<std::uint16_t>(made.columns.size());
      found = true;
    }
    made.columns.push_back(std::move(*column));
  }
  if (!found)
    return failure(fmt::format("table {}.{} has no column `{}`", table.database, table.name, mailbox),
                   "correct the profile");
  const auto* key = table.row_key();
  if (key == nullptr)
    return made;
  for (const auto& name : key->columns) {
    // A key with a column that doesn't travel can't find a row elsewhere: as good as none.
    if (stays_at_home(rules.policy_of(logical, name).policy)) {
      made.key.clear();
      return made;
    }
    for (std::uint16_t i = 0; i < made.columns.size(); ++i)
      if (made.columns[i].name == name)
        made.key.push_back(i);
  }
  return made;
}

} // namespace understudy
