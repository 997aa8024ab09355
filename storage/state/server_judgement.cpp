#include "storage/state/server_judgement.hpp"

#include "storage/state/dump_ids.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace understudy {
namespace {

struct variable_rule {
  std::string_view name;
  std::string_view wanted;
  check_scope blocks;
  /// True: a server without the variable is right as it is.
  bool may_be_missing;
};

constexpr std::array variable_rules{
    variable_rule{"log_bin", "ON", check_scope::capture, false},
    variable_rule{"binlog_format", "ROW", check_scope::capture, false},
    variable_rule{"binlog_row_image", "FULL", check_scope::capture, false},
    variable_rule{"binlog_row_metadata", "FULL", check_scope::capture, false},
    variable_rule{"rpl_semi_sync_master_enabled", "ON", check_scope::synchronous, false},
    variable_rule{"rpl_semi_sync_master_wait_point", "AFTER_SYNC", check_scope::synchronous, false},
    variable_rule{"rpl_semi_sync_master_wait_no_slave", "ON", check_scope::synchronous, false},
    variable_rule{"rpl_semi_sync_master_timeout", "18446744073709551615", check_scope::synchronous, false},
    variable_rule{"sync_binlog", "1", check_scope::synchronous, false},
    variable_rule{"innodb_flush_log_at_trx_commit", "1", check_scope::synchronous, false},
    // Crash recovery of a server in a replica's role cuts the binlog's end (S03).
    variable_rule{"rpl_semi_sync_slave_enabled", "OFF", check_scope::synchronous, true},
    variable_rule{"init_rpl_role", "MASTER", check_scope::synchronous, true},
    variable_rule{"read_only", "OFF", check_scope::apply, true},
};

/// What we do with each: REPLICATION SLAVE the dump, BINLOG ADMIN sql_log_bin=0, PROCESS and CONNECTION ADMIN
/// the guard's waiters and R8, TRIGGER to see triggers, REPLICATION MASTER ADMIN to see the ids of other
/// replicas, the rest for applying and for group databases.
struct privilege_rule {
  std::string_view name;
  check_scope blocks;
  bool is_needed = true;
};
constexpr std::array privilege_rules{
    privilege_rule{"REPLICATION SLAVE", check_scope::capture},
    privilege_rule{"BINLOG ADMIN", check_scope::capture},
    privilege_rule{"PROCESS", check_scope::capture},
    privilege_rule{"CONNECTION ADMIN", check_scope::capture},
    privilege_rule{"SELECT", check_scope::capture},
    privilege_rule{"INSERT", check_scope::capture},
    privilege_rule{"UPDATE", check_scope::capture},
    privilege_rule{"DELETE", check_scope::capture},
    privilege_rule{"CREATE", check_scope::capture},
    privilege_rule{"ALTER", check_scope::apply},
    privilege_rule{"DROP", check_scope::apply},
    privilege_rule{"INDEX", check_scope::apply},
    privilege_rule{"REFERENCES", check_scope::apply},
    privilege_rule{"TRIGGER", check_scope::apply},
    privilege_rule{replica_list_privilege, check_scope::capture, false},
};

/// First version whose TABLE_MAP can carry names, signs and character sets.
constexpr std::pair oldest_version{10u, 5u};
/// What the tests run on.
constexpr std::pair tried_version{10u, 11u};
/// An UPDATE of a 16 MiB metadata carries both images in the binlog, and its text is twice as long in hex.
constexpr std::uint64_t good_packet = 64ull * 1024 * 1024;
/// A node that was away for less than this must find its place in the binlog again.
constexpr std::uint64_t shortest_binlog_seconds = 86'400;

std::uint64_t number_in(const std::map<std::string, std::string, std::less<>>& values,
                        std::string_view name) {
  std::uint64_t out = 0;
  if (const auto found = values.find(name); found != values.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), out);
  return out;
}

std::string value_in(const server_facts& facts, std::string_view name) {
  const auto found = facts.variables.find(name);
  return found == facts.variables.end() ? std::string{} : found->second;
}

server_check ok(std::string name, check_scope scope, std::string found) {
  return {std::move(name), check_outcome::ok, scope, std::move(found), {}};
}

server_check judge_version(const server_facts& facts) {
  const std::string version = value_in(facts, "version");
  unsigned major = 0;
  unsigned minor = 0;
  const auto [dot, failed] = std::from_chars(version.data(), version.data() + version.size(), major);
  if (failed == std::errc{} && dot != version.data() + version.size())
    std::from_chars(dot + 1, version.data() + version.size(), minor);
  if (version.find("MariaDB") == std::string::npos || std::pair(major, minor) < oldest_version)
    return {"version", check_outcome::fail, check_scope::capture, version, "run MariaDB 10.11 or later"};
  if (std::pair(major, minor) < tried_version)
    return {"version", check_outcome::warn, check_scope::capture, version, "run MariaDB 10.11 or later"};
  return ok("version", check_scope::capture, version);
}

server_check judge_variable(const server_facts& facts, const variable_rule& rule) {
  const auto found = facts.variables.find(rule.name);
  const std::string line = fmt::format("{}={}", rule.name, rule.wanted);
  if (found == facts.variables.end()) {
    if (rule.may_be_missing)
      return ok(std::string(rule.name), rule.blocks, "not there");
    return {std::string(rule.name), check_outcome::fail, rule.blocks, "not there", line};
  }
  if (found->second == rule.wanted)
    return ok(std::string(rule.name), rule.blocks, found->second);
  // log_bin takes a base name; switching it on needs no value.
  return {std::string(rule.name), check_outcome::fail, rule.blocks, found->second,
          rule.name == "log_bin" ? "log_bin" : line};
}

server_check judge_permanence(const server_facts& facts) {
  const auto origin = facts.origins.find("rpl_semi_sync_master_enabled");
  const std::string from = origin == facts.origins.end() ? "unknown" : origin->second;
  if (from != "SQL")
    return ok("rpl_semi_sync_master_enabled origin", check_scope::synchronous, from);
  return {"rpl_semi_sync_master_enabled origin", check_outcome::warn, check_scope::synchronous,
          "set while running: it may be gone after a restart", "rpl_semi_sync_master_enabled=ON"};
}

/// The next one that is nobody's, nor are those that follow from it.
std::uint32_t free_dump_id(const server_facts& facts, const server_check_options& options) {
  const auto own = static_cast<std::uint32_t>(number_in(facts.variables, "server_id"));
  const auto is_free = [&](std::uint32_t id) {
    const auto ids = dump_ids_of(id);
    return id != 0 && !ids.contain(own) &&
           std::ranges::none_of(facts.replicas, [&](const auto& r) { return ids.contain(r.server_id); });
  };
  auto id = options.dump_server_id + 1;
  while (!is_free(id))
    ++id;
  return id;
}

std::string line_of_free_id(const server_facts& facts, const server_check_options& options) {
  return fmt::format("[mariadb] server_id = {}    (in understudyd.toml)", free_dump_id(facts, options));
}

server_check judge_server_id(const server_facts& facts, const server_check_options& options) {
  const auto own = number_in(facts.variables, "server_id");
  if (own == 0)
    return {"server_id", check_outcome::fail, check_scope::capture, "0", "server_id=1"};
  if (options.dump_server_id != 0 &&
      dump_ids_of(options.dump_server_id).contain(static_cast<std::uint32_t>(own)))
    return {"server_id", check_outcome::fail, check_scope::capture,
            fmt::format("{}, the same as our dump's", own), line_of_free_id(facts, options)};
  return ok("server_id", check_scope::capture, std::to_string(own));
}

server_check judge_other_clients(const server_facts& facts, const server_check_options& options) {
  const auto clients = number_in(facts.status, "rpl_semi_sync_master_clients");
  if (clients <= options.own_semi_sync_clients)
    return ok("rpl_semi_sync_master_clients", check_scope::synchronous, std::to_string(clients));
  return {"rpl_semi_sync_master_clients", check_outcome::fail, check_scope::synchronous,
          fmt::format("{} besides ours: the first to acknowledge releases a COMMIT",
                      clients - options.own_semi_sync_clients),
          "rpl_semi_sync_slave_enabled=OFF    (on the other replicas)"};
}

server_check judge_binlog_readers(const server_facts& facts, const server_check_options& options) {
  const std::string name(binlog_readers_check);
  if (options.logs_replica_updates || facts.binlog_readers == 0)
    return ok(name, check_scope::apply, fmt::format("{} other readers of the binlog", facts.binlog_readers));
  return {name, check_outcome::warn, check_scope::apply,
          fmt::format("{} other connections read this binlog, which lacks what is replicated here",
                      facts.binlog_readers),
          "[mariadb] log_replica_updates = true    (in understudyd.toml)"};
}

server_check judge_binlog_engine(const server_facts& facts) {
  const std::string engine = value_in(facts, "binlog_storage_engine");
  if (engine.empty() || engine == "NULL")
    return ok("binlog_storage_engine", check_scope::synchronous, "files");
  return {"binlog_storage_engine", check_outcome::fail, check_scope::synchronous,
          engine + ": can't hold back a COMMIT", "skip-binlog-storage-engine"};
}

std::vector<server_check> judge_limits(const server_facts& facts) {
  std::vector<server_check> out;
  const auto packet = number_in(facts.variables, "max_allowed_packet");
  out.push_back(packet >= good_packet
                    ? ok("max_allowed_packet", check_scope::apply, std::to_string(packet))
                    : server_check{"max_allowed_packet", check_outcome::warn, check_scope::apply,
                                   std::to_string(packet), "max_allowed_packet=64M"});
  const auto expire = number_in(facts.variables, "binlog_expire_logs_seconds");
  out.push_back(expire == 0 || expire >= shortest_binlog_seconds
                    ? ok("binlog_expire_logs_seconds", check_scope::capture, std::to_string(expire))
                    : server_check{"binlog_expire_logs_seconds", check_outcome::warn, check_scope::capture,
                                   std::to_string(expire), "binlog_expire_logs_seconds=604800"});
  const std::string checksum = value_in(facts, "binlog_checksum");
  out.push_back(checksum != "NONE" ? ok("binlog_checksum", check_scope::capture, checksum)
                                   : server_check{"binlog_checksum", check_outcome::warn,
                                                  check_scope::capture, checksum, "binlog_checksum=CRC32"});
  const std::string encrypted = value_in(facts, "encrypt_binlog");
  out.push_back(encrypted != "ON" ? ok("encrypt_binlog", check_scope::capture, encrypted)
                                  : server_check{"encrypt_binlog", check_outcome::warn, check_scope::capture,
                                                 "ON: capture stops where the server sends encrypted events",
                                                 "encrypt_binlog=OFF"});
  // Columns of the old format don't say their precision in the binlog (T09).
  const std::string temporal = value_in(facts, "mysql56_temporal_format");
  out.push_back(temporal != "OFF"
                    ? ok("mysql56_temporal_format", check_scope::capture, temporal)
                    : server_check{"mysql56_temporal_format", check_outcome::warn, check_scope::capture,
                                   "OFF: tables made meanwhile can't be captured",
                                   "mysql56_temporal_format=ON"});
  return out;
}

server_check judge_privilege(const server_facts& facts, const privilege_rule& rule) {
  const std::string name = fmt::format("privilege {}", rule.name);
  if (facts.privileges.contains(rule.name))
    return ok(name, rule.blocks, "granted");
  auto line = fmt::format("GRANT {} ON *.* TO {};", rule.name, facts.user);
  if (!rule.is_needed)
    return {name, check_outcome::warn, rule.blocks,
            "missing, so our server ids can't be compared with those of other replicas", std::move(line)};
  return {name, check_outcome::fail, rule.blocks, "missing", std::move(line)};
}

} // namespace

/// A warning: the two end each other's dumps again and again, but no ACK is given that isn't ours.
server_check judge_replica_ids(const server_facts& facts, const server_check_options& options) {
  const std::string name(replica_ids_check);
  const auto ids = dump_ids_of(options.dump_server_id);
  const auto clash = std::ranges::find_if(facts.replicas, [&](const registered_replica& replica) {
    return replica.host != options.dump_host && ids.contain(replica.server_id);
  });
  if (options.dump_server_id == 0 || clash == facts.replicas.end())
    return ok(name, check_scope::capture, fmt::format("{} registered replicas", facts.replicas.size()));
  return {name, check_outcome::warn, check_scope::capture,
          fmt::format("{} at {}, the same as our dump's: MariaDB ends the one for the other",
                      clash->server_id, clash->host),
          line_of_free_id(facts, options)};
}

std::vector<server_check> judge_server(const server_facts& facts, const server_check_options& options) {
  std::vector<server_check> out{judge_version(facts)};
  for (const auto& rule : variable_rules)
    out.push_back(judge_variable(facts, rule));
  out.push_back(judge_permanence(facts));
  out.push_back(judge_server_id(facts, options));
  out.push_back(judge_replica_ids(facts, options));
  out.push_back(judge_other_clients(facts, options));
  out.push_back(judge_binlog_readers(facts, options));
  out.push_back(judge_binlog_engine(facts));
  for (auto& check : judge_limits(facts))
    out.push_back(std::move(check));
  for (const auto& rule : privilege_rules)
    out.push_back(judge_privilege(facts, rule));
  return out;
}

bool allows(const std::vector<server_check>& checks, check_scope scope) {
  return std::none_of(checks.begin(), checks.end(), [&](const server_check& check) {
    return check.outcome == check_outcome::fail &&
           (check.blocks == scope ||
            (scope == check_scope::synchronous && check.blocks == check_scope::capture));
  });
}

} // namespace understudy
