// A node's source side: the way into Kafka, capture from where it stood, and the watch over its MariaDB.
#include "actors/node/node.hpp"
#include "actors/source/own_lines.hpp"
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"
#include "storage/profile/profile_routing.hpp"
#include "storage/state/dump_ids.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/server_checks.hpp"
#include "storage/state/sql_fields.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace understudy {
namespace {

constexpr std::chrono::seconds limit_patience{5};

/// Derived from the node's name where the configuration leaves it to us.
dump_ids ids_of_dumps(const node_config& config) {
  if (config.mariadb.server_id != 0)
    return dump_ids_of(config.mariadb.server_id);
  std::uint32_t hash = 2166136261U;
  for (const char c : config.node.name.value)
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return dump_ids_of(0x40000000U | (hash & 0x3FFFFFFFU));
}

/// The part of `[limits] memory` that may be on its way to Kafka of what is read again, in bytes of the
/// binlog: in memory that is up to seven times as much.
constexpr std::size_t backlog_share = 64;

/// For a replica with a server id of ours. MariaDB lists one that is gone until it has something to send to
/// it, and meanwhile every COMMIT waits: behind that our dump ends the other's, and mariadb_watch goes on
/// saying so.
constexpr std::chrono::seconds ids_patience{30};

} // namespace

/// MariaDB ends a dump when another one of its server id begins: a replica of the same id and this node would
/// end each other's for ever, and each COMMIT wait meanwhile.
result<void> node::wait_for_free_ids() {
  server_check_options options;
  options.dump_server_id = ids_of_dumps(parts_->config).capture;
  options.dump_host = dump_host;
  std::optional<std::chrono::steady_clock::time_point> since;
  do {
    std::optional<server_check> ids;
    const auto look = [&](sql_session& session) -> result<void> {
      const auto facts = read_server_facts(session);
      if (!facts)
        return tl::make_unexpected(facts.error());
      ids = judge_replica_ids(*facts, options);
      return {};
    };
    if (auto answered = ask_mariadb(look); !answered)
      return answered;
    if (ids->outcome == check_outcome::ok)
      return {};
    const auto clash =
        fmt::format("MariaDB's {} is {}: set {}, or another one there", ids->name, ids->found, ids->remedy);
    const auto now = std::chrono::steady_clock::now();
    if (now - since.value_or(now) > ids_patience) {
      spdlog::error("{}; capture begins all the same, or no COMMIT would end", clash);
      return {};
    }
    since = since.value_or(now);
    waiting_for(clash);
  } while (pause());
  return failure("stopped while waiting for a server id of its own");
}

result<void> node::start_log() {
  account_log::options options;
  options.kafka = parts_->kafka;
  options.node = parts_->config.node.name;
  options.first_life = life_;
  options.max_message_bytes = max_message_bytes_;
  options.topic_limit = [kafka = parts_->kafka]() -> result<std::size_t> {
    auto admin = topic_admin::open(kafka);
    if (!admin)
      return tl::make_unexpected(admin.error());
    return (*admin)->max_message_bytes(topic::accounts, limit_patience);
  };
  options.most_waiting_bytes = parts_->config.limits.memory / 4;
  options.report = [](const std::string& text) { spdlog::error("{}", text); };
  options.observe_ack = [metrics = parts_->metrics](double seconds, std::size_t bytes) {
    metrics->produce_ack(seconds);
    metrics->event_produced(bytes);
  };
  options.on_connection = [](bool connected) {
    if (connected)
      spdlog::info("Kafka is connected");
    else
      spdlog::error("no Kafka broker can be reached: commits of protected accounts wait");
  };
  parts_->log = variant_.make_log(std::move(options));
  return parts_->log->start();
}

result<void> node::start_capture() {
  const auto& config = parts_->config;
  auto session = sql_session::open(parts_->local);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  auto stored = local_state::open(*session);
  if (!stored)
    return tl::make_unexpected(stored.error());
  auto checkpoint = stored->capture();
  if (!checkpoint)
    return tl::make_unexpected(checkpoint.error());
  std::vector<captured_account> accounts;
  if (auto read = stored->each_captured([&](captured_account a) { accounts.push_back(std::move(a)); }); !read)
    return read;
  const auto replicas = logged_state(*session).replicas();
  if (!replicas)
    return tl::make_unexpected(replicas.error());
  auto ahead = logged_state(*session).roles_ahead();
  if (!ahead)
    return tl::make_unexpected(ahead.error());
  parts_->roles_ahead = std::move(*ahead);
  const auto stood = checkpoint->value_or(capture_checkpoint{});
  const auto& settled = stood.settled;
  auto known =
      read_own_lines(parts_->kafka, config.node.name, *parts_->log, std::move(accounts), parts_->roles_ahead,
                     *replicas, settled, stood.read_from, [this] { return stopping(); });
  if (!known)
    return tl::make_unexpected(known.error());
  const auto end = mailstore_queries(*session, parts_->rules).binlog_position();
  if (!end)
    return tl::make_unexpected(end.error());
  std::optional<position_lost> lost;
  if (!*checkpoint) // the first start, or our own tables are new
    lost = {position_lost::kind::unknown, {}, "no checkpoint says where capture stood"};
  else if (auto missing = known->tail.missing_behind(*end); !missing.empty())
    lost = {position_lost::kind::diverged, settled, std::move(missing)};

  const bool synchronous = config.cluster.durability == durability_mode::synchronous;
  settlement::options rules;
  rules.memory_limit = config.limits.memory / 4;
  rules.counts = [lease = parts_->lease, synchronous](broker_time stamp) {
    return !synchronous || lease->counts(stamp); // asynchronous holds nobody, so no lease is asked
  };
  rules.waits_at_start = true;
  rules.acknowledge = [this](const binlog_place& place) {
    if (parts_->source)
      parts_->source->acknowledge(place);
  };
  rules.observe_hold = [metrics = parts_->metrics](double seconds) { metrics->commit_hold(seconds); };
  parts_->settle = std::make_shared<settlement>(std::move(rules));
  parts_->settle->begin_at(settled);

  auto around = std::make_shared<account_surroundings>();
  around->log = parts_->log;
  around->settle = parts_->settle;
  around->supervisor = supervisor_;
  around->messages = parts_->account_messages;
  around->confirmed = [this](const account_id& account, epoch term, sequence number) {
    parts_->accounts->confirmed(account, term, number);
  };
  parts_->accounts = std::make_shared<known_accounts>(*system_, around);
  parts_->accounts->meet_first(*end, settled);
  checkpoints_.emplace(parts_->local, parts_->settle, parts_->accounts, parts_->log);
  parts_->beginner = std::make_shared<epoch_beginner>(parts_->promotions, parts_->sessions, parts_->unlogged,
                                                      parts_->rules, parts_->accounts);
  spawn_watch();
  capture::options options;
  options.stream.socket = parts_->local.socket;
  options.stream.user = parts_->local.user;
  options.stream.password = parts_->local.password;
  const auto ids = ids_of_dumps(config);
  options.stream.server_id = ids.capture;
  options.second_server_id = ids.second;
  options.stream.synchronous = synchronous;
  options.stream.heartbeat = config.cluster.heartbeat;
  options.stream.most_kept_bytes = config.limits.memory / 4;
  options.routing = std::make_shared<profile_routing>(parts_->rules);
  options.around = around;
  options.accounts = parts_->accounts;
  options.attached = [this](bool attached, const std::string& why) {
    watch_->attached(attached, why);
    if (attached)
      spdlog::info("capture is attached to MariaDB");
    else if (!why.empty())
      spdlog::warn("capture isn't attached to MariaDB: {}", why);
  };
  options.probe_seen = [this] { watch_->probe_seen(); };
  options.nothing_to_read = [this](std::uint64_t read) { watch_->nothing_to_read(read); };
  options.lost_at_start = std::move(lost);
  options.tail = std::move(known->tail);
  options.admitted = [local = parts_->local]() -> result<void> {
    const auto session = sql_session::open(local);
    return session ? result<void>{} : passed_on(session);
  };
  start_backlog(options);
  options.stuck = [this](const error& why) { end_with(why); };
  parts_->source = std::make_shared<capture>(std::move(options));
  parts_->why_unprotected = [this] { return watch_->why_unprotected(); };
  parts_->fences_at_start = std::make_shared<const logged_fences>(std::move(known->fences));
  for (auto& account : known->accounts)
    parts_->accounts->expect(std::move(account));
  expect_replicas(*replicas);
  return {};
}

void node::start_backlog(const capture::options& capture) {
  backlog_reader::options options;
  options.stream = capture.stream;
  options.stream.server_id = ids_of_dumps(parts_->config).backlog;
  options.routing = std::make_shared<profile_routing>(parts_->rules);
  options.around = capture.around;
  options.admitted = capture.admitted;
  options.most_in_flight = parts_->config.limits.memory / backlog_share;
  options.report = [](bool is_trouble, const std::string& text) {
    spdlog::log(is_trouble ? spdlog::level::err : spdlog::level::info, "{}", text);
  };
  parts_->backlog = std::make_shared<backlog_reader>(std::move(options));
}

/// Whoever writes to a replica while no node runs here waits in its COMMIT, which capture reads first: before
/// the replica is followed (R35). Control as it was stored may lie a little behind, so the copy itself
/// counts.
void node::expect_replicas(const std::vector<replica_record>& replicas) {
  parts_->control->ask([&](const control_state& state) {
    for (const auto& copy : replicas) {
      const auto* account = state.account(copy.account);
      const auto* active = account == nullptr ? nullptr : account->terms.active();
      const bool is_own = active != nullptr && active->primary == parts_->config.node.name;
      if (copy.state != replica_state::ready || is_own || parts_->accounts->knows(copy.account))
        continue;
      parts_->accounts->expect(
          {copy.account,
           copy.mailbox,
           account == nullptr ? copy.partition : account->partition, // a load doesn't note it
           active == nullptr ? copy.term : active->term,
           account_role::replica,
           copy.applied,
           true,
           {}});
    }
    return true;
  });
}

void node::spawn_watch() {
  mariadb_watch::options options;
  options.local = parts_->local;
  options.logged = parts_->logged;
  options.heartbeat = parts_->config.cluster.heartbeat;
  options.lease = parts_->config.cluster.lease;
  options.synchronous = parts_->config.cluster.durability == durability_mode::synchronous;
  options.dump_server_id = ids_of_dumps(parts_->config).capture;
  options.logs_replica_updates = parts_->config.mariadb.log_replica_updates;
  options.endings = parts_->endings;
  options.oldest_hold = [settle = parts_->settle] { return settle->oldest_wait(); };
  options.reconnect = [this] { parts_->source->reconnect(); };
  options.report = [](const std::string& text) { spdlog::error("{}", text); };
  options.unconfirmed = [metrics = parts_->metrics](std::uint64_t commits) { metrics->unconfirmed(commits); };
  options.advise = [](const std::string& text) { spdlog::warn("{}", text); };
  options.mark = parts_->server;
  options.another_server = [this](const error& why) { end_with(why); };
  watch_ = std::make_unique<mariadb_watch>(std::move(options));
}

} // namespace understudy
