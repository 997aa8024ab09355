#include "storage/apply/localize.hpp"

#include "storage/apply/literal.hpp"
#include "storage/apply/row_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace understudy {
namespace {

bool filled_in(column_rule rule) {
  return rule == column_rule::mailbox || rule == column_rule::group || rule == column_rule::index_volume;
}

std::optional<std::uint64_t> as_number(const std::string& text) {
  std::uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size())
    return std::nullopt;
  return number;
}

tl::unexpected<error> unknown_volume(const row_change& change, std::uint16_t column, std::uint64_t volume) {
  return failure(fmt::format("column {} of {} names volume {} of the source, which has no counterpart here",
                             change.table->columns[column].name, change.table->table, volume),
                 "create the volume with the same name and path on this host, then run restartReplicas",
                 true);
}

/// A volume's id as a number or as decimal text; other text addresses a blob in another way and is kept.
result<void> map_volume(const row_change& change, std::uint16_t column, value& content,
                        const account_placement& where) {
  if (!where.volumes)
    return {};
  std::optional<std::uint64_t> volume;
  if (const auto* natural = std::get_if<std::uint64_t>(&content))
    volume = *natural;
  else if (const auto* number = std::get_if<std::int64_t>(&content); number != nullptr && *number >= 0)
    volume = static_cast<std::uint64_t>(*number);
  else if (const auto* text = std::get_if<text_value>(&content))
    volume = as_number(text->utf8);
  if (!volume)
    return {};
  const auto local = where.volumes->find(*volume);
  if (local == where.volumes->end())
    return unknown_volume(change, column, *volume);
  if (std::holds_alternative<std::uint64_t>(content))
    content = local->second;
  else if (std::holds_alternative<std::int64_t>(content))
    content = static_cast<std::int64_t>(local->second);
  else
    content = text_value{std::to_string(local->second)};
  return {};
}

/// Cells as they are here; those that never travel are dropped.
result<std::vector<cell>> localize_cells(const row_change& change, const std::vector<cell>& cells,
                                         const destination_table& target, const account_placement& where) {
  std::vector<cell> out;
  out.reserve(cells.size() + 2);
  for (const auto& source : cells) {
    const auto& column = target.columns[source.column];
    if (filled_in(column.rule) || column.rule == column_rule::left_out)
      continue;
    auto& made = out.emplace_back(source);
    if (column.rule == column_rule::reset && !std::holds_alternative<null_value>(made.content))
      made.content = column.reset_value;
    if (column.rule == column_rule::volume)
      if (auto mapped = map_volume(change, source.column, made.content, where); !mapped)
        return tl::make_unexpected(mapped.error());
  }
  // A key's values come in the key's order, which needn't be that of its columns.
  std::sort(out.begin(), out.end(), [](const cell& a, const cell& b) { return a.column < b.column; });
  return out;
}

/// An insert names every column: nothing is left to a default of the destination (R37).
result<void> complete_insert(planned_row& row, const account_placement& where) {
  for (std::uint16_t i = 0; i < row.target->columns.size(); ++i) {
    const auto rule = row.target->columns[i].rule;
    if (rule == column_rule::mailbox || rule == column_rule::left_out || cell_value(row.after, i) != nullptr)
      continue;
    if (!filled_in(rule))
      return failure(
          fmt::format("an insert into {} lacks column {}", row.table->table, row.table->columns[i].name),
          "set binlog_row_image=FULL on the source and re-initialise the replica");
    const std::uint64_t filled = rule == column_rule::group ? where.group : where.index_volume;
    const auto at = std::lower_bound(row.after.begin(), row.after.end(), i,
                                     [](const cell& c, std::uint16_t column) { return c.column < column; });
    row.after.insert(at, cell{i, filled});
  }
  return {};
}

result<void> check_key(const planned_row& row) {
  for (const auto column : row.table->key) {
    if (column == row.table->mailbox_column)
      continue;
    if (row.target->columns[column].rule != column_rule::left_out &&
        cell_value(row.before, column) != nullptr)
      continue;
    return failure(fmt::format("a change of {} doesn't say the value of key column {}", row.table->table,
                               row.table->columns[column].name),
                   "re-initialise the replica");
  }
  return {};
}

} // namespace

result<std::unique_ptr<planned_row>> localize(const row_change& change,
                                              std::shared_ptr<const destination_table> target,
                                              const account_placement& where) {
  auto row = std::make_unique<planned_row>();
  auto before = localize_cells(change, change.before, *target, where);
  if (!before)
    return tl::make_unexpected(before.error());
  auto after = localize_cells(change, change.after, *target, where);
  if (!after)
    return tl::make_unexpected(after.error());
  row->kind = change.kind;
  row->foreign_keys_off = change.foreign_keys_off;
  row->unique_checks_off = change.unique_checks_off;
  row->forgiven = target->self_pruned && change.kind != change_kind::insert;
  row->table = change.table;
  row->target = std::move(target);
  row->before = std::move(*before);
  row->after = std::move(*after);
  row->lenient = std::any_of(row->after.begin(), row->after.end(), [&row](const cell& c) {
    return needs_lenient_mode(row->table->columns[c.column], c.content);
  });
  if (row->kind == change_kind::update && row->after.empty())
    return std::unique_ptr<planned_row>();
  const auto checked = row->kind == change_kind::insert ? complete_insert(*row, where) : check_key(*row);
  if (!checked)
    return tl::make_unexpected(checked.error());
  return row;
}

} // namespace understudy
