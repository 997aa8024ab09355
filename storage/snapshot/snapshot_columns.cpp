#include "storage/snapshot/snapshot_columns.hpp"

#include "storage/apply/literal.hpp"
#include "storage/binlog/collations.hpp"
#include "storage/binlog/number_text.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>

namespace understudy {
namespace {

/// FLOAT's own text has six digits; as a DOUBLE it's exact. UUID and INET6 have a text form, but travel as
/// the bytes that the binlog shows.
std::string expression(const snapshot_table& table, std::uint16_t index) {
  const auto& about = table.table->columns[index];
  const auto name = sql_name(about.name);
  const auto& type = table.data_types[index];
  if (type == "uuid" || type == "inet6")
    return fmt::format("CAST({} AS BINARY(16))", name);
  if (type == "inet4")
    return fmt::format("CAST({} AS BINARY(4))", name);
  switch (about.type) {
  case column_type::single:
  case column_type::real:
    return name + " * 1e0";
  case column_type::bit:
  case column_type::year:
  case column_type::enumeration:
    return name + " + 0";
  case column_type::set: // whose sum is negative with a 64th member (T06)
    return fmt::format("CAST({} AS UNSIGNED)", name);
  default:
    return name;
  }
}

bool pages_safely(column_type type) {
  switch (type) {
  case column_type::bit:
  case column_type::enumeration:
  case column_type::set:
  case column_type::geometry:
    return false;
  default:
    return true;
  }
}

/// (a > x OR (a = x AND (b > y))): row constructors wouldn't use the index.
std::string behind(const snapshot_table& table, const std::vector<value>& last, std::size_t from) {
  const auto index = table.page_by[from];
  const auto name = sql_name(table.table->columns[index].name);
  std::string literal;
  append_key_literal(literal, table.table->columns[index], table.targets[index], last[from]);
  if (from + 1 == table.page_by.size())
    return fmt::format("{} > {}", name, literal);
  return fmt::format("({0} > {1} OR ({0} = {1} AND {2}))", name, literal, behind(table, last, from + 1));
}

/// Of another form it would be another value in the replica, and nobody would know.
template <class Number>
result<Number> number(const column& about, std::string_view text) {
  Number out{};
  const auto* const end = text.data() + text.size();
  const auto [read, failed] = std::from_chars(text.data(), end, out);
  if (failed != std::errc{} || read != end)
    return failure(fmt::format("MariaDB gives '{}' for column `{}`, which isn't a number that it can hold",
                               text, about.name));
  return out;
}

value text_of(const column& about, std::string_view field) {
  if (is_utf8_charset(about.charset) && is_valid_utf8(field))
    return text_value{std::string(field)};
  return bytes_value{std::string(field)};
}

/// ZEROFILL shows leading zeros that the binlog hasn't.
std::string without_leading_zeros(std::string_view text) {
  while (text.size() > 1 && text.front() == '0' && text[1] != '.')
    text.remove_prefix(1);
  return std::string(text);
}

} // namespace

snapshot_table describe_snapshot_table(std::shared_ptr<const shape> table, const catalog_table& local,
                                       const profile& rules) {
  snapshot_table made;
  made.table = std::move(table);
  made.sql_name = sql_table(local.database, local.name);
  const auto& about = *made.table;
  for (std::uint16_t i = 0; i < about.columns.size(); ++i) {
    const auto& from = local.columns[i];
    auto& target = made.targets.emplace_back();
    target.name = from.name;
    target.charset = from.charset;
    target.collation = from.collation;
    made.data_types.push_back(from.data_type);
    if (i != about.mailbox_column && !stays_at_home(rules.policy_of(about.table, from.name).policy))
      made.columns.push_back(i);
  }
  for (const auto index : about.key)
    if (index != about.mailbox_column)
      made.page_by.push_back(index);
  if (std::any_of(made.page_by.begin(), made.page_by.end(),
                  [&about](std::uint16_t index) { return !pages_safely(about.columns[index].type); }))
    made.page_by.clear();
  return made;
}

std::string select_page(const snapshot_table& table, mailbox_id mailbox, const std::vector<value>& last,
                        std::size_t limit) {
  std::string out = "SELECT ";
  for (const auto index : table.columns)
    out += (index == table.columns.front() ? "" : ", ") + expression(table, index);
  // A table may have nothing but the mailbox.
  out += (table.columns.empty() ? "1 FROM " : " FROM ") + table.sql_name +
         fmt::format(" WHERE {} = {}", sql_name(table.table->columns[table.table->mailbox_column].name),
                     mailbox);
  if (table.page_by.empty())
    return out;
  if (!last.empty())
    out += " AND " + behind(table, last, 0);
  const char* separator = " ORDER BY ";
  for (const auto index : table.page_by) {
    out += separator + sql_name(table.table->columns[index].name);
    separator = ", ";
  }
  return out + fmt::format(" LIMIT {}", limit);
}

result<value> snapshot_value(const column& about, std::optional<std::string_view> field) {
  const auto as_value = [](auto content) { return value(std::move(content)); };
  if (!field)
    return value(null_value{});
  switch (about.type) {
  case column_type::tiny:
  case column_type::small:
  case column_type::medium:
  case column_type::integer:
  case column_type::big:
    return about.is_unsigned ? number<std::uint64_t>(about, *field).map(as_value)
                             : number<std::int64_t>(about, *field).map(as_value);
  case column_type::bit:
  case column_type::year:
  case column_type::set:
    return number<std::uint64_t>(about, *field).map(as_value);
  case column_type::enumeration:
    return number<std::uint64_t>(about, *field).map([&](std::uint64_t index) -> value {
      if (index == 0 || index > about.members.size())
        return std::uint64_t{0};
      return text_value{about.members[static_cast<std::size_t>(index - 1)]};
    });
  case column_type::single:
    return number<double>(about, *field).map([](double n) -> value {
      return literal_value{single_text(std::bit_cast<std::uint32_t>(static_cast<float>(n)))};
    });
  case column_type::real:
    return number<double>(about, *field).map([](double n) -> value {
      return literal_value{real_text(std::bit_cast<std::uint64_t>(n))};
    });
  case column_type::decimal:
    return value(literal_value{without_leading_zeros(*field)});
  case column_type::date:
  case column_type::time:
  case column_type::datetime:
  case column_type::timestamp:
    return value(literal_value{std::string(*field)});
  case column_type::character:
  case column_type::varchar:
  case column_type::blob:
    return text_of(about, *field);
  case column_type::geometry:
  case column_type::fixed_bytes:
    break;
  }
  return value(bytes_value{std::string(*field)});
}

std::size_t value_bytes(const value& content) {
  constexpr std::size_t frame = 16; // of a cell in an event, whatever it holds
  if (const auto* text = std::get_if<text_value>(&content))
    return frame + text->utf8.size();
  if (const auto* bytes = std::get_if<bytes_value>(&content))
    return frame + bytes->bytes.size();
  if (const auto* literal = std::get_if<literal_value>(&content))
    return frame + literal->text.size();
  return frame;
}

} // namespace understudy
