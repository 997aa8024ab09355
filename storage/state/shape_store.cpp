#include "storage/state/shape_store.hpp"

#include "storage/state/multi_row.hpp"
#include "storage/state/sql_fields.hpp"

#include <fmt/format.h>

namespace understudy {

result<void> shape_store::ensure() {
  session_->doing("make the tables for shapes and lines");
  for (const auto* statement :
       {"CREATE TABLE IF NOT EXISTS understudy.shape (fingerprint BIGINT UNSIGNED NOT NULL PRIMARY KEY, "
        "doc MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL) ENGINE=InnoDB",
        "CREATE TABLE IF NOT EXISTS understudy.line (partition_no INT NOT NULL PRIMARY KEY, "
        "doc MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL) ENGINE=InnoDB"})
    if (auto made = session_->execute(statement); !made)
      return tl::make_unexpected(error(made.error()));
  return {};
}

result<void> shape_store::store_shapes(const std::map<std::uint64_t, std::string>& documents) {
  if (documents.empty())
    return {};
  session_->doing("store shapes");
  return plain(session_->transaction([&]() -> sql_result<void> {
    multi_row rows(*session_, "INSERT IGNORE INTO understudy.shape(fingerprint, doc) VALUES ", "");
    for (const auto& [fingerprint, document] : documents)
      if (auto added = rows.add(fmt::format("{},{}", fingerprint, sql_text(document))); !added)
        return added;
    return rows.flush();
  }));
}

result<std::vector<std::string>> shape_store::shapes() {
  session_->doing("read the shapes");
  std::vector<std::string> out;
  auto read = session_->query_each("SELECT doc FROM understudy.shape", [&](const sql_row_view& row) {
    out.emplace_back(row[0]);
    return true;
  });
  if (!read)
    return tl::make_unexpected(error(read.error()));
  return out;
}

result<void> shape_store::store_lines(const std::map<partition_id, std::string>& documents) {
  if (documents.empty())
    return {};
  session_->doing("store the lives met in partitions");
  return plain(session_->transaction([&]() -> sql_result<void> {
    multi_row rows(*session_, "INSERT INTO understudy.line(partition_no, doc) VALUES ",
                   " ON DUPLICATE KEY UPDATE doc=VALUES(doc)");
    for (const auto& [partition, document] : documents)
      if (auto added = rows.add(fmt::format("{},{}", partition, sql_text(document))); !added)
        return added;
    return rows.flush();
  }));
}

result<std::map<partition_id, std::string>> shape_store::lines() {
  session_->doing("read the lives met in partitions");
  std::map<partition_id, std::string> out;
  auto read =
      session_->query_each("SELECT partition_no, doc FROM understudy.line", [&](const sql_row_view& row) {
        out.emplace(to_id<partition_id>(row[0]), row[1]);
        return true;
      });
  if (!read)
    return tl::make_unexpected(error(read.error()));
  return out;
}

} // namespace understudy
