#include "storage/binlog/prepared_table.hpp"

#include "events/model/column_kinds.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

// As event_decoder's bound of structures: beyond it everything is prepared anew.
constexpr std::size_t most_tables = 16384;

std::optional<std::uint16_t> index_of(const table_map& map, std::string_view name) {
  for (std::size_t i = 0; i < map.columns.size(); ++i)
    if (map.columns[i].about.name == name)
      return static_cast<std::uint16_t>(i);
  return std::nullopt;
}

bool contains(const std::vector<std::uint16_t>& list, std::uint16_t x) {
  return std::find(list.begin(), list.end(), x) != list.end();
}

void name_columns(prepared_table& t, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    const auto index = index_of(*t.map, name);
    if (!index) {
      t.unreadable = fmt::format("it has no column `{}`", name);
      return;
    }
    t.named_columns.push_back(*index);
  }
}

void prepare_own(prepared_table& t) {
  if (t.map->table == "replica" || t.map->table == "origin") {
    t.own = prepared_table::own_kind::mark;
    t.unreadable.clear(); // that there is a row is all that counts
  } else if (t.map->table == "role") {
    t.own = prepared_table::own_kind::role;
    if (t.unreadable.empty())
      name_columns(t, {"account_id", "term", "role", "decision"});
    if (t.unreadable.empty() && index_of(*t.map, "read_place")) // not in older binlogs
      name_columns(t, {"at_cut", "read_file", "read_place"});
  }
}

/// A group database's table without the mailbox column, as far as its columns have names, is no account's.
bool is_nobodys(const table_map& map, const table_route& route) {
  return route.what == table_route::kind::account_rows && !index_of(map, route.mailbox_column) &&
         std::ranges::none_of(map.columns, [](const auto& c) { return c.about.name.empty(); });
}

void prepare_account_rows(prepared_table& t) {
  const auto& map = *t.map;
  const auto mailbox = index_of(map, t.route.mailbox_column);
  if (!mailbox || !is_integer(map.columns[*mailbox].about.type)) {
    t.unreadable = fmt::format("it has no whole-number column `{}` for the mailbox", t.route.mailbox_column);
    return;
  }
  t.mailbox_column = *mailbox;
  std::vector<std::uint16_t> left_out;
  for (const auto& name : t.route.left_out_columns)
    if (const auto index = index_of(map, name))
      left_out.push_back(*index);
  shape s;
  s.table = t.route.logical_name;
  s.mailbox_column = *mailbox;
  for (std::size_t i = 0; i < map.columns.size(); ++i) {
    s.columns.push_back(map.columns[i].about);
    const auto index = static_cast<std::uint16_t>(i);
    if (index != *mailbox && !contains(left_out, index))
      t.travelling.push_back(index);
  }
  // A key with a column that doesn't travel can't find a row on the replica: as good as none.
  const bool whole =
      std::none_of(map.key.begin(), map.key.end(), [&](auto i) { return contains(left_out, i); });
  if (whole)
    s.key = map.key;
  for (const auto index : s.key)
    if (index != *mailbox)
      t.key.push_back(index);
  t.table = std::make_shared<const shape>(std::move(s));
  if (t.route.what == table_route::kind::registry)
    name_columns(t, {t.route.account_column, t.route.name_column});
}

} // namespace

prepared_table prepare_table(std::shared_ptr<const table_map> map, const table_routing& routing) {
  prepared_table t;
  t.route = routing.route(map->database, map->table);
  if (is_nobodys(*map, t.route))
    t.route.what = table_route::kind::ignored;
  t.unreadable = map->unreadable;
  t.map = std::move(map);
  switch (t.route.what) {
  case table_route::kind::ignored:
    break;
  case table_route::kind::own:
    prepare_own(t);
    break;
  case table_route::kind::account_rows:
  case table_route::kind::registry:
    if (t.unreadable.empty())
      prepare_account_rows(t);
    break;
  }
  return t;
}

const prepared_table& prepared_tables::get(const std::shared_ptr<const table_map>& map) {
  const auto known = tables_.find(map.get());
  if (known != tables_.end())
    return known->second;
  if (tables_.size() >= most_tables)
    forget();
  auto t = prepare_table(map, *routing_);
  if (t.table) {
    const auto print = t.table->fingerprint();
    const auto [first, last] = shapes_.equal_range(print);
    const auto same = std::find_if(first, last, [&](const auto& s) { return *s.second == *t.table; });
    if (same != last)
      t.table = same->second;
    else
      shapes_.emplace(print, t.table);
  }
  return tables_.emplace(map.get(), std::move(t)).first->second;
}

void prepared_tables::forget() {
  tables_.clear();
  shapes_.clear();
}

} // namespace understudy
