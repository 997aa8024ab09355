#include "storage/verify/checksum_reader.hpp"

#include "storage/state/logged_state.hpp"
#include "storage/state/read_view.hpp"
#include "storage/state/sql_fields.hpp"
#include "storage/verify/checksum_plan.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <set>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;

/// Below this no statement is worth sending.
constexpr std::chrono::milliseconds least_time{1};

std::string bounded(std::string_view statement, clock::time_point end) {
  const auto left =
      std::max(std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now()), least_time);
  return fmt::format("SET STATEMENT max_statement_time={}.{:03} FOR {}", left.count() / 1000,
                     left.count() % 1000, statement);
}

/// A field with its length, so that what belongs to two fields is never taken for another two's.
void append_field(std::string& row, std::string_view field) {
  const std::uint64_t size = field.size();
  row.append(reinterpret_cast<const char*>(&size), sizeof size);
  row += field;
}

/// No field is as long as this.
void append_null(std::string& row) {
  const std::uint64_t none = ~std::uint64_t{0};
  row.append(reinterpret_cast<const char*>(&none), sizeof none);
}

/// Volumes by the text of their numbers; what isn't one is itself.
using volume_names = std::map<std::string, std::string, std::less<>>;

std::string_view same_everywhere(std::string_view field, const volume_names& volumes) {
  const auto found = volumes.find(field);
  return found == volumes.end() ? field : std::string_view(found->second);
}

sql_result<table_checksum> read_table(sql_session& session, const checksum_table& table,
                                      const volume_names& volumes, clock::time_point end) {
  table_checksum out{table.logical_name, 0, 0};
  std::string row;
  for (const auto& column : table.columns)
    append_field(row, column);
  const auto seed = XXH3_64bits(row.data(), row.size()); // rows of other columns are other rows
  const auto fields = table.columns.size();
  auto read = session.query_each(bounded(table.rows, end), [&](const sql_row_view& found) {
    row.clear();
    for (std::size_t i = 0; i < fields; ++i) {
      if (found.is_null(i))
        append_null(row);
      else if (std::ranges::binary_search(table.volumes, i))
        append_field(row, same_everywhere(found[i], volumes));
      else
        append_field(row, found[i]);
    }
    out.hash += XXH3_64bits_withSeed(row.data(), row.size(), seed);
    ++out.rows;
    return true;
  });
  if (!read)
    return tl::make_unexpected(read.error());
  return out;
}

/// One statement, where a small account would need one for each table that it has nothing in.
sql_result<std::set<std::size_t>> filled_tables(sql_session& session, const std::vector<checksum_table>& all,
                                                clock::time_point end) {
  std::string statement;
  for (std::size_t i = 0; i < all.size(); ++i)
    statement +=
        fmt::format("{}SELECT {} FROM DUAL WHERE EXISTS ({})", i == 0 ? "" : " UNION ALL ", i, all[i].any);
  std::set<std::size_t> out;
  auto read = session.query_each(bounded(statement, end), [&](const sql_row_view& row) {
    out.insert(to_number<std::size_t>(row[0]));
    return true;
  });
  if (!read)
    return tl::make_unexpected(read.error());
  return out;
}

} // namespace

result<std::optional<account_checksum>> read_checksum(sql_session& session,
                                                      const std::shared_ptr<const profile>& rules,
                                                      const schema_catalog& catalog,
                                                      const registered_account& account,
                                                      std::chrono::milliseconds limit) {
  const auto end = clock::now() + limit;
  const auto plan = plan_checksum(*rules, catalog, account);
  const auto here = mailstore_queries(session, rules).volumes();
  if (!here)
    return tl::make_unexpected(here.error());
  volume_names volumes;
  for (const auto& volume : *here)
    volumes.emplace(std::to_string(volume.id), volume.name + '\0' + volume.path);
  session.doing(fmt::format("compare the rows of account {}", account.account));
  const auto not_read = [](const auto& failed) -> result<std::optional<account_checksum>> {
    if (failed.error().kind == sql_failure::interrupted)
      return std::nullopt;
    return passed_on(failed);
  };
  const auto filled = filled_tables(session, plan, end);
  if (!filled)
    return not_read(filled);
  account_checksum out;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (!filled->contains(i)) {
      out.push_back({plan[i].logical_name, 0, 0});
      continue;
    }
    auto table = read_table(session, plan[i], volumes, end);
    if (!table)
      return not_read(table);
    out.push_back(std::move(*table));
  }
  return std::optional(std::move(out));
}

result<std::optional<checksum_view>> view_checksum(sql_session& session,
                                                   const std::shared_ptr<const profile>& rules,
                                                   const schema_catalog& catalog,
                                                   const registered_account& account,
                                                   std::chrono::milliseconds limit) {
  session.doing(fmt::format("open a read view of account {}", account.account));
  if (auto set = session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"); !set) // for the next one
    return passed_on(set);
  auto place = begin_read_view(session);
  if (!place)
    return tl::make_unexpected(place.error());
  auto replica = logged_state(session).replica_of(account.account);
  if (!replica)
    return tl::make_unexpected(replica.error());
  auto rows = read_checksum(session, rules, catalog, account, limit);
  if (auto ended = session.rollback(); !ended)
    return passed_on(ended);
  if (!rows)
    return tl::make_unexpected(rows.error());
  auto& found = *rows;
  if (!found)
    return std::nullopt;
  checksum_view out{std::move(*place), std::nullopt, std::move(*found)};
  if (const auto& row = *replica; row.has_value())
    out.applied = row->applied;
  return std::optional(std::move(out));
}

} // namespace understudy
