#include "storage/state/sql_error.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

bool contains(std::string_view text, std::string_view piece) {
  return text.find(piece) != std::string_view::npos;
}

std::string_view advice(sql_failure kind) {
  switch (kind) {
  case sql_failure::cannot_connect:
    return "start MariaDB, or correct [mariadb] socket";
  case sql_failure::access_denied:
    return "grant that user what README.md lists, or correct [mariadb] user and password_file";
  case sql_failure::read_only:
    return "set read_only=OFF on this MariaDB";
  case sql_failure::disk_full:
    return "make room on MariaDB's disk";
  case sql_failure::packet_too_large:
    return "raise max_allowed_packet on this MariaDB";
  default:
    return {};
  }
}

} // namespace

sql_failure classify_sql_error(unsigned number, std::string_view message) {
  switch (number) {
  case 1213:
    return sql_failure::deadlock;
  case 1205:
    return sql_failure::lock_wait;
  case 1053: // server shutdown in progress
  case 1077:
  case 1152:
  case 1158:
  case 1159:
  case 1160:
  case 1161:
  case 1184:
  case 1927: // connection was killed
  case 2006:
  case 2013:
  case 2014:
  case 2027:
  case 2055:
    return sql_failure::connection_lost;
  case 1040:
  case 1203:
  case 1226:
  case 2002:
  case 2003:
  case 2005:
    return sql_failure::cannot_connect;
  case 1044:
  case 1045:
  case 1142:
  case 1143:
  case 1227:
  case 1698:
    return sql_failure::access_denied;
  case 1290: // any --option in the way; only the read-only one is worth waiting for
    return contains(message, "read-only") || contains(message, "read_only") ? sql_failure::read_only
                                                                            : sql_failure::other;
  case 1792:
  case 1836:
    return sql_failure::read_only;
  case 1021:
  case 1114:
    return sql_failure::disk_full;
  case 3:
  case 126:
  case 1026:
    return contains(message, "28") ? sql_failure::disk_full : sql_failure::other;
  case 1153:
  case 2020:
    return sql_failure::packet_too_large;
  case 1317:
  case 1969:
    return sql_failure::interrupted;
  case 1062:
  case 1586:
    return sql_failure::duplicate_key;
  case 1216:
  case 1452:
    return sql_failure::missing_parent;
  case 1217:
  case 1451:
    return sql_failure::child_exists;
  case 1049:
  case 1146:
    return sql_failure::unknown_table;
  case 1054:
  case 1136:
    return sql_failure::unknown_column;
  case 1048:
  case 1264:
  case 1265:
  case 1292:
  case 1366:
  case 1406:
    return sql_failure::bad_value;
  case 1094:
  case 1957:
    return sql_failure::unknown_statement;
  default:
    return sql_failure::other;
  }
}

bool is_retryable(sql_failure kind) {
  switch (kind) {
  case sql_failure::deadlock:
  case sql_failure::lock_wait:
  case sql_failure::connection_lost:
  case sql_failure::cannot_connect:
  case sql_failure::disk_full:
  case sql_failure::read_only:
  case sql_failure::interrupted:
    return true;
  default:
    return false;
  }
}

sql_error make_sql_error(unsigned number, std::string_view message, std::string_view doing) {
  sql_error made;
  made.number = number;
  made.kind = classify_sql_error(number, message);
  made.retryable = is_retryable(made.kind);
  made.todo = std::string(advice(made.kind));
  made.what = fmt::format("MariaDB error {} while trying to {}: {}", number,
                          doing.empty() ? "run a statement" : doing, message);
  return made;
}

} // namespace understudy
