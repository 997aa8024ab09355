#include "actors/node/mariadb_watch.hpp"

#include "events/model/named_thread.hpp"
#include "storage/binlog/binlog_stream.hpp"
#include "storage/state/logged_state.hpp"

#include <mysql.h>
#include <sys/socket.h>

#include <algorithm>

namespace understudy {
namespace {

/// Several of the supervisor's looks.
constexpr std::chrono::seconds off_is_told{1};
/// Of a node that is configured so: nothing is wrong with it.
constexpr const char* chosen_gap = "durability is asynchronous";

} // namespace

mariadb_watch::mariadb_watch(options o)
    : options_(std::move(o)) {
  if (!options_.synchronous)
    gap_ = chosen_gap;
}

mariadb_watch::~mariadb_watch() {
  stop();
}

void mariadb_watch::start() {
  watcher_ = named_thread("mariadb-watch", [this] { watch(); });
  {
    const std::lock_guard lock(mutex_);
    probes_ = probing_ = true;
  }
  prober_ = named_thread("mariadb-probe", [this] { probe(); });
}

void mariadb_watch::stop_probing(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  probes_ = false;
  wake_.notify_all();
  wake_.wait_for(lock, limit, [this] { return !probing_; });
}

void mariadb_watch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    probes_ = false;
  }
  wake_.notify_all();
  // The probe may wait in a COMMIT. Its socket is shut down on our side alone: ending it on the server's
  // could make a group commit's followers get an OK (R8).
  if (const int socket = probe_socket_; socket >= 0)
    ::shutdown(socket, SHUT_RDWR);
  if (watcher_.joinable())
    watcher_.join();
  if (prober_.joinable())
    prober_.join();
}

bool mariadb_watch::pause() {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, options_.heartbeat, [this] { return stopping_; });
}

bool mariadb_watch::pause_of_probe() {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, options_.heartbeat, [this] { return !probes_; });
}

void mariadb_watch::attached(bool is_attached, const std::string& why) {
  attached_ = is_attached;
  const std::lock_guard lock(mutex_);
  not_attached_ = why;
  quiet_since_ = boot_now();
}

void mariadb_watch::probe_seen() {
  committed_ = boot_now().value;
  if (unmet_since_.exchange(0) != 0) {
    const std::lock_guard lock(mutex_);
    told_of_quiet_ = false;
  }
}

void mariadb_watch::nothing_to_read(std::uint64_t read) {
  const auto now = boot_now();
  const auto lease = std::chrono::nanoseconds(options_.lease).count();
  // Behind a group that we hold, the next one is written but locked: it waits for Kafka alone.
  const bool holding = options_.oldest_hold && options_.oldest_hold() > std::chrono::nanoseconds::zero();
  bool tell = false;
  {
    const std::lock_guard lock(mutex_);
    if (read != std::exchange(read_, read) || holding)
      quiet_since_ = now;
    const auto written = unmet_since_.load();
    if (written == 0 || now.value - std::max(written, quiet_since_.value) < lease)
      return;
    quiet_since_ = now;
    tell = !std::exchange(told_of_quiet_, true);
  }
  if (tell)
    options_.report("what is written to MariaDB doesn't come through the binlog that capture reads: capture "
                    "connects anew (RESET MASTER does that, or a lock under which nothing commits)");
  options_.reconnect();
}

std::string mariadb_watch::why_unprotected() const {
  const std::lock_guard lock(mutex_);
  return gap_;
}

std::string mariadb_watch::why_not_as_configured() const {
  const std::lock_guard lock(mutex_);
  return gap_ == chosen_gap ? std::string{} : gap_;
}

std::string mariadb_watch::why_not_attached() const {
  const std::lock_guard lock(mutex_);
  return not_attached_;
}

std::string mariadb_watch::semi_sync_state() const {
  const std::lock_guard lock(mutex_);
  return semi_sync_;
}

renewal_facts mariadb_watch::facts() const {
  renewal_facts known;
  known.capture_attached = attached_;
  if (const auto at = committed_.load(); at != 0)
    known.committed = boot_time(at);
  // While we hold a group, the next one is in the binlog but keeps it locked, and a probe behind that can't
  // be read back: it waits for nobody but us. Not to renew then would end no hold ever (R10).
  if (options_.oldest_hold && options_.oldest_hold() > options_.heartbeat)
    known.committed = boot_now();
  return known;
}

/// Nothing: capture says that MariaDB is away; nothing is protected or unprotected by that.
std::optional<sql_session> mariadb_watch::open(const sql_options& how) const {
  auto opened = sql_session::open(how);
  if (opened)
    return std::move(*opened);
  if (opened.error().kind == sql_failure::another_server && options_.another_server)
    options_.another_server(opened.error());
  return std::nullopt;
}

void mariadb_watch::watch() {
  std::optional<sql_session> session;
  do {
    if (!session || !session->connected())
      session = open(options_.local);
    if (!session)
      continue;
    look(*session);
  } while (pause());
}

void mariadb_watch::look(sql_session& session) {
  server_check_options limits;
  limits.own_semi_sync_clients = options_.synchronous ? 1 : 0; // ours may be counted before we know it
  limits.dump_server_id = options_.dump_server_id;
  limits.dump_host = dump_host;
  limits.logs_replica_updates = options_.logs_replica_updates;
  const auto checks = check_server(session, limits);
  const auto settled = options_.endings->settled();
  const auto status = read_semi_sync(session);
  if (!checks || !status)
    return;
  look_at_readers(*checks);
  std::string gap = options_.synchronous ? "" : chosen_gap;
  if (!options_.synchronous && status->on && status->clients == 0)
    gap +=
        ", but MariaDB holds each COMMIT for an ACK that nobody sends: set rpl_semi_sync_master_enabled=OFF";
  std::string_view reason;
  if (options_.synchronous)
    for (const auto& check : *checks)
      if (check.outcome == check_outcome::fail && check.blocks != check_scope::apply) {
        gap = fmt::format("{} is {}: set {}", check.name, check.found, check.remedy);
        reason = check.name;
        break;
      }
  look_at_settings(*checks, reason);
  if (std::exchange(times_off_, status->times_off) < status->times_off && !first_look_)
    off_until_ = std::chrono::steady_clock::now() + off_is_told;
  if (gap.empty() && std::chrono::steady_clock::now() < off_until_)
    gap = "semi-sync was switched off for a moment, which let all commits go that waited";
  const bool clientless = options_.synchronous && attached_ && status->on && status->clients == 0;
  looks_without_client_ = clientless ? looks_without_client_ + 1 : 0;
  if (looks_without_client_ > 3) { // a connection that has just begun isn't counted yet
    looks_without_client_ = 0;
    options_.reconnect();
  }
  std::uint64_t grown = 0;
  {
    const std::lock_guard lock(mutex_);
    gap_ = gap;
    semi_sync_ = !options_.synchronous ? "asynchronous" : gap.empty() && status->on ? "synchronous" : "off";
    if (!first_look_ && status->released > released_)
      grown = status->released - released_;
    grown = options_.endings->by_others(grown, settled);
    first_look_ = false;
    released_ = status->released;
  }
  if (grown == 0)
    return;
  if (options_.unconfirmed)
    options_.unconfirmed(grown);
  options_.report(fmt::format("MariaDB let {} commits go without Kafka's confirmation: somebody ended their "
                              "wait (KILL) or semi-sync was switched off; their clients were told OK, or cut "
                              "off, and they are captured and produced all the same",
                              grown));
}

void mariadb_watch::look_at_readers(const std::vector<server_check>& checks) {
  const auto check = std::ranges::find(checks, binlog_readers_check, &server_check::name);
  const bool misses = check != checks.end() && check->outcome == check_outcome::warn;
  if (misses && !misses_readers_)
    options_.report(fmt::format("{}: set {}, restart this node, and set those replicas up anew", check->found,
                                check->remedy));
  misses_readers_ = misses;
}

/// Whoever sets up a mailstore is told all at once, and of what takes no protection away as well.
void mariadb_watch::look_at_settings(const std::vector<server_check>& checks, std::string_view reason) {
  if (!options_.advise)
    return;
  for (const auto& check : checks) {
    if (check.name == reason || check.name == binlog_readers_check)
      continue;
    const bool concerns_us = options_.synchronous || check.blocks != check_scope::synchronous;
    if (check.outcome == check_outcome::ok || !concerns_us) {
      advised_.erase(check.name);
      continue;
    }
    auto& told = advised_[check.name];
    if (std::exchange(told, check.found) != check.found)
      options_.advise(fmt::format("MariaDB's {} is {}: set {}", check.name, check.found, check.remedy));
  }
}

void mariadb_watch::probe() {
  std::optional<sql_session> session;
  auto number = std::max(static_cast<std::uint64_t>(wall_ms()), options_.mark->least());
  do {
    if (!session || !session->connected()) {
      session = open(options_.logged);
      if (!session)
        continue;
      probe_socket_ = static_cast<int>(mysql_get_socket(session->native()));
    }
    std::int64_t none = 0;
    unmet_since_.compare_exchange_strong(none, boot_now().value);
    if (logged_state(*session).write_probe(++number)) {
      options_.mark->saw(number);
      committed_ = boot_now().value;
    } else {
      unmet_since_ = 0;
      session.reset(); // the next one asks anew whose server this is: our tables may be gone
    }
  } while (pause_of_probe());
  const std::lock_guard lock(mutex_);
  probing_ = false;
  wake_.notify_all();
}

} // namespace understudy
