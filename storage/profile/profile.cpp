#include "storage/profile/profile.hpp"

#include "storage/profile/glob.hpp"

#include <algorithm>
#include <charconv>

namespace understudy {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool any_glob(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches_glob(text, pattern); });
}

std::string backticked(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    out.push_back(c);
    if (c == '`')
      out.push_back(c);
  }
  return out + '`';
}

} // namespace

bool stays_at_home(column_policy policy) {
  return policy == column_policy::left_out || policy == column_policy::own_group ||
         policy == column_policy::own_index_volume;
}

group_number profile::group_of(mailbox_id id) const {
  return group_number(id.value == 0 ? 1 : (id.value - 1) % groups.count + 1);
}

std::string profile::group_database(group_number group) const {
  return groups.prefix + std::to_string(group.value) + groups.suffix;
}

std::optional<group_number> profile::group_in(std::string_view database) const {
  if (!database.starts_with(groups.prefix) || !database.ends_with(groups.suffix) ||
      database.size() <= groups.prefix.size() + groups.suffix.size())
    return std::nullopt;
  const auto digits =
      database.substr(groups.prefix.size(), database.size() - groups.prefix.size() - groups.suffix.size());
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  // `mboxgroup007` is somebody's own database, not group 7.
  if (failed != std::errc{} || end != digits.data() + digits.size() || digits.front() == '0')
    return std::nullopt;
  return group_number(number);
}

std::string profile::logical_name(std::string_view database, std::string_view table) const {
  std::string out = group_in(database) ? groups.prefix + groups.suffix : std::string(database);
  out += '/';
  return out.append(table);
}

result<table_name> profile::physical_name(std::string_view logical, group_number group) const {
  const auto slash = logical.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == logical.size())
    return failure(fmt::format("'{}' is no table name of the form database/table", logical));
  table_name out{std::string(logical.substr(0, slash)), std::string(logical.substr(slash + 1))};
  if (is_group_table(logical))
    out.database = group_database(group);
  return out;
}

result<std::string> profile::quoted_name(std::string_view logical, group_number group) const {
  return physical_name(logical, group).map([](const table_name& name) {
    return backticked(name.database) + '.' + backticked(name.table);
  });
}

bool profile::is_group_table(std::string_view logical) const {
  const std::string stem = groups.prefix + groups.suffix + '/';
  return logical.starts_with(stem);
}

bool profile::is_registry(std::string_view logical) const {
  return logical == logical_name(registry.table.database, registry.table.table);
}

bool profile::is_shadow(std::string_view table) const {
  return any_glob(shadow_tables, table);
}

bool profile::is_never_replicated(std::string_view logical) const {
  return any_glob(never, logical);
}

bool profile::is_self_pruned(std::string_view logical) const {
  return contains(self_pruned, logical);
}

host_local_column profile::policy_of(std::string_view logical, std::string_view column) const {
  for (const auto& rule : host_local)
    if (rule.table == logical && rule.column == column)
      return rule;
  return {std::string(logical), std::string(column), column_policy::kept, 0};
}

std::string profile::mailbox_column_of(std::string_view logical) const {
  if (is_registry(logical))
    return registry.mailbox_column;
  if (is_never_replicated(logical))
    return {};
  if (const auto shared = shared_tables.find(logical); shared != shared_tables.end())
    return shared->second;
  if (is_group_table(logical) && !is_shadow(logical.substr(logical.find('/') + 1)))
    return mailbox_column;
  return {};
}

} // namespace understudy
