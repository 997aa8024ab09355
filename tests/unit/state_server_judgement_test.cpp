#include "storage/state/dump_ids.hpp"
#include "storage/state/server_judgement.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>

using namespace understudy;

namespace {

/// A server as R5 asks for it.
server_facts good_server() {
  server_facts out;
  out.user = "'understudy'@'localhost'";
  out.variables = {{"version", "10.11.14-MariaDB-0+deb12u2-log"},
                   {"log_bin", "ON"},
                   {"binlog_format", "ROW"},
                   {"binlog_row_image", "FULL"},
                   {"binlog_row_metadata", "FULL"},
                   {"rpl_semi_sync_master_enabled", "ON"},
                   {"rpl_semi_sync_master_wait_point", "AFTER_SYNC"},
                   {"rpl_semi_sync_master_wait_no_slave", "ON"},
                   {"rpl_semi_sync_master_timeout", "18446744073709551615"},
                   {"sync_binlog", "1"},
                   {"innodb_flush_log_at_trx_commit", "1"},
                   {"rpl_semi_sync_slave_enabled", "OFF"},
                   {"read_only", "OFF"},
                   {"server_id", "11"},
                   {"max_allowed_packet", "67108864"},
                   {"binlog_expire_logs_seconds", "0"},
                   {"binlog_checksum", "CRC32"}};
  out.origins = {{"rpl_semi_sync_master_enabled", "CONFIG"}};
  out.status = {{"rpl_semi_sync_master_clients", "1"}};
  for (const auto* name :
       {"REPLICATION SLAVE", "BINLOG ADMIN", "PROCESS", "CONNECTION ADMIN", "SELECT", "INSERT", "UPDATE",
        "DELETE", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES", "TRIGGER", "REPLICATION MASTER ADMIN"})
    out.privileges.insert(name);
  return out;
}

constexpr server_check_options with_our_dump{1, 77};

server_check find(const std::vector<server_check>& checks, std::string_view name) {
  const auto found =
      std::find_if(checks.begin(), checks.end(), [&](const auto& c) { return c.name == name; });
  BOOST_REQUIRE(found != checks.end());
  return *found;
}

} // namespace

BOOST_AUTO_TEST_CASE(r5_a_server_set_up_as_asked_for_allows_everything) {
  const auto checks = judge_server(good_server(), with_our_dump);
  for (const auto& check : checks)
    BOOST_TEST((check.outcome == check_outcome::ok), check.name << ": " << check.found);
  BOOST_TEST(allows(checks, check_scope::capture));
  BOOST_TEST(allows(checks, check_scope::synchronous));
  BOOST_TEST(allows(checks, check_scope::apply));
}

BOOST_AUTO_TEST_CASE(r5_each_deviation_is_named_with_the_exact_line) {
  const std::map<std::string, std::pair<std::string, std::string>> deviations{
      {"rpl_semi_sync_master_enabled", {"OFF", "rpl_semi_sync_master_enabled=ON"}},
      {"rpl_semi_sync_master_wait_point", {"AFTER_COMMIT", "rpl_semi_sync_master_wait_point=AFTER_SYNC"}},
      {"rpl_semi_sync_master_wait_no_slave", {"OFF", "rpl_semi_sync_master_wait_no_slave=ON"}},
      {"rpl_semi_sync_master_timeout", {"10000", "rpl_semi_sync_master_timeout=18446744073709551615"}},
      {"sync_binlog", {"0", "sync_binlog=1"}},
      {"innodb_flush_log_at_trx_commit", {"2", "innodb_flush_log_at_trx_commit=1"}},
      {"rpl_semi_sync_slave_enabled", {"ON", "rpl_semi_sync_slave_enabled=OFF"}},
      {"init_rpl_role", {"SLAVE", "init_rpl_role=MASTER"}},
  };
  for (const auto& [name, values] : deviations) {
    auto facts = good_server();
    facts.variables[name] = values.first;
    const auto checks = judge_server(facts, with_our_dump);
    const auto check = find(checks, name);
    BOOST_TEST((check.outcome == check_outcome::fail));
    BOOST_TEST(check.remedy == values.second);
    BOOST_TEST(!allows(checks, check_scope::synchronous));
    BOOST_TEST(allows(checks, check_scope::capture));
  }
}

BOOST_AUTO_TEST_CASE(what_capture_needs_blocks_synchronous_too) {
  for (const auto& [name, bad] : std::map<std::string, std::string>{{"log_bin", "OFF"},
                                                                    {"binlog_format", "MIXED"},
                                                                    {"binlog_row_image", "MINIMAL"},
                                                                    {"binlog_row_metadata", "NO_LOG"},
                                                                    {"version", "8.0.36"},
                                                                    {"server_id", "77"}}) {
    auto facts = good_server();
    facts.variables[name] = bad;
    const auto checks = judge_server(facts, with_our_dump);
    BOOST_TEST((find(checks, name).outcome == check_outcome::fail));
    BOOST_TEST(!find(checks, name).remedy.empty());
    BOOST_TEST(!allows(checks, check_scope::capture));
    BOOST_TEST(!allows(checks, check_scope::synchronous));
  }
}

/// What a node without its privileges tells to grant is what its administrator was told before. That this is
/// enough is shown by whole nodes with that user (`own_users` in tests/integration/node_world.hpp).
BOOST_AUTO_TEST_CASE(the_readme_grants_what_is_asked_for) {
  std::ifstream file(UNDERSTUDY_SOURCE_DIR "/README.md");
  const std::string readme((std::istreambuf_iterator<char>(file)), {});
  const auto from = readme.find("GRANT ");
  BOOST_REQUIRE(from != std::string::npos);
  const auto grant =
      readme.substr(from + 5, readme.find(" ON *.* TO understudy@localhost;", from) - from - 5);
  const auto missing_there = [&](const std::string& privilege) {
    return grant.find(" " + privilege + ",") == std::string::npos && !grant.ends_with(" " + privilege);
  };
  auto facts = good_server();
  facts.privileges.clear();
  unsigned asked_for = 0;
  for (const auto& check : judge_server(facts, with_our_dump)) {
    if (!check.name.starts_with("privilege "))
      continue;
    ++asked_for;
    BOOST_TEST(!missing_there(check.name.substr(10)), check.name);
  }
  BOOST_TEST(asked_for == std::count(grant.begin(), grant.end(), ',') + 1);
}

BOOST_AUTO_TEST_CASE(r5_a_second_semi_sync_client_takes_the_promise_away) {
  auto facts = good_server();
  facts.status["rpl_semi_sync_master_clients"] = "2";
  BOOST_TEST(!allows(judge_server(facts, with_our_dump), check_scope::synchronous));
  facts.status["rpl_semi_sync_master_clients"] = "1";
  BOOST_TEST(!allows(judge_server(facts, {0, 77}), check_scope::synchronous));
}

BOOST_AUTO_TEST_CASE(p8_others_that_read_a_binlog_without_replayed_events_are_warned_of) {
  auto facts = good_server();
  auto options = with_our_dump;
  BOOST_TEST((find(judge_server(facts, options), "log_replica_updates").outcome == check_outcome::ok));
  facts.binlog_readers = 1;
  const auto checks = judge_server(facts, options);
  BOOST_TEST((find(checks, "log_replica_updates").outcome == check_outcome::warn));
  BOOST_TEST(find(checks, "log_replica_updates").remedy.find("log_replica_updates = true") !=
             std::string::npos);
  BOOST_TEST(allows(checks, check_scope::synchronous));
  options.logs_replica_updates = true;
  BOOST_TEST((find(judge_server(facts, options), "log_replica_updates").outcome == check_outcome::ok));
}

BOOST_AUTO_TEST_CASE(r5_a_binlog_in_innodb_cannot_hold_a_commit) {
  auto facts = good_server();
  facts.variables["binlog_storage_engine"] = "innodb";
  const auto checks = judge_server(facts, with_our_dump);
  BOOST_TEST(!allows(checks, check_scope::synchronous));
  BOOST_TEST(allows(checks, check_scope::capture));
}

BOOST_AUTO_TEST_CASE(a_setting_made_while_running_is_warned_of) {
  auto facts = good_server();
  facts.origins["rpl_semi_sync_master_enabled"] = "SQL";
  const auto checks = judge_server(facts, with_our_dump);
  BOOST_TEST((find(checks, "rpl_semi_sync_master_enabled origin").outcome == check_outcome::warn));
  BOOST_TEST(allows(checks, check_scope::synchronous));
}

BOOST_AUTO_TEST_CASE(a_missing_privilege_is_named_with_its_grant) {
  auto facts = good_server();
  facts.privileges.erase("BINLOG ADMIN");
  const auto checks = judge_server(facts, with_our_dump);
  BOOST_TEST(find(checks, "privilege BINLOG ADMIN").remedy ==
             "GRANT BINLOG ADMIN ON *.* TO 'understudy'@'localhost';");
  BOOST_TEST(!allows(checks, check_scope::capture));
}

BOOST_AUTO_TEST_CASE(a_privilege_that_only_compares_server_ids_is_missed_and_blocks_nothing) {
  auto facts = good_server();
  facts.privileges.erase("REPLICATION MASTER ADMIN");
  const auto checks = judge_server(facts, with_our_dump);
  const auto check = find(checks, "privilege REPLICATION MASTER ADMIN");
  BOOST_TEST((check.outcome == check_outcome::warn));
  BOOST_TEST(check.remedy == "GRANT REPLICATION MASTER ADMIN ON *.* TO 'understudy'@'localhost';");
  for (const auto scope : {check_scope::capture, check_scope::synchronous, check_scope::apply})
    BOOST_TEST(allows(checks, scope));
}

BOOST_AUTO_TEST_CASE(each_id_of_our_dumps_differs_from_the_servers_own_and_from_other_replicas) {
  const auto options =
      server_check_options{.own_semi_sync_clients = 1, .dump_server_id = 77, .dump_host = "understudyd"};
  const auto ids = dump_ids_of(77);
  for (const auto id : {ids.capture, ids.second, ids.backlog}) {
    BOOST_TEST_CONTEXT(id) {
      auto facts = good_server();
      facts.variables["server_id"] = std::to_string(id);
      BOOST_TEST((find(judge_server(facts, options), "server_id").outcome == check_outcome::fail));

      facts = good_server();
      facts.replicas = {{11, "understudyd"}, {78, "other.example.test"}, {id, "db2.example.test"}};
      const auto checks = judge_server(facts, options);
      const auto check = find(checks, replica_ids_check);
      BOOST_TEST((check.outcome == check_outcome::warn));
      BOOST_TEST(check.found.find("db2.example.test") != std::string::npos);
      BOOST_TEST(check.remedy == "[mariadb] server_id = 79    (in understudyd.toml)"); // 78 isn't free
      BOOST_TEST(allows(checks, check_scope::synchronous));
      // Of a former process of ours, whose connection MariaDB hasn't ended yet.
      facts.replicas = {{id, "understudyd"}};
      BOOST_TEST((find(judge_server(facts, options), replica_ids_check).outcome == check_outcome::ok));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_ids_of_our_dumps_differ_and_none_is_0) {
  for (const auto first : {1U, 77U, 0x40000000U, 0x80000000U, 0xC0000000U, 0xFFFFFFFFU}) {
    const auto ids = dump_ids_of(first);
    BOOST_TEST(ids.capture == first);
    for (const auto other : {ids.second, ids.backlog}) {
      BOOST_TEST(other != 0U);
      BOOST_TEST(other != first);
    }
    BOOST_TEST(ids.second != ids.backlog);
  }
}

BOOST_AUTO_TEST_CASE(a_read_only_server_is_no_destination) {
  auto facts = good_server();
  facts.variables["read_only"] = "ON";
  const auto checks = judge_server(facts, with_our_dump);
  BOOST_TEST(!allows(checks, check_scope::apply));
  BOOST_TEST(allows(checks, check_scope::synchronous));
}
