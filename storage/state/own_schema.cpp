#include "storage/state/own_schema.hpp"

#include "storage/state/sql_fields.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

/// Ids are compared byte by byte: an account's UUID in other case is another account.
constexpr const char* table_options = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";

/// Rows of `origin`: as many writers may mark their transactions at a time without waiting for each other.
constexpr unsigned origin_slots = 256;

std::string origin_rows() {
  std::string out = "INSERT IGNORE INTO understudy.origin(id, n) VALUES ";
  for (unsigned slot = 0; slot < origin_slots; ++slot)
    out += fmt::format("{}({},0)", slot == 0 ? "" : ",", slot);
  return out;
}

} // namespace

std::vector<std::string> own_schema_statements() {
  const auto table = [](const char* definition) {
    return std::string("CREATE TABLE IF NOT EXISTS understudy.") + definition + table_options;
  };
  return {
      "CREATE DATABASE IF NOT EXISTS understudy DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
      table("schema_version(id TINYINT UNSIGNED PRIMARY KEY, version INT UNSIGNED NOT NULL)"),
      // Whose tables these are; never through the binlog.
      table("node(id TINYINT UNSIGNED PRIMARY KEY, name VARCHAR(255) NOT NULL)"),
      // Through the binlog. `writes` makes each write change the row: an unchanged row leaves no event.
      table("role(account_id VARCHAR(127) PRIMARY KEY, term BIGINT UNSIGNED NOT NULL, role VARCHAR(16) NOT "
            "NULL,"
            " decision BIGINT NOT NULL, writes BIGINT UNSIGNED NOT NULL DEFAULT 1, at_cut TEXT NOT NULL "
            "DEFAULT '',"
            " read_file VARCHAR(512) NOT NULL DEFAULT '', read_place BIGINT UNSIGNED NOT NULL DEFAULT 0)"),
      // With defaults for what an administrator gives over to us by hand (snapshot_loader.cpp).
      table("replica(account_id VARCHAR(127) PRIMARY KEY, mailbox_id INT UNSIGNED NOT NULL,"
            " term BIGINT UNSIGNED NOT NULL DEFAULT 0, sequence BIGINT UNSIGNED NOT NULL DEFAULT 0,"
            " partition_no INT NOT NULL DEFAULT 0, next_offset BIGINT NOT NULL DEFAULT 0,"
            " state VARCHAR(16) NOT NULL, snapshot VARCHAR(64) NOT NULL DEFAULT '', request BIGINT NOT NULL "
            "DEFAULT 0)"),
      table("origin(id TINYINT UNSIGNED PRIMARY KEY, n BIGINT UNSIGNED NOT NULL)"),
      table("probe(id TINYINT UNSIGNED PRIMARY KEY, n BIGINT UNSIGNED NOT NULL)"),
      // Nobody's row has another's key: who waits for a key that is given up keeps the gap behind it locked.
      table("guard(holder BIGINT UNSIGNED PRIMARY KEY, account_id VARCHAR(127) NOT NULL)"),
      // Never through the binlog.
      table("capture(id TINYINT UNSIGNED PRIMARY KEY, gtid TEXT NOT NULL, file VARCHAR(512) NOT NULL,"
            " place BIGINT UNSIGNED NOT NULL)"),
      table("capture_account(account_id VARCHAR(127) PRIMARY KEY, mailbox_id INT UNSIGNED NOT NULL,"
            " term BIGINT UNSIGNED NOT NULL, role VARCHAR(16) NOT NULL, sequence BIGINT UNSIGNED NOT NULL,"
            " partition_no INT NOT NULL, is_protected TINYINT(1) NOT NULL)"),
      table("capture_partition(partition_no INT PRIMARY KEY, next_offset BIGINT NOT NULL)"),
      table("reader(partition_no INT PRIMARY KEY, next_offset BIGINT NOT NULL, mark_offset BIGINT,"
            " mark_time BIGINT)"),
      table("stopped(account_id VARCHAR(127) PRIMARY KEY, next_offset BIGINT NOT NULL, reason TEXT NOT NULL,"
            " at BIGINT NOT NULL)"),
      table("sent_snapshot(account_id VARCHAR(127) PRIMARY KEY, request BIGINT NOT NULL)"),
      table("control(id TINYINT UNSIGNED PRIMARY KEY, next_offset BIGINT NOT NULL,"
            " rules_version INT UNSIGNED NOT NULL, appended BIGINT, records MEDIUMTEXT)"),
      table("control_account(account_id VARCHAR(127) PRIMARY KEY, doc MEDIUMTEXT NOT NULL)"),
      table("control_node(name VARCHAR(255) PRIMARY KEY, doc MEDIUMTEXT NOT NULL)"),
      table("control_operation(id VARCHAR(64) PRIMARY KEY, doc MEDIUMTEXT NOT NULL)"),
  };
}

namespace {

/// Rows that are there from the first start on. Only looked for later: a former process's probe may still
/// wait in its COMMIT, with the row locked, until this one acknowledges it (R6: never wait for oneself).
result<void> ensure_rows(sql_session& local) {
  const auto make = [&](const std::string& table, std::size_t rows,
                        const std::string& statement) -> result<void> {
    const auto found = local.query_value("SELECT COUNT(*) FROM understudy." + table);
    if (!found)
      return passed_on(found);
    if (to_number<std::size_t>(*found) == rows)
      return {};
    if (auto made = local.execute(statement); !made)
      return passed_on(made);
    return {};
  };
  if (auto made = make("origin", origin_slots, origin_rows()); !made)
    return made;
  return make("probe", 1, "INSERT IGNORE INTO understudy.probe(id, n) VALUES (1, 0)");
}

/// Of an older program's tables. An ALTER that changes nothing would wait all the same, for a role row that a
/// former process's transaction holds in its COMMIT (R6): so it's looked for first.
result<void> bring_up_to_date(sql_session& local, std::string_view table, std::string_view newest_column,
                              std::string_view changes) {
  const auto found = local.query_value(
      fmt::format("SELECT 1 FROM information_schema.columns WHERE table_schema='understudy' AND "
                  "table_name='{}' AND column_name='{}'",
                  table, newest_column));
  if (!found)
    return passed_on(found);
  if (found->has_value())
    return {};
  if (auto altered = local.execute(fmt::format("ALTER TABLE understudy.{} WAIT 2 {}", table, changes));
      !altered)
    return passed_on(altered);
  return {};
}

sql_result<std::optional<std::string>> table_exists(sql_session& local, std::string_view table) {
  return local.query_value(
      fmt::format("SELECT 1 FROM information_schema.tables WHERE table_schema='understudy' "
                  "AND table_name='{}'",
                  table));
}

result<void> refuse_others(sql_session& local, const node_name& self) {
  const auto exists = table_exists(local, "node");
  if (!exists)
    return passed_on(exists);
  if (!exists->has_value())
    return {};
  const auto owner = local.query_value("SELECT name FROM understudy.node WHERE id=1");
  if (!owner)
    return passed_on(owner);
  if (!owner->has_value() || **owner == self.value)
    return {};
  return failure(
      fmt::format("the database understudy on this MariaDB belongs to the node {}, and this node is {}",
                  **owner, self),
      "correct [node] name or [mariadb] socket; a mailstore that was renamed, or copied from another "
      "one, begins anew once that database is dropped");
}

} // namespace

result<void> ensure_own_schema(sql_session& local, const node_name& self) {
  local.doing("create the database understudy");
  auto logged = local.query_value("SELECT @@SESSION.sql_log_bin");
  if (!logged)
    return passed_on(logged);
  if (*logged != "0")
    return failure("the database understudy must not be created through the binlog",
                   "open the session with local_setup()");
  const auto exists = table_exists(local, "schema_version");
  if (!exists)
    return passed_on(exists);
  if (exists->has_value()) {
    auto version = local.query_value("SELECT version FROM understudy.schema_version WHERE id=1");
    if (!version)
      return passed_on(version);
    const auto found = to_number<std::uint32_t>(*version);
    if (found > own_schema_version)
      return failure(fmt::format("the database understudy has version {}, this program knows {} at most",
                                 found, own_schema_version),
                     "run the newer understudyd on this host");
  }
  if (auto ours = refuse_others(local, self); !ours)
    return ours;
  // Repeated at each start: whatever is missing, also after a half-done first time, is made.
  for (const auto& statement : own_schema_statements())
    if (auto done = local.execute(statement); !done)
      return passed_on(done);
  if (auto done = bring_up_to_date(local, "role", "read_place",
                                   "ADD COLUMN at_cut TEXT NOT NULL DEFAULT '', "
                                   "ADD COLUMN read_file VARCHAR(512) NOT NULL DEFAULT '', "
                                   "ADD COLUMN read_place BIGINT UNSIGNED NOT NULL DEFAULT 0");
      !done)
    return done;
  if (auto done = bring_up_to_date(local, "control", "records",
                                   "ADD COLUMN IF NOT EXISTS appended BIGINT, ADD COLUMN records MEDIUMTEXT");
      !done)
    return done;
  if (auto done = bring_up_to_date(local, "reader", "mark_time",
                                   "ADD COLUMN mark_offset BIGINT, ADD COLUMN mark_time BIGINT");
      !done)
    return done;
  if (auto done = bring_up_to_date(local, "guard", "holder",
                                   "DROP PRIMARY KEY, "
                                   "CHANGE connection holder BIGINT UNSIGNED NOT NULL PRIMARY KEY FIRST");
      !done)
    return done;
  if (auto made = ensure_rows(local); !made)
    return made;
  if (auto named = local.execute("INSERT IGNORE INTO understudy.node(id, name) VALUES (1, " +
                                 sql_text(self.value) + ")");
      !named)
    return passed_on(named);
  auto done =
      local.execute(fmt::format("INSERT INTO understudy.schema_version(id, version) VALUES (1, {0}) ON "
                                "DUPLICATE KEY UPDATE version={0}",
                                own_schema_version));
  if (!done)
    return passed_on(done);
  return {};
}

} // namespace understudy
