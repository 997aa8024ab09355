// What a node waits for before it does anything: its MariaDB, Kafka, and what it had folded of control.
#include "actors/node/node.hpp"
#include "events/control/control_codec.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/topic_names.hpp"
#include "events/log/topics.hpp"
#include "events/model/named_thread.hpp"
#include "storage/state/control_store.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/own_schema.hpp"
#include "storage/state/sql_fields.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>

namespace understudy {
namespace {

constexpr std::chrono::seconds kafka_patience{5};
/// A process whose producers end has a further life each time: there is room for them below the next
/// process's.
constexpr std::uint64_t lives_a_ms = 1000;
constexpr std::chrono::milliseconds look_for_stop{50};
/// A record of one's own is read back within some ms: one that isn't is said to be missing after this.
constexpr std::chrono::seconds read_back_patience{5};

struct topics_ready {
  std::vector<topic_finding> findings;
  std::size_t max_message_bytes = 0;
  int partitions = 0; ///< that both the events and the copies of an account may lie in
};

void say_finding(severity level, const std::string& text) {
  if (level == severity::unsafe)
    spdlog::error("{}", text);
  else if (level == severity::warning)
    spdlog::warn("{}", text);
  else
    spdlog::info("{}", text);
}

result<topics_ready> make_ready(topic_admin& admin, const std::vector<topic_plan>& plans,
                                std::chrono::milliseconds lease) {
  auto findings = admin.ensure(plans, kafka_patience);
  if (!findings)
    return tl::make_unexpected(findings.error());
  const auto of_lease = admin.check_lease(lease, kafka_patience);
  if (!of_lease)
    return tl::make_unexpected(of_lease.error());
  findings->insert(findings->end(), of_lease->begin(), of_lease->end());
  const auto limit = admin.max_message_bytes(topic::accounts, kafka_patience);
  if (!limit)
    return tl::make_unexpected(limit.error());
  topics_ready ready{std::move(*findings), *limit};
  for (const auto name : {topic::accounts, topic::snapshots}) {
    const auto there = admin.facts(std::string(name), kafka_patience);
    if (!there)
      return tl::make_unexpected(there.error());
    ready.partitions =
        ready.partitions == 0 ? there->partitions : std::min(ready.partitions, there->partitions);
  }
  return ready;
}

/// How the log of control differs from the one that was folded up to `folded`, whose last record was
/// `appended` then; empty: it doesn't, as far as is to be seen.
result<std::string> unlike_folded(partition_reader& reader, kafka_offset folded,
                                  std::optional<broker_time> appended) {
  constexpr partition_id only_partition{0};
  const auto marks = reader.watermarks_of(only_partition, kafka_patience);
  if (!marks)
    return tl::make_unexpected(marks.error());
  if (marks->high < folded)
    return fmt::format("ends at {}, and this node has read it up to {}", marks->high, folded);
  const kafka_offset last{folded.value - 1};
  if (!appended || last < marks->low)
    return std::string{};
  if (auto added = reader.add(only_partition, last); !added)
    return tl::make_unexpected(added.error());
  const auto found = reader.poll(1, kafka_patience);
  reader.remove(only_partition);
  if (found.records.empty())
    return failure(fmt::format("offset {} of {} could not be read", last, topic::control));
  const auto& there = found.records.front();
  if (there.offset == last && there.time == appended)
    return std::string{};
  return fmt::format("has another record at offset {} than this node has read there", last);
}

std::int64_t started_ms_of(incarnation life) {
  return static_cast<std::int64_t>(life.value / lives_a_ms);
}

/// What takes its whole patience when nobody answers runs beside this thread. Nothing: the node is to stop
/// first; the process ends without the rest.
template <class T>
std::optional<T> unless(const std::function<bool()>& stopping, std::function<T()> work) {
  std::packaged_task<T()> task(std::move(work));
  auto done = task.get_future();
  named_thread("ask kafka", std::move(task)).detach();
  while (done.wait_for(look_for_stop) != std::future_status::ready)
    if (stopping())
      return std::nullopt;
  return done.get();
}

} // namespace

void node::start_at(std::int64_t ms) {
  parts_->started_ms = ms;
  life_ = incarnation(static_cast<std::uint64_t>(ms) * lives_a_ms);
}

/// From here on every session is to this server, or isn't made.
result<void> node::get_to_know(sql_session& session) {
  // First: nothing of ours is left in a server that isn't meant.
  if (auto there = mailstore_queries(session, parts_->rules).look_for_tables(); !there)
    return there;
  if (auto made = ensure_own_schema(session, parts_->config.node.name); !made)
    return made;
  const auto probe = session.query_value("SELECT n FROM understudy.probe WHERE id=1");
  if (!probe)
    return passed_on(probe);
  parts_->server->saw(to_number<std::uint64_t>(*probe));
  return {};
}

result<void> node::ask_mariadb(const std::function<result<void>(sql_session&)>& question) {
  while (true) {
    auto session = sql_session::open(parts_->local);
    const auto answer = session ? question(*session) : passed_on(session);
    if (answer || !answer.error().retryable)
      return answer;
    waiting_for(fmt::format("MariaDB at {} doesn't answer ({})", parts_->local.socket, answer.error().what));
    if (!pause())
      return failure("stopped while waiting for MariaDB");
  }
}

result<void> node::wait_for_mariadb() {
  return ask_mariadb([this](sql_session& session) { return get_to_know(session); });
}

void node::waiting_for_kafka(const error& why) {
  waiting_for(fmt::format("Kafka at {} doesn't answer ({})", parts_->kafka.brokers, why.what));
}

result<void> node::wait_for_kafka() {
  const auto& cluster = parts_->config.cluster;
  auto admin = topic_admin::open(parts_->kafka);
  if (!admin)
    return tl::make_unexpected(admin.error());
  const auto plans = understudy_topics(cluster.partitions, cluster.replication_factor,
                                       cluster.min_insync_replicas, cluster.retention);
  const auto look = [admin = std::shared_ptr<topic_admin>(std::move(*admin)), plans, lease = cluster.lease] {
    return make_ready(*admin, plans, lease);
  };
  while (true) {
    const auto ready = unless<result<topics_ready>>([this] { return stopping(); }, look);
    if (ready && *ready) {
      for (const auto& finding : (*ready)->findings)
        say_finding(finding.level, finding.sentence());
      topics_ = std::make_unique<topic_watch>(
          topic_watch::options{
              .kafka = parts_->kafka, .plans = plans, .lease = cluster.lease, .report = say_finding},
          (*ready)->findings);
      parts_->unsafe_topics = [this] { return topics_->unsafe(); };
      topics_->start();
      max_message_bytes_ = (*ready)->max_message_bytes;
      // An account that is placed in one that isn't there could never be written, and held all commits
      // meanwhile.
      parts_->config.cluster.partitions = std::min(cluster.partitions, (*ready)->partitions);
      return {};
    }
    if (ready)
      waiting_for_kafka(ready->error());
    if (!pause())
      return failure("stopped while waiting for Kafka");
  }
}

result<void> node::restore_control() {
  auto session = sql_session::open(parts_->local);
  if (!session)
    return tl::make_unexpected(static_cast<const error&>(session.error()));
  control_store store(*session);
  auto sent = store.sent();
  if (!sent)
    return tl::make_unexpected(sent.error());
  parts_->sent_at_start = std::move(*sent);
  const auto position = store.position();
  if (!position)
    return tl::make_unexpected(position.error());
  if (!*position)
    return {};
  if ((*position)->rules_version != rules_version)
    return store.clear(); // folded by other rules: from the log's beginning (R26)
  auto& state = parts_->control->restore();
  result<void> outcome;
  const auto load = [&](auto loader) {
    return [&, loader](const auto&, const std::string& document) {
      if (auto loaded = loader(state, document); !loaded && outcome)
        outcome = loaded;
    };
  };
  for (const auto& read : {store.each_node(load(load_node)), store.each_account(load(load_account)),
                           store.each_operation(load(load_operation))})
    if (!read)
      return read;
  if (!(*position)->records.empty())
    if (auto loaded = load_records(state, (*position)->records); !loaded)
      return loaded;
  state.set_next((*position)->next);
  parts_->control->restore_appended((*position)->appended);
  parts_->server->saw((*position)->next);
  // The clock may have been set back: what the former process wrote must not look like a later one's (R19).
  if (const auto* former = state.node(parts_->config.node.name))
    start_at(std::max(parts_->started_ms, started_ms_of(former->life) + 1));
  // The claims that nodes came back from are told by control alone: what is folded isn't read again (R22).
  parts_->lease->change([&](lease_view& view) {
    view.started(parts_->started_ms);
    for (const auto& [name, known] : state.nodes())
      for (const auto& back : known.returns)
        view.fold_returned(name, back.said, back.at, boot_now());
  });
  return outcome;
}

/// A Kafka that holds less of control than this node has folded of it, or another record where it folded the
/// last one, is another one, or has lost records: what was decided since isn't to be known there, and what is
/// written there may never be read by others.
result<void> node::wait_for_known_control() {
  const auto folded = parts_->control->ask([](const control_state& state) { return state.next(); });
  if (folded == kafka_offset{})
    return {};
  auto opened = partition_reader::open(parts_->kafka, topic::control);
  if (!opened)
    return tl::make_unexpected(opened.error());
  const auto ask = [reader = std::shared_ptr<partition_reader>(std::move(*opened)), folded,
                    appended = parts_->control->appended()] {
    return unlike_folded(*reader, folded, appended);
  };
  while (true) {
    const auto unlike = unless<result<std::string>>([this] { return stopping(); }, ask);
    if (unlike && *unlike && (*unlike)->empty())
      return {};
    if (unlike && *unlike)
      waiting_for(fmt::format("{} at {} {}: records were lost, or it is another Kafka (nothing is "
                              "acknowledged; name the Kafka that has them in [kafka] brokers; if it is gone "
                              "for good: docs/recovery.md)",
                              topic::control, parts_->kafka.brokers, **unlike));
    else if (unlike)
      waiting_for_kafka(unlike->error());
    if (!pause())
      return failure("stopped while waiting for Kafka");
  }
}

result<void> node::lock_state() {
  auto taken = process_file::take(parts_->config.node.state_dir, parts_->process);
  if (!taken)
    return tl::make_unexpected(taken.error());
  processes_.emplace(std::move(*taken));
  return {};
}

result<void> node::take_name() {
  make_link();
  while (true) {
    const auto since = std::chrono::steady_clock::now();
    // Nothing else of this node has begun that could say so (P8).
    const auto stops = [&] {
      if (std::chrono::steady_clock::now() - since > read_back_patience)
        waiting_for(fmt::format("Kafka at {} doesn't give back what this node wrote to {}",
                                parts_->kafka.brokers, topic::leases));
      return stopping();
    };
    const auto taken = parts_->link->take_name(stops);
    if (taken)
      break;
    if (!taken.error().retryable || stopping())
      return taken;
    waiting_for_kafka(taken.error());
    if (!pause())
      return failure("stopped while waiting for Kafka");
  }
  if (const auto why = parts_->lease->why_replaced()) {
    end_with(*why, exit_replaced);
    return tl::make_unexpected(*why);
  }
  return {};
}

result<void> node::wait_for_former_process() {
  const auto former = parts_->lease->ask([](const lease_view& view) { return view.former(); });
  if (!former || processes_->has_ended(former->process))
    return {};
  const auto who = former->process.empty() ? "another process" : fmt::format("process {}", former->process);
  while (boot_now() < former->over) {
    waiting_for(
        fmt::format("{} had this node's name, and isn't known to have ended: what it acknowledges counts "
                    "until its lease is over",
                    who));
    if (!pause())
      return failure("stopped while waiting for another process's lease to be over");
  }
  return {};
}

} // namespace understudy
