#include "storage/apply/apply_plan.hpp"

#include "storage/apply/change_order.hpp"
#include "storage/apply/literal.hpp"
#include "storage/apply/localize.hpp"
#include "storage/apply/row_tokens.hpp"
#include "storage/apply/statement_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace understudy {
namespace {

/// Above this an update goes by itself: as part of a derived table its values would be copied into a
/// temporary table on disk.
constexpr std::size_t joined_update_bytes = 16 * 1024;
/// Statement text around the rows: names of a table's columns, twice, and the rest of the syntax.
constexpr std::size_t statement_frame_bytes = 8 * 1024;
/// A number of a key where it stands a second time, at most: the keys of an update's rows are listed as well.
constexpr std::size_t key_number_bytes = 22;

/// A self-pruned table may still have a row that the source pruned long ago, or one of this host's own: it's
/// removed first, and the insert stays an insert (R38: never an upsert).
std::unique_ptr<planned_row> removal_before(const planned_row& insert,
                                            const std::vector<std::uint16_t>& key) {
  auto removal = std::make_unique<planned_row>(insert);
  removal->kind = change_kind::remove;
  removal->forgiven = true;
  removal->lenient = false;
  removal->after.clear();
  for (const auto& c : insert.after)
    if (std::find(key.begin(), key.end(), c.column) != key.end())
      removal->before.push_back(c);
  return removal;
}

/// The row that an update of a self-pruned table leaves, as an insert: this host may have pruned it, and an
/// update would change nothing. Null: it stays an update, as the event doesn't say every column (its source
/// writes MINIMAL row images), or others refer to the row, whom its removal would take along.
std::unique_ptr<planned_row> row_left_by(const planned_row& update) {
  if (!update.target->referenced.empty())
    return nullptr;
  auto row = std::make_unique<planned_row>(update);
  row->kind = change_kind::insert;
  row->forgiven = false;
  row->before.clear();
  for (const auto& c : update.before)
    if (cell_value(update.after, c.column) == nullptr)
      row->after.push_back(c);
  std::sort(row->after.begin(), row->after.end(),
            [](const cell& a, const cell& b) { return a.column < b.column; });
  for (std::uint16_t i = 0; i < row->target->columns.size(); ++i) {
    const auto rule = row->target->columns[i].rule;
    if (rule == column_rule::mailbox || rule == column_rule::left_out)
      continue;
    const auto* content = cell_value(row->after, i);
    if (content == nullptr)
      return nullptr;
    row->lenient = row->lenient || needs_lenient_mode(row->table->columns[i], *content);
  }
  return row;
}

std::string readable_cells(const shape& table, const std::vector<cell>& cells) {
  std::string out = "(";
  for (const auto& c : cells) {
    if (out.size() > 1)
      out += ", ";
    out += table.columns[c.column].name + "=" + readable(table.columns[c.column], c.content);
  }
  return out + ")";
}

std::string describe_change(const planned_row& row) {
  const char* kind = row.kind == change_kind::insert   ? "insert into"
                     : row.kind == change_kind::update ? "update of"
                                                       : "delete from";
  auto out = fmt::format("{} {}", kind, row.target->sql_name);
  if (row.kind != change_kind::insert)
    out += (row.table->key.empty() ? ", row " : ", key ") + readable_cells(*row.table, row.before);
  if (row.kind != change_kind::remove)
    out += (row.kind == change_kind::insert ? ", row " : ", new values ") +
           readable_cells(*row.table, row.after);
  return out;
}

class planner {
public:
  planner(const std::vector<account_work>& batch, const table_resolver& resolve, const plan_limits& limits)
      : batch_(batch)
      , resolve_(resolve)
      , limits_(limits) {}

  apply_plan make() {
    for (std::uint32_t i = 0; i < batch_.size(); ++i)
      plan_account(i);
    group_rows();
    return std::move(plan_);
  }

private:
  void plan_account(std::uint32_t account);
  result<void> plan_event(std::uint32_t account, const transaction_event& event, change_order& order);
  void take_self_pruned(std::unique_ptr<planned_row> row, change_order& order);
  void take_removals(const planned_row& insert, change_order& order);
  std::size_t measure(planned_row& row) const;
  void group_rows();
  void cut(const std::vector<const planned_row*>& rows);

  const std::vector<account_work>& batch_;
  const table_resolver& resolve_;
  const plan_limits& limits_;
  link_catalog links_;
  apply_plan plan_;
};

/// What is here under the new key goes before each insert; where that isn't the row as it was, this goes,
/// too.
void planner::take_self_pruned(std::unique_ptr<planned_row> row, change_order& order) {
  if (auto left = row->kind == change_kind::update ? row_left_by(*row) : nullptr) {
    if (row->table->key.empty() || writes_any(*row, row->table->key)) {
      row->kind = change_kind::remove;
      row->lenient = false;
      row->after.clear();
      order.take(std::move(row));
    }
    row = std::move(left);
  }
  if (row->kind == change_kind::insert)
    take_removals(*row, order);
  order.take(std::move(row));
}

void planner::take_removals(const planned_row& insert, change_order& order) {
  if (!insert.table->key.empty())
    order.take(removal_before(insert, insert.table->key));
  else
    for (const auto& unique : insert.target->uniques)
      order.take(removal_before(insert, unique.columns));
}

result<void> planner::plan_event(std::uint32_t account, const transaction_event& event, change_order& order) {
  const auto& where = *batch_[account].where;
  order.begin_event();
  for (const auto& change : event.changes) {
    auto target = resolve_(change.table, where.group);
    if (!target)
      return tl::make_unexpected(target.error());
    auto row = localize(change, std::move(*target), where);
    if (!row)
      return tl::make_unexpected(row.error());
    ++plan_.changes;
    if (!*row)
      continue;
    (*row)->account = account;
    (*row)->first = (*row)->last = event.number;
    if ((*row)->target->self_pruned)
      take_self_pruned(std::move(*row), order);
    else
      order.take(std::move(*row));
  }
  return {};
}

/// An insert's text is made when it's sent, if at all, and before that only if it may be too long.
std::size_t planner::measure(planned_row& row) const {
  const auto& where = *batch_[row.account].where;
  if (row.kind != change_kind::insert) {
    row.text = row_text(row, where);
    row.bytes = row.text.size() + key_number_bytes * row.table->key.size();
  } else {
    row.bytes = most_insert_bytes(row);
    if (row.bytes + statement_frame_bytes > limits_.max_packet)
      row.bytes = row_text(row, where).size();
  }
  return row.bytes;
}

void planner::plan_account(std::uint32_t account) {
  const auto first_row = plan_.rows.size();
  const auto refuse = [&](sequence number, error why) {
    const bool may_pass = std::exchange(why.retryable, false);
    plan_.refused.push_back({account, number, std::move(why), may_pass});
    plan_.rows.resize(first_row);
  };
  change_order order(links_, plan_.rows, limits_.in_order);
  for (const auto* event : batch_[account].events)
    if (auto planned = plan_event(account, *event, order); !planned)
      return refuse(event->number, planned.error());
  for (auto i = first_row; i < plan_.rows.size(); ++i) {
    auto& row = *plan_.rows[i];
    if (const auto bytes = measure(row); bytes + statement_frame_bytes > limits_.max_packet)
      return refuse(row.last, error{fmt::format("{}: it takes {} bytes, but max_allowed_packet is {}",
                                                describe_change(row), bytes + statement_frame_bytes,
                                                limits_.max_packet),
                                    "raise max_allowed_packet on this MariaDB, then run restartReplicas"});
  }
}

/// What rows of one statement have in common; ordered so that the session's flags change rarely.
using group_key = std::tuple<std::uint32_t, bool, bool, bool, bool, std::string_view, change_kind,
                             const shape*, std::vector<std::uint16_t>>;

group_key key_of(const planned_row& row) {
  std::vector<std::uint16_t> columns;
  columns.reserve(row.after.size());
  for (const auto& c : row.after)
    columns.push_back(c.column);
  return {row.level,   row.foreign_keys_off, row.unique_checks_off,
          row.lenient, row.forgiven,         row.target->sql_name,
          row.kind,    row.table.get(),      std::move(columns)};
}

void planner::group_rows() {
  std::map<group_key, std::vector<const planned_row*>> groups;
  for (const auto& row : plan_.rows)
    groups[key_of(*row)].push_back(row.get());
  for (const auto& [key, rows] : groups)
    cut(rows);
}

void planner::cut(const std::vector<const planned_row*>& rows) {
  const bool shared = can_share_statement(*rows.front());
  const std::size_t bytes = std::min(limits_.bytes, limits_.max_packet - statement_frame_bytes);
  std::size_t taken = 0;
  bool open = false;
  for (const auto* row : rows) {
    const bool alone = !shared || (row->kind == change_kind::update && row->bytes > joined_update_bytes);
    if (!open || alone || plan_.statements.back().rows.size() >= limits_.rows ||
        taken + row->bytes + 1 > bytes) {
      plan_.statements.emplace_back();
      taken = 0;
    }
    open = !alone;
    auto& statement = plan_.statements.back();
    statement.rows.push_back(row);
    ++statement.expected;
    taken += row->bytes + 1;
  }
}

} // namespace

apply_plan make_plan(const std::vector<account_work>& batch, const table_resolver& resolve,
                     const plan_limits& limits) {
  return planner(batch, resolve, limits).make();
}

std::string describe(const planned_row& row) {
  return fmt::format("{}: {}",
                     row.first == row.last ? fmt::format("sequence {}", row.last)
                                           : fmt::format("sequences {} to {}", row.first, row.last),
                     describe_change(row));
}

std::string applier_sql_mode(bool lenient) {
  // No NO_ZERO_*: zero and incomplete dates are values like others (T05). Strict: a value is stored as it is
  // or not at all.
  return lenient ? "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
                 : "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION,STRICT_ALL_TABLES";
}

std::vector<std::string> applier_setup() {
  // eq_range_index_dive_limit: long IN lists are estimated from statistics. optimizer_max_sel_arg_weight and
  // in_predicate_conversion_threshold: a long IN list must not be given up for a scan of all accounts.
  // binlog_annotate_row_events: nobody reads the text of these statements in the binlog, and it would hold
  // every value a second time.
  return {"SET SESSION sql_mode='" + applier_sql_mode(false) +
          "', check_constraint_checks=0, explicit_defaults_for_timestamp=1, sql_safe_updates=0, "
          "max_statement_time=0, binlog_annotate_row_events=0, eq_range_index_dive_limit=200, "
          "optimizer_max_sel_arg_weight=0, in_predicate_conversion_threshold=0, "
          "max_sort_length=1024, tmp_memory_table_size=64*1024*1024, max_heap_table_size=64*1024*1024"};
}

} // namespace understudy
