#include "storage/snapshot/snapshot_reader.hpp"

#include "storage/apply/local_shape.hpp"
#include "storage/profile/profile_routing.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/snapshot/snapshot_columns.hpp"
#include "storage/state/catalog_reader.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <thread>

namespace understudy {
namespace {

/// Rows of a table's first page: how large its rows are isn't known yet.
constexpr std::size_t first_page_rows = 100;
/// A COMMIT waits for an answer of Kafka's, and a little for its turn.
constexpr std::chrono::milliseconds between_views{1};

/// The counter changes with every insert; it's no part of the structure.
std::string without_counter(std::string definition) {
  constexpr std::string_view counter = " AUTO_INCREMENT=";
  if (const auto at = definition.rfind(counter); at != std::string::npos)
    definition.erase(at, definition.find(' ', at + counter.size()) - at);
  return definition;
}

/// ER_TABLE_DEF_CHANGED, ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR: somebody altered a table behind the view.
bool is_ddl(const sql_error& failed) {
  return failed.number == 1412 || failed.number == 1146 || failed.number == 1054;
}

/// What `SHOW CREATE` gives: a table's, or the group database's own.
result<std::string> database_definition(sql_session& session, const std::string& database) {
  const auto found = session.query("SHOW CREATE DATABASE " + sql_name(database));
  if (!found)
    return passed_on(found);
  return found->rows.empty() ? std::string() : to_text(found->rows.front()[1]);
}

} // namespace

struct snapshot_reader::parts {
  sql_session session;
  std::shared_ptr<const profile> rules;
  snapshot_request request;
  opened begun;
  group_number group;
  std::vector<snapshot_table> tables;
  std::vector<std::string> definitions;
  std::map<std::string, std::string>
      known; ///< definitions of the group database's tables that were described
  std::vector<std::pair<table_name, std::string>> structures; ///< of the account's tables as the view began

  std::size_t at = 0; ///< table being read
  std::vector<value> last;
  std::size_t page_rows = first_page_rows;
  std::deque<row_change> waiting; ///< read, not given out yet
  std::size_t waiting_bytes = 0;
  std::uint64_t index = 0;
  std::uint64_t rows = 0;
  bool ended = false;

  parts(sql_session opened_session, std::shared_ptr<const profile> by, snapshot_request what)
      : session(std::move(opened_session))
      , rules(std::move(by))
      , request(std::move(what)) {}

  result<void> begin_view();
  result<void> open_view();
  result<void> release_tables();
  result<void> describe_tables();
  result<void> describe(const account_table& found, const collation_ids& ids);
  result<void> estimate_rows();
  result<void> read_definitions(const schema_catalog& catalog);
  result<void> check_structures();
  result<void> read_page(std::size_t max_bytes);
  error altered(const std::string& table, const std::string& how) const;
  void take_row(const snapshot_table& table, const sql_row_view& row, std::size_t& bytes);
};

/// The place first: what commits between the two statements is outside both.
result<void> snapshot_reader::parts::begin_view() {
  if (auto begun_view = session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT"); !begun_view)
    return passed_on(begun_view);
  if (auto saved = session.execute("SAVEPOINT tables"); !saved)
    return passed_on(saved);
  const auto status = session.query("SHOW STATUS LIKE 'binlog_snapshot_%'");
  if (!status)
    return passed_on(status);
  for (const auto& row : status->rows) {
    if (row[0] == "Binlog_snapshot_file")
      begun.place.file = to_text(row[1]);
    else if (row[0] == "Binlog_snapshot_position")
      begun.place.offset = to_number<std::uint64_t>(row[1]);
  }
  if (begun.place.file.empty())
    return failure("MariaDB doesn't say at which place of its binlog the read view stands",
                   "turn on log_bin and restart MariaDB");
  return {};
}

result<void> snapshot_reader::parts::open_view() {
  session.doing("open a read view");
  const auto deadline = std::chrono::steady_clock::now() + request.patience;
  for (;;) {
    if (auto begun_view = begin_view(); !begun_view) // ends the one before
      return begun_view;
    if (begun.place >= request.follows)
      break;
    if (std::chrono::steady_clock::now() >= deadline)
      return failure("its last transaction still waits in its COMMIT", {}, true);
    std::this_thread::sleep_for(between_views);
  }
  mailstore_queries queries(session, rules);
  const auto found = queries.find_by_id({request.account});
  if (!found)
    return tl::make_unexpected(found.error());
  if (found->empty() || found->front().mailbox != request.mailbox)
    return failure(fmt::format("its mailbox {} isn't here", request.mailbox));
  group = found->front().group;
  return {};
}

/// Gives back the metadata locks taken since the view was opened; the view stays. A DDL that had to wait for
/// them would keep every writer of its table waiting, as long as the snapshot takes.
result<void> snapshot_reader::parts::release_tables() {
  if (auto done = session.execute("ROLLBACK TO SAVEPOINT tables"); !done)
    return passed_on(done);
  return {};
}

result<void> snapshot_reader::parts::describe(const account_table& found, const collation_ids& ids) {
  auto made = local_shape(*found.definition, found.logical_name, *rules, ids);
  if (!made)
    return tl::make_unexpected(made.error());
  auto table = std::make_shared<const shape>(std::move(*made));
  tables.push_back(describe_snapshot_table(table, *found.definition, *rules));
  begun.shapes.push_back(std::move(table));
  const table_name name{found.definition->database, found.definition->name};
  auto structure = table_definition(session, name);
  if (!structure)
    return tl::make_unexpected(structure.error());
  if (name.database == rules->group_database(group))
    known.emplace(name.table, *structure);
  structures.emplace_back(name, without_counter(std::move(*structure)));
  return {};
}

/// One statement for all tables: of a small account's snapshot most of the time goes into statements.
result<void> snapshot_reader::parts::estimate_rows() {
  std::string all;
  for (const auto& table : tables)
    all += fmt::format("{}(SELECT 1 FROM {} WHERE {} = {})", all.empty() ? "" : " UNION ALL ", table.sql_name,
                       sql_name(table.table->columns[table.table->mailbox_column].name), request.mailbox);
  const auto estimate = session.query("EXPLAIN " + all);
  if (!estimate)
    return passed_on(estimate);
  const auto& names = estimate->columns;
  const auto column = static_cast<std::size_t>(std::find(names.begin(), names.end(), "rows") - names.begin());
  for (const auto& row : estimate->rows)
    if (column < row.size())
      begun.rows_estimate += to_number<std::uint64_t>(row[column]);
  return {};
}

result<void> snapshot_reader::parts::read_definitions(const schema_catalog& catalog) {
  const auto database = rules->group_database(group);
  auto own = database_definition(session, database);
  if (!own)
    return tl::make_unexpected(own.error());
  definitions.push_back(std::move(*own));
  for (const auto* table : catalog.tables_of(database)) {
    if (rules->is_shadow(table->name))
      continue;
    if (const auto described = known.find(table->name); described != known.end()) {
      definitions.push_back(std::move(described->second));
      continue;
    }
    auto definition = table_definition(session, {table->database, table->name});
    if (!definition)
      return tl::make_unexpected(definition.error());
    definitions.push_back(std::move(*definition));
  }
  return {};
}

/// Behind the view: a table altered in between gives an error when it's read, never rows of another shape.
result<void> snapshot_reader::parts::describe_tables() {
  const auto catalog = read_catalog(session, account_databases(*rules, group));
  if (!catalog)
    return tl::make_unexpected(catalog.error());
  const auto rows =
      session.query("SELECT COLLATION_NAME, ID FROM information_schema.COLLATIONS WHERE ID IS NOT "
                    "NULL");
  if (!rows)
    return passed_on(rows);
  collation_ids ids;
  for (const auto& row : rows->rows)
    ids.emplace(to_text(row[0]), to_number<std::uint32_t>(row[1]));
  auto found = account_tables(*rules, *catalog, group);
  // The registry row first: with it a half-loaded account is found again.
  std::stable_partition(found.begin(), found.end(),
                        [this](const account_table& t) { return rules->is_registry(t.logical_name); });
  for (const auto& table : found)
    if (auto described = describe(table, ids); !described)
      return described;
  if (auto estimated = estimate_rows(); !estimated)
    return estimated;
  if (auto read = read_definitions(*catalog); !read)
    return read;
  return release_tables();
}

void snapshot_reader::parts::take_row(const snapshot_table& table, const sql_row_view& row,
                                      std::size_t& bytes) {
  row_change change;
  change.table = table.table;
  change.kind = change_kind::insert;
  change.after.reserve(table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto column = table.columns[i];
    auto content = snapshot_value(table.table->columns[column],
                                  row.is_null(i) ? std::nullopt : std::optional<std::string_view>(row[i]));
    bytes += value_bytes(content);
    change.after.push_back({column, std::move(content)});
  }
  last.clear();
  for (const auto column : table.page_by) {
    const auto at_cell = std::find_if(change.after.begin(), change.after.end(),
                                      [column](const cell& c) { return c.column == column; });
    last.push_back(at_cell->content);
  }
  waiting.push_back(std::move(change));
}

error snapshot_reader::parts::altered(const std::string& table, const std::string& how) const {
  return {fmt::format("{} was altered during the snapshot: {}", table, how),
          "nothing: the snapshot begins again", true};
}

/// An instant ALTER goes unnoticed by reads under an old view.
result<void> snapshot_reader::parts::check_structures() {
  for (const auto& [name, before] : structures) {
    const auto now = table_definition(session, name);
    const auto quoted = sql_table(name.database, name.table);
    if (!now)
      return tl::make_unexpected(altered(quoted, now.error().what));
    if (without_counter(*now) != before)
      return tl::make_unexpected(altered(quoted, "its structure is another one now"));
  }
  return release_tables();
}

/// A page of the current table; behind its last row, the next table.
result<void> snapshot_reader::parts::read_page(std::size_t max_bytes) {
  const auto& table = tables[at];
  const auto limit = page_rows;
  std::size_t bytes = 0;
  std::size_t got = 0;
  session.doing(fmt::format("read {} of account {}", table.sql_name, request.account));
  const auto read =
      session.query_each(select_page(table, request.mailbox, last, limit), [&](const sql_row_view& row) {
        ++got;
        take_row(table, row, bytes);
        return true;
      });
  if (!read && is_ddl(read.error()))
    return tl::make_unexpected(altered(table.sql_name, read.error().what));
  if (!read)
    return passed_on(read);
  waiting_bytes += bytes;
  rows += got;
  if (table.page_by.empty() || got < limit) {
    ++at;
    last.clear();
    page_rows = first_page_rows;
    if (at == tables.size())
      return check_structures();
  } else {
    // As many rows as fit into a chunk by what they took so far, growing slowly.
    page_rows = std::clamp<std::size_t>(max_bytes / std::max<std::size_t>(1, bytes / got), 1, limit * 4);
  }
  return release_tables();
}

snapshot_reader::snapshot_reader(std::unique_ptr<parts> p)
    : parts_(std::move(p)) {}
snapshot_reader::~snapshot_reader() = default;

result<std::unique_ptr<snapshot_reader>> snapshot_reader::open(sql_options connection,
                                                               std::shared_ptr<const profile> rules,
                                                               const snapshot_request& request) {
  // sql_log_bin=0: with the binlog on, a rollback to a savepoint keeps the metadata locks (tried on 10.11).
  connection.setup = local_setup();
  // Bytes as they are stored, not converted; one view for all that follows.
  connection.setup.emplace_back("SET SESSION character_set_results=NULL, max_statement_time=0");
  connection.setup.emplace_back("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  auto session = sql_session::open(std::move(connection));
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  auto made = std::make_unique<parts>(std::move(*session), std::move(rules), request);
  if (auto view = made->open_view(); !view)
    return tl::make_unexpected(view.error());
  if (auto described = made->describe_tables(); !described)
    return tl::make_unexpected(described.error());
  return std::unique_ptr<snapshot_reader>(new snapshot_reader(std::move(made)));
}

const snapshot_reader::opened& snapshot_reader::start() const {
  return parts_->begun;
}

std::uint64_t snapshot_reader::rows_read() const {
  return parts_->rows;
}

result<std::optional<snapshot_chunk>> snapshot_reader::next_chunk(std::size_t max_rows,
                                                                  std::size_t max_bytes) {
  auto& p = *parts_;
  if (p.ended)
    return std::optional<snapshot_chunk>();
  max_rows = std::max<std::size_t>(1, max_rows);
  while (p.at < p.tables.size() && p.waiting.size() < max_rows && p.waiting_bytes < max_bytes)
    if (auto read = p.read_page(max_bytes); !read)
      return tl::make_unexpected(read.error());
  snapshot_chunk chunk;
  chunk.account = p.request.account;
  chunk.id = p.request.id;
  chunk.index = p.index++;
  if (chunk.index == 0)
    chunk.definitions = std::move(p.definitions);
  std::size_t bytes = 0;
  while (!p.waiting.empty() && chunk.rows.size() < max_rows && (chunk.rows.empty() || bytes < max_bytes)) {
    for (const auto& c : p.waiting.front().after)
      bytes += value_bytes(c.content);
    chunk.rows.push_back(std::move(p.waiting.front()));
    p.waiting.pop_front();
  }
  p.waiting_bytes -= std::min(bytes, p.waiting_bytes);
  chunk.rows_total = std::max(p.begun.rows_estimate, p.rows);
  chunk.last = p.ended = p.waiting.empty() && p.at >= p.tables.size();
  return std::optional(std::move(chunk));
}

} // namespace understudy
