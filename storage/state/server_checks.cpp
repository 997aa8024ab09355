#include "storage/state/server_checks.hpp"

#include "storage/state/sql_fields.hpp"

#include <algorithm>
#include <cctype>

namespace understudy {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

sql_result<std::map<std::string, std::string, std::less<>>> name_value_pairs(sql_session& session,
                                                                             std::string_view sql) {
  std::map<std::string, std::string, std::less<>> out;
  auto read = session.query_each(sql, [&](const sql_row_view& row) {
    out.emplace(lower(row[0]), std::string(row[1]));
    return true;
  });
  if (!read)
    return tl::make_unexpected(read.error());
  return out;
}

constexpr std::string_view own_privileges =
    "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE=CONCAT('''', "
    "SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";

constexpr std::string_view other_readers =
    "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump' AND USER <> "
    "SUBSTRING_INDEX(CURRENT_USER(), '@', 1)";

/// Those whose connection sent COM_REGISTER_SLAVE and is still there, ours too (MariaDB's
/// sql/repl_failsafe.cc, show_slave_hosts()); a dump that didn't, as some tools' doesn't, isn't listed.
/// Nobody where MariaDB doesn't tell us.
std::vector<registered_replica> registered_replicas(sql_session& session,
                                                    const std::set<std::string, std::less<>>& privileges) {
  std::vector<registered_replica> out;
  if (!privileges.contains(replica_list_privilege))
    return out;
  (void)session.query_each("SHOW SLAVE HOSTS", [&](const sql_row_view& row) {
    out.push_back({to_number<std::uint32_t>(row[0]), std::string(row[1])});
    return true;
  });
  return out;
}

constexpr std::string_view own_name = "SELECT CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', "
                                      "SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";

} // namespace

result<server_facts> read_server_facts(sql_session& session) {
  session.doing("check how this MariaDB is set up");
  server_facts out;
  auto variables = name_value_pairs(session, "SHOW GLOBAL VARIABLES");
  if (!variables)
    return passed_on(variables);
  out.variables = std::move(*variables);
  auto origins = name_value_pairs(session, "SELECT VARIABLE_NAME, GLOBAL_VALUE_ORIGIN FROM "
                                           "information_schema.SYSTEM_VARIABLES WHERE VARIABLE_NAME LIKE "
                                           "'RPL_SEMI_SYNC%'");
  if (!origins)
    return passed_on(origins);
  out.origins = std::move(*origins);
  auto status = name_value_pairs(session, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master%'");
  if (!status)
    return passed_on(status);
  out.status = std::move(*status);
  auto privileges = session.query(own_privileges);
  if (!privileges)
    return passed_on(privileges);
  for (const auto& row : privileges->rows)
    out.privileges.insert(to_text(row[0]));
  out.replicas = registered_replicas(session, out.privileges);
  auto user = session.query_value(own_name);
  if (!user)
    return passed_on(user);
  out.user = to_text(*user);
  auto readers = session.query_value(other_readers);
  if (!readers)
    return passed_on(readers);
  out.binlog_readers = to_number<std::uint64_t>(*readers);
  return out;
}

result<std::vector<server_check>> check_server(sql_session& session, const server_check_options& options) {
  return read_server_facts(session).map(
      [&](const server_facts& facts) { return judge_server(facts, options); });
}

result<semi_sync_status> read_semi_sync(sql_session& session) {
  session.doing("read the semi-synchronous status");
  auto status = name_value_pairs(session, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master%'");
  if (!status)
    return passed_on(status);
  const auto number = [&](std::string_view name) {
    const auto found = status->find(name);
    return found == status->end() ? 0 : to_number<std::uint64_t>(std::string_view(found->second));
  };
  semi_sync_status out;
  const auto on = status->find("rpl_semi_sync_master_status");
  out.on = on != status->end() && on->second == "ON";
  out.clients = number("rpl_semi_sync_master_clients");
  out.confirmed = number("rpl_semi_sync_master_yes_tx");
  out.released = number("rpl_semi_sync_master_no_tx");
  out.waiting = number("rpl_semi_sync_master_wait_sessions");
  out.times_off = number("rpl_semi_sync_master_no_times");
  return out;
}

} // namespace understudy
