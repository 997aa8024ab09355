// The node's configuration file (DESIGN §8): one struct a section, with the defaults of an absent key.
// Read by understudyd and by the command line. Its keys are stable: tools outside the project rely on them.
#pragma once
#include "actors/config/host_port.hpp"
#include "events/model/error.hpp"
#include "events/model/ids.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

struct node_section {
  node_name name;                      ///< required; the mailstore's host name in the directory
  host_port listen{"127.0.0.1", 7700}; ///< gateway; port 0: the system chooses
  host_port advertise;                 ///< default: name and the port of `listen`
  host_port http{"127.0.0.1", 7780};   ///< /metrics /healthz /readyz; port 0: the system chooses
  std::filesystem::path state_dir = "/var/lib/understudy";
};

struct mariadb_section {
  std::filesystem::path socket = "/run/mysqld/mysqld.sock";
  std::string user = "understudy";
  std::filesystem::path password_file; ///< empty: no password; see read_secret()
  std::uint32_t server_id = 0;         ///< of our dump; 0 = derived from the node's name
  bool log_replica_updates = false;    ///< replayed events are in this MariaDB's binlog as well
};

struct kafka_section {
  std::vector<host_port> brokers{{"127.0.0.1", 9092}};
  /// Handed to librdkafka as they are. May hold secrets: never logged.
  std::map<std::string, std::string> properties;
  /// `brokers` as librdkafka takes it: "h:p,h:p".
  std::string bootstrap() const;
};

enum class durability_mode : std::uint8_t { synchronous, asynchronous };

struct cluster_section {
  durability_mode durability = durability_mode::synchronous;
  std::int32_t partitions = 64;         ///< 1..10000, of understudy.accounts when it's created
  std::int16_t replication_factor = 3;  ///< 1..100; never used above the number of brokers present
  std::int16_t min_insync_replicas = 2; ///< 1..replication_factor
  std::chrono::milliseconds retention = std::chrono::hours(24 * 7);
  std::chrono::milliseconds lease = std::chrono::seconds(3);               ///< R18, R23; 100 ms..10 min
  std::chrono::milliseconds heartbeat = std::chrono::milliseconds(500);    ///< at most half of `lease`
  std::chrono::milliseconds skew = std::chrono::milliseconds(500);         ///< R20
  std::chrono::milliseconds partition_patience = std::chrono::seconds(30); ///< R4
};

struct limits_section {
  std::uint64_t memory = 512ULL << 20;                       ///< bytes, at least 16 MiB
  std::chrono::milliseconds guard = std::chrono::seconds(2); ///< first lock to fence
  std::uint32_t snapshot_rows_per_second =
      50'000; ///< read here, of all snapshots together; 0: as fast as it goes
};

/// All three or none; none: the node's own material in state_dir, for loopback only.
struct tls_section {
  std::filesystem::path ca, certificate, key; ///< PEM files
  bool empty() const { return ca.empty(); }
};

enum class directory_kind : std::uint8_t { embedded, ldap };
enum class failover_mode : std::uint8_t { off, confirm, on };
enum class log_threshold : std::uint8_t { trace, debug, info, warn, error };
enum class log_format : std::uint8_t { text, json };

struct notify_section {
  std::vector<std::string> global_admin; ///< mail addresses
  std::string smtp;                      ///< smtp://host:25, empty: none
  std::string webhook;                   ///< http(s)://…, empty: none
};

struct node_config {
  node_section node;
  mariadb_section mariadb;
  kafka_section kafka;
  cluster_section cluster;
  std::filesystem::path profile_file = "/usr/share/understudy/profiles/carbonio.toml";
  limits_section limits;
  tls_section tls;
  directory_kind directory = directory_kind::embedded;
  failover_mode failover = failover_mode::off;
  notify_section notify;
  std::filesystem::path licence_file; ///< empty: unlimited
  log_threshold level = log_threshold::info;
  log_format format = log_format::text;
};

/// Parses and validates the text of a configuration file. `origin` (the file's name) stands before each
/// problem; relative paths in it count from `origin`'s folder. All problems found are in the error's one
/// text, separated by "; ", each with line and key: unknown keys and sections (with the nearest known one),
/// wrong types, bad durations, sizes and addresses, values out of range, keys that contradict each other.
/// Pure.
result<node_config> parse_node_config(std::string_view text, const std::filesystem::path& origin);

/// The same for a file. Errors: as above; missing, unreadable, not a regular file, larger than 1 MiB.
result<node_config> load_node_config(const std::filesystem::path& file);

/// Whether the licence's file, if one is named, can be read. Not what's in it: nothing uses that yet.
result<void> check_licence(const node_config& config);

/// A sentence for each key that is set to something and does nothing in this version (P8). Pure.
std::vector<std::string> say_unused(const node_config& config);

/// A secret from a file: its content without the final line end (LF or CRLF); every other byte counts.
/// Errors name the file, never its content: missing, unreadable, empty, larger than 64 KiB, holds NUL.
result<std::string> read_secret(const std::filesystem::path& file);

} // namespace understudy
