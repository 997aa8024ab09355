// What the node keeps asking its MariaDB: does it still hold back commits (R5), and does it really commit
// (R10)?
#pragma once
#include "actors/support/boot_clock.hpp"
#include "events/control/lease_view.hpp"
#include "storage/state/commit_endings.hpp"
#include "storage/state/server_checks.hpp"
#include "storage/state/server_mark.hpp"
#include "storage/state/sql_session.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace understudy {

class mariadb_watch {
public:
  struct options {
    sql_options local;
    sql_options logged;
    std::chrono::milliseconds heartbeat{500};
    std::chrono::milliseconds lease{3000};
    bool synchronous = true;
    std::uint32_t dump_server_id = 0;
    bool logs_replica_updates = false; ///< what is replicated here is in the binlog as well
    /// Whose ends the node itself brought about: they are nobody's fault (R8).
    std::shared_ptr<commit_endings> endings = std::make_shared<commit_endings>();
    /// How long the oldest captured transaction has waited for our own ACK; zero if none waits.
    std::function<std::chrono::steady_clock::duration()> oldest_hold{};
    /// Capture's connection must be made anew: semi-sync was switched on under one that isn't
    /// semi-synchronous (S04), or nothing comes over it any more (see nothing_to_read()).
    std::function<void()> reconnect;
    std::function<void(const std::string&)> report;
    /// So many commits returned, or lost their client, without our ACK (R5).
    std::function<void(std::uint64_t)> unconfirmed{};
    /// What isn't set as it should be, beside the reason that why_unprotected() gives; once as long as it
    /// stays so.
    std::function<void(const std::string&)> advise{};
    /// Learns which probes committed.
    std::shared_ptr<server_mark> mark = std::make_shared<server_mark>();
    /// MariaDB isn't the server any more that this process works with. May be told again.
    std::function<void(const error&)> another_server{};
  };

  explicit mariadb_watch(options o);
  ~mariadb_watch();
  void start();
  /// No probe is written from here on. Returns once none waits in its COMMIT, or after `limit`: one that
  /// waits when nobody reads any more stays in the server, with its lock on our table, until a node is there
  /// again.
  void stop_probing(std::chrono::milliseconds limit);
  void stop();

  /// Any thread. Capture (at)tached or not.
  void attached(bool is_attached, const std::string& why);
  /// Capture met the probe row: the mailstore commits, even if the probe's own COMMIT still waits for us
  /// (R10).
  void probe_seen();
  /// Capture's thread: MariaDB says that it has nothing more to send, `read` events into this connection. If
  /// it says so for a lease while a probe is written and nothing of ours waits, the connection reads a binlog
  /// that isn't written to any more (RESET MASTER): it would get heartbeats, and every COMMIT wait, for ever.
  void nothing_to_read(std::uint64_t read);

  /// Empty: commits here are protected; else why not, with the line to set (R5).
  std::string why_unprotected() const;
  /// The same, but empty for a node that is configured to protect nothing, and doesn't.
  std::string why_not_as_configured() const;
  bool is_attached() const { return attached_; }
  std::string why_not_attached() const;
  renewal_facts facts() const;
  std::string semi_sync_state() const;

private:
  std::optional<sql_session> open(const sql_options& how) const;
  void watch();
  void probe();
  void look(sql_session& session);
  void look_at_readers(const std::vector<server_check>& checks);
  void look_at_settings(const std::vector<server_check>& checks, std::string_view reason);
  bool pause();
  bool pause_of_probe();

  options options_;
  std::atomic<bool> attached_{false};
  std::atomic<std::int64_t> committed_{0};
  std::atomic<std::int64_t> unmet_since_{0}; ///< a probe is written, but capture hasn't met it; 0: none
  std::atomic<int> probe_socket_{-1};
  unsigned looks_without_client_ = 0;
  std::uint64_t times_off_ = 0;                     ///< that semi-sync was switched off, as last seen
  std::chrono::steady_clock::time_point off_until_; ///< it counts as off
  bool misses_readers_ = false;                     ///< others read a binlog that lacks something
  std::map<std::string, std::string> advised_;      ///< what was found of a setting, when that was told
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::string gap_;
  std::string not_attached_ = "not connected yet";
  std::string semi_sync_ = "unknown";
  std::uint64_t released_ = 0; ///< commits that the server released without an ACK, as last seen
  bool first_look_ = true;
  std::uint64_t read_ = 0;     ///< by capture, as last told
  boot_time quiet_since_{};    ///< since then capture was told of nothing to read, and of nothing else
  bool told_of_quiet_ = false; ///< as long as no probe is met
  bool stopping_ = false;
  bool probes_ = false;  ///< the prober may write
  bool probing_ = false; ///< it hasn't ended
  std::thread watcher_;
  std::thread prober_;
};

} // namespace understudy
