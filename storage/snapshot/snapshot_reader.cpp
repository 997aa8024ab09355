#include "storage/snapshot/snapshot_reader.hpp"

#include "storage/apply/local_shape.hpp"
#include "storage/profile/cascades.hpp"
#include "storage/profile/profile_routing.hpp"
#include "storage/snapshot/group_database.hpp"
#include "storage/snapshot/snapshot_columns.hpp"
#include "storage/state/catalog_reader.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/read_view.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <set>
#include <thread>

namespace understudy {
namespace {

/// Rows of a table's first page: how large its rows are isn't known yet.
constexpr std::size_t first_page_rows = 100;
/// A COMMIT waits for an answer of Kafka's, and a little for its turn.
constexpr std::chrono::milliseconds between_views{1};
/// Metadata locks are kept no longer: giving them back behind each statement would double the statements.
constexpr std::chrono::milliseconds longest_lock{20};
/// All tables are looked at so often; more often only those whose rows were read. The others' definitions
/// travel all the same.
constexpr std::chrono::seconds definitions_age{10};

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

/// The tables that accounts of a group have their rows in.
struct snapshot_structures::described {
  std::vector<snapshot_table> tables;
  std::vector<std::shared_ptr<const shape>> shapes;
  std::vector<std::string> definitions;
  std::vector<table_cascades> cascades;
  std::vector<std::pair<table_name, std::string>> structures; ///< of the account's tables, in the same order
  std::set<std::pair<std::string, std::string>> names;        ///< of all tables where the account's are
  /// When all of it was last seen to be so, on the steady clock.
  mutable std::atomic<std::chrono::steady_clock::time_point> seen{std::chrono::steady_clock::time_point{}};
};

std::shared_ptr<const snapshot_structures::described> snapshot_structures::of(group_number group) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(group.value);
  return found == known_.end() ? nullptr : found->second;
}

void snapshot_structures::keep(group_number group, std::shared_ptr<const described> what) {
  const std::lock_guard lock(mutex_);
  known_[group.value] = std::move(what);
}

void snapshot_structures::forget(group_number group) {
  const std::lock_guard lock(mutex_);
  known_.erase(group.value);
}

struct snapshot_reader::parts {
  using described = snapshot_structures::described;
  std::unique_ptr<session_pool> own; ///< of a reader that nobody lends a session to
  std::optional<session_pool::borrowed> lent;
  sql_session& session;
  std::shared_ptr<const profile> rules;
  snapshot_request request;
  std::shared_ptr<snapshot_structures> known;
  opened begun;
  group_number group;
  std::shared_ptr<const described> about; ///< as it was before the view's last row at the latest

  std::set<std::size_t> filled;                         ///< tables in which the account has rows
  std::chrono::steady_clock::time_point locked_since{}; ///< metadata locks; 0: none are held
  std::size_t at = 0;                                   ///< table being read
  std::vector<value> last;
  std::size_t page_rows = first_page_rows;
  std::deque<row_change> waiting; ///< read, not given out yet
  std::size_t waiting_bytes = 0;
  std::uint64_t index = 0;
  std::uint64_t rows = 0;
  bool ended = false;

  parts(session_pool::borrowed opened_session, std::shared_ptr<const profile> by, snapshot_request what,
        std::shared_ptr<snapshot_structures> before)
      : lent(std::move(opened_session))
      , session(**lent)
      , rules(std::move(by))
      , request(std::move(what))
      , known(std::move(before)) {}

  result<void> begin_view();
  result<void> open_view();
  result<void> release_tables();
  result<void> release_tables_in_time();
  result<void> know_tables();
  result<std::shared_ptr<const described>> describe_tables();
  result<void> describe(described& made, const account_table& found, const collation_ids& ids);
  result<void> estimate_rows();
  result<void> find_filled_tables();
  result<void> read_definitions(described& made, const schema_catalog& catalog);
  result<std::set<std::pair<std::string, std::string>>> table_names();
  result<void> check_structures();
  result<void> read_page(std::size_t max_bytes);
  error altered(const std::string& table, const std::string& how) const;
  error unread(const sql_error& why, const std::string& table) const;
  result<void> take_row(const snapshot_table& table, const sql_row_view& row, std::size_t& bytes);
};

result<void> snapshot_reader::parts::begin_view() {
  auto place = begin_read_view(session);
  if (!place)
    return tl::make_unexpected(place.error());
  begun.place = std::move(*place);
  if (auto saved = session.execute("SAVEPOINT tables"); !saved)
    return passed_on(saved);
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
  locked_since = {};
  if (auto done = session.execute("ROLLBACK TO SAVEPOINT tables"); !done)
    return passed_on(done);
  return {};
}

result<void> snapshot_reader::parts::release_tables_in_time() {
  const auto now = std::chrono::steady_clock::now();
  if (locked_since == std::chrono::steady_clock::time_point{})
    locked_since = now;
  return now - locked_since < longest_lock ? result<void>() : release_tables();
}

result<void> snapshot_reader::parts::describe(described& made_of, const account_table& found,
                                              const collation_ids& ids) {
  auto made = local_shape(*found.definition, found.logical_name, *rules, ids);
  if (!made)
    return tl::make_unexpected(made.error());
  auto table = std::make_shared<const shape>(std::move(*made));
  made_of.tables.push_back(describe_snapshot_table(table, *found.definition, *rules));
  made_of.shapes.push_back(std::move(table));
  const table_name name{found.definition->database, found.definition->name};
  auto structure = table_definition(session, name);
  if (!structure)
    return tl::make_unexpected(structure.error());
  made_of.structures.emplace_back(name, std::move(*structure));
  return {};
}

/// One statement for all tables: of a small account's snapshot most of the time goes into statements.
result<void> snapshot_reader::parts::estimate_rows() {
  std::string all;
  for (const auto& table : about->tables)
    all += fmt::format("{}(SELECT 1 FROM {} WHERE {} = {})", all.empty() ? "" : " UNION ALL ", table.sql_name,
                       sql_name(table.table->columns[table.table->mailbox_column].name), request.mailbox);
  const auto estimate = session.query("EXPLAIN " + all);
  if (!estimate)
    return tl::make_unexpected(unread(estimate.error(), "a table of the account"));
  const auto& names = estimate->columns;
  const auto column = static_cast<std::size_t>(std::find(names.begin(), names.end(), "rows") - names.begin());
  for (const auto& row : estimate->rows)
    if (column < row.size())
      begun.rows_estimate += to_number<std::uint64_t>(row[column]);
  return {};
}

result<void> snapshot_reader::parts::read_definitions(described& made, const schema_catalog& catalog) {
  const auto database = rules->group_database(group);
  auto own = database_definition(session, database);
  if (!own)
    return tl::make_unexpected(own.error());
  made.definitions.push_back(std::move(*own));
  for (const auto* table : catalog.tables_of(database)) {
    if (rules->is_shadow(table->name))
      continue;
    const table_name name{table->database, table->name};
    const auto known_already =
        std::ranges::find(made.structures, name, &std::pair<table_name, std::string>::first);
    if (known_already != made.structures.end()) {
      made.definitions.push_back(known_already->second);
      continue;
    }
    auto definition = table_definition(session, name);
    if (!definition)
      return tl::make_unexpected(definition.error());
    made.definitions.push_back(std::move(*definition));
  }
  return {};
}

/// A directory's list: no table is opened for it.
result<std::set<std::pair<std::string, std::string>>> snapshot_reader::parts::table_names() {
  std::string databases;
  for (const auto& database : account_databases(*rules, group))
    databases += (databases.empty() ? "" : ",") + sql_text(database);
  const auto found =
      session.query("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (" +
                    databases + ")");
  if (!found)
    return passed_on(found);
  std::set<std::pair<std::string, std::string>> names;
  for (const auto& row : found->rows)
    if (auto name = to_text(row[1]); !rules->is_shadow(name))
      names.emplace(to_text(row[0]), std::move(name));
  return names;
}

/// What was described for another account of the group will do: that it's still so is looked at behind the
/// last row, whenever it was described.
result<void> snapshot_reader::parts::know_tables() {
  about = known->of(group);
  if (about && std::chrono::steady_clock::now() - about->seen.load() > definitions_age && !check_structures())
    about = nullptr; // altered since it was described for another account
  if (!about) {
    auto made = describe_tables();
    if (!made)
      return tl::make_unexpected(made.error());
    about = std::move(*made);
    about->seen = std::chrono::steady_clock::now();
    known->keep(group, about);
  }
  begun.shapes = about->shapes;
  if (auto looked = estimate_rows().and_then([this] { return find_filled_tables(); }); !looked)
    return looked;
  return release_tables();
}

/// One statement, where a small account would need one for each table that it has nothing in.
result<void> snapshot_reader::parts::find_filled_tables() {
  std::string all;
  for (std::size_t i = 0; i < about->tables.size(); ++i) {
    const auto& table = about->tables[i];
    all += fmt::format("{}(SELECT {} FROM {} WHERE {} = {} LIMIT 1)", i == 0 ? "" : " UNION ALL ", i,
                       table.sql_name, sql_name(table.table->columns[table.table->mailbox_column].name),
                       request.mailbox);
  }
  const auto found = session.query(all);
  if (!found)
    return tl::make_unexpected(unread(found.error(), "a table of the account"));
  for (const auto& row : found->rows)
    filled.insert(to_number<std::size_t>(row[0]));
  return {};
}

/// Behind the view: a table altered in between gives an error when it's read, never rows of another shape.
result<std::shared_ptr<const snapshot_structures::described>> snapshot_reader::parts::describe_tables() {
  auto made = std::make_shared<described>();
  auto names = table_names();
  if (!names)
    return tl::make_unexpected(names.error());
  made->names = std::move(*names);
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
  for (const auto& table : found) {
    if (auto done = describe(*made, table, ids); !done)
      return tl::make_unexpected(done.error());
    made->cascades.push_back(cascades_of(*rules, *table.definition));
  }
  if (auto read = read_definitions(*made, *catalog); !read)
    return tl::make_unexpected(read.error());
  for (auto& [name, structure] : made->structures)
    structure = without_counter(std::move(structure));
  return std::shared_ptr<const described>(std::move(made));
}

result<void> snapshot_reader::parts::take_row(const snapshot_table& table, const sql_row_view& row,
                                              std::size_t& bytes) {
  row_change change;
  change.table = table.table;
  change.kind = change_kind::insert;
  change.after.reserve(table.columns.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto column = table.columns[i];
    auto content = snapshot_value(table.table->columns[column],
                                  row.is_null(i) ? std::nullopt : std::optional<std::string_view>(row[i]));
    if (!content)
      return failure(fmt::format("{}: {}", table.sql_name, content.error().what));
    bytes += value_bytes(*content);
    change.after.push_back({column, std::move(*content)});
  }
  last.clear();
  for (const auto column : table.page_by) {
    const auto at_cell = std::find_if(change.after.begin(), change.after.end(),
                                      [column](const cell& c) { return c.column == column; });
    last.push_back(at_cell->content);
  }
  waiting.push_back(std::move(change));
  return {};
}

error snapshot_reader::parts::altered(const std::string& table, const std::string& how) const {
  known->forget(group);
  return {fmt::format("{} was altered during the snapshot: {}", table, how),
          "nothing: the snapshot begins again", true};
}

error snapshot_reader::parts::unread(const sql_error& why, const std::string& table) const {
  return is_ddl(why) ? altered(table, why.what) : static_cast<const error&>(why);
}

/// An instant ALTER goes unnoticed by reads under an old view.
result<void> snapshot_reader::parts::check_structures() {
  const auto names = table_names();
  if (!names)
    return tl::make_unexpected(names.error());
  if (*names != about->names)
    return tl::make_unexpected(altered("the group's database", "it has other tables now"));
  const auto now = std::chrono::steady_clock::now();
  const bool all = now - about->seen.load() > definitions_age;
  for (std::size_t i = 0; i < about->structures.size(); ++i) {
    if (!all && !filled.contains(i))
      continue;
    const auto& [name, before] = about->structures[i];
    const auto is = table_definition(session, name);
    const auto quoted = sql_table(name.database, name.table);
    if (!is)
      return tl::make_unexpected(altered(quoted, is.error().what));
    if (without_counter(*is) != before)
      return tl::make_unexpected(altered(quoted, "its structure is another one now"));
  }
  if (all)
    about->seen = now;
  return release_tables();
}

/// A page of the current table; behind its last row, the next table.
result<void> snapshot_reader::parts::read_page(std::size_t max_bytes) {
  if (!filled.contains(at))
    return ++at == about->tables.size() ? check_structures() : result<void>();
  const auto& table = about->tables[at];
  const auto limit = page_rows;
  const bool is_paged = !table.page_by.empty();
  std::size_t bytes = 0;
  std::size_t got = 0;
  result<void> taken;
  session.doing(fmt::format("read {} of account {}", table.sql_name, request.account));
  const auto read =
      session.query_each(select_page(table, request.mailbox, last, limit), [&](const sql_row_view& row) {
        ++got;
        taken = take_row(table, row, bytes);
        return taken.has_value() && !(is_paged && bytes >= max_bytes);
      });
  if (!read)
    return tl::make_unexpected(unread(read.error(), table.sql_name));
  if (!taken)
    return taken;
  waiting_bytes += bytes;
  rows += got;
  const bool is_cut = is_paged && bytes >= max_bytes; // its rows are larger than those before
  if (!is_paged || (got < limit && !is_cut)) {
    ++at;
    last.clear();
    page_rows = first_page_rows;
    if (at == about->tables.size())
      return check_structures();
  } else {
    // As many rows as fit into a chunk by what they took so far, growing slowly.
    page_rows = std::clamp<std::size_t>(max_bytes / std::max<std::size_t>(1, bytes / got), 1, limit * 4);
  }
  return release_tables_in_time();
}

snapshot_reader::snapshot_reader(std::unique_ptr<parts> p)
    : parts_(std::move(p)) {}
snapshot_reader::~snapshot_reader() = default;

sql_options snapshot_session(sql_options connection) {
  // sql_log_bin=0: with the binlog on, a rollback to a savepoint keeps the metadata locks (tried on 10.11).
  connection.setup = local_setup();
  // Bytes as they are stored, not converted; one view for all that follows.
  connection.setup.emplace_back("SET SESSION character_set_results=NULL, max_statement_time=0");
  connection.setup.emplace_back("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  return connection;
}

result<std::unique_ptr<snapshot_reader>> snapshot_reader::open(session_pool& sessions,
                                                               std::shared_ptr<const profile> rules,
                                                               const snapshot_request& request,
                                                               std::shared_ptr<snapshot_structures> known) {
  auto session = sessions.borrow();
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  auto made = std::make_unique<parts>(std::move(*session), std::move(rules), request, std::move(known));
  if (auto view = made->open_view(); !view)
    return tl::make_unexpected(view.error());
  if (auto done = made->know_tables(); !done)
    return tl::make_unexpected(done.error());
  return std::unique_ptr<snapshot_reader>(new snapshot_reader(std::move(made)));
}

result<std::unique_ptr<snapshot_reader>> snapshot_reader::open(sql_options connection,
                                                               std::shared_ptr<const profile> rules,
                                                               const snapshot_request& request) {
  auto own = std::make_unique<session_pool>(snapshot_session(std::move(connection)), 0);
  auto opened = open(*own, std::move(rules), request);
  if (opened)
    (*opened)->parts_->own = std::move(own);
  return opened;
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
  while (p.at < p.about->tables.size() && p.waiting.size() < max_rows && p.waiting_bytes < max_bytes)
    if (auto read = p.read_page(max_bytes); !read)
      return tl::make_unexpected(read.error());
  // Whoever sends it may wait.
  if (p.locked_since != std::chrono::steady_clock::time_point{})
    if (auto released = p.release_tables(); !released)
      return tl::make_unexpected(released.error());
  snapshot_chunk chunk;
  chunk.account = p.request.account;
  chunk.id = p.request.id;
  chunk.index = p.index++;
  if (chunk.index == 0) {
    chunk.definitions = p.about->definitions;
    chunk.cascades = p.about->cascades;
  }
  std::size_t bytes = 0;
  while (!p.waiting.empty() && chunk.rows.size() < max_rows && (chunk.rows.empty() || bytes < max_bytes)) {
    for (const auto& c : p.waiting.front().after)
      bytes += value_bytes(c.content);
    chunk.rows.push_back(std::move(p.waiting.front()));
    p.waiting.pop_front();
  }
  p.waiting_bytes -= std::min(bytes, p.waiting_bytes);
  chunk.rows_total = std::max(p.begun.rows_estimate, p.rows);
  chunk.last = p.ended = p.waiting.empty() && p.at >= p.about->tables.size();
  return std::optional(std::move(chunk));
}

} // namespace understudy
