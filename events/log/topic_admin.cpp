#include "events/log/client_handle.hpp"
#include "events/log/topics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <thread>

namespace understudy {
namespace {

using clock = std::chrono::steady_clock;
using config_map = std::map<std::string, std::string, std::less<>>;
using metadata_handle =
    std::unique_ptr<const struct rd_kafka_metadata, destroyed_by<rd_kafka_metadata_destroy>>;
using options_handle = std::unique_ptr<rd_kafka_AdminOptions_t, destroyed_by<rd_kafka_AdminOptions_destroy>>;
using new_topic_handle = std::unique_ptr<rd_kafka_NewTopic_t, destroyed_by<rd_kafka_NewTopic_destroy>>;
using resource_handle =
    std::unique_ptr<rd_kafka_ConfigResource_t, destroyed_by<rd_kafka_ConfigResource_destroy>>;

/// Between two looks at whether a new topic is known to the brokers.
constexpr auto look_again = std::chrono::milliseconds(50);

std::int64_t number_in(const config_map& config, std::string_view name, std::int64_t otherwise) {
  const auto found = config.find(name);
  std::int64_t number = otherwise;
  if (found != config.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

std::string text_in(const config_map& config, std::string_view name) {
  const auto found = config.find(name);
  return found == config.end() ? std::string() : found->second;
}

tl::unexpected<error> unreachable(std::string_view doing, std::string_view why) {
  return failure(fmt::format("Kafka can't be asked to {}: {}", doing, why), {}, true);
}

const rd_kafka_metadata_topic* find_topic(const struct rd_kafka_metadata& metadata, std::string_view name) {
  const std::span topics(metadata.topics, static_cast<std::size_t>(metadata.topic_cnt));
  const auto found = std::ranges::find_if(topics, [&](const auto& t) { return name == t.topic; });
  return found == topics.end() ? nullptr : &*found;
}

/// One answer, on a queue of its request's own: a late one can't be taken for the next.
result<event_handle> wait(rd_kafka_queue_t* queue, std::string_view doing,
                          std::chrono::milliseconds timeout) {
  // librdkafka ends the request itself at the timeout; the second is for its answer.
  event_handle event(rd_kafka_queue_poll(queue, milliseconds_of(timeout + std::chrono::seconds(1))));
  if (!event)
    return unreachable(doing, "no answer");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return unreachable(doing, rd_kafka_event_error_string(event.get()));
  return event;
}

} // namespace

struct topic_admin::state final : client_watch {
  explicit state(const kafka_settings& settings)
      : client_watch(settings) {}

  result<metadata_handle> metadata(std::chrono::milliseconds timeout) const;
  options_handle options(rd_kafka_admin_op_t what, std::chrono::milliseconds timeout) const;
  result<config_map> config(rd_kafka_ResourceType_t type, const std::string& name,
                            std::chrono::milliseconds timeout) const;
  result<void> create(const topic_plan& plan, std::chrono::milliseconds timeout) const;
  void find_controller(std::chrono::milliseconds timeout) const;

  client_handle client;
};

/// All topics: a question for one by its name would create it on brokers that do so.
result<metadata_handle> topic_admin::state::metadata(std::chrono::milliseconds timeout) const {
  rd_kafka_poll(client.get(), 0);
  const struct rd_kafka_metadata* got = nullptr;
  const auto code = rd_kafka_metadata(client.get(), 1, nullptr, &got, milliseconds_of(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return unreachable("list topics", rd_kafka_err2str(code));
  return metadata_handle(got);
}

options_handle topic_admin::state::options(rd_kafka_admin_op_t what,
                                           std::chrono::milliseconds timeout) const {
  options_handle made(rd_kafka_AdminOptions_new(client.get(), what));
  rd_kafka_AdminOptions_set_request_timeout(made.get(), milliseconds_of(timeout), nullptr, 0);
  return made;
}

result<config_map> topic_admin::state::config(rd_kafka_ResourceType_t type, const std::string& name,
                                              std::chrono::milliseconds timeout) const {
  const resource_handle resource(rd_kafka_ConfigResource_new(type, name.c_str()));
  auto* asked = resource.get();
  const auto chosen = options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout);
  const queue_handle queue(rd_kafka_queue_new(client.get()));
  rd_kafka_DescribeConfigs(client.get(), &asked, 1, chosen.get(), queue.get());
  const auto event = wait(queue.get(), "read settings", timeout);
  if (!event)
    return tl::make_unexpected(event.error());
  std::size_t count = 0;
  const auto* answer = rd_kafka_event_DescribeConfigs_result(event->get());
  const auto* const* resources = answer ? rd_kafka_DescribeConfigs_result_resources(answer, &count) : nullptr;
  if (count == 0)
    return unreachable("read settings", "an empty answer");
  if (const auto code = rd_kafka_ConfigResource_error(resources[0]); code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return failure(fmt::format("settings of {} can't be read: {}", name, rd_kafka_err2str(code)));
  config_map config;
  const auto* const* entries = rd_kafka_ConfigResource_configs(resources[0], &count);
  for (std::size_t i = 0; i < count; ++i)
    if (const auto* text = rd_kafka_ConfigEntry_value(entries[i]))
      config.emplace(rd_kafka_ConfigEntry_name(entries[i]), text);
  return config;
}

/// A broker that has just come back may not know it yet, and librdkafka 2.0.2 doesn't ask again by itself: a
/// request that needs the controller would wait in vain.
void topic_admin::state::find_controller(std::chrono::milliseconds timeout) const {
  const auto until = clock::now() + timeout;
  while (rd_kafka_controllerid(client.get(), 0) < 0 && clock::now() < until) {
    (void)metadata(timeout);
    std::this_thread::sleep_for(look_again);
  }
}

result<void> topic_admin::state::create(const topic_plan& plan, std::chrono::milliseconds timeout) const {
  std::array<char, 512> why{};
  const new_topic_handle topic(rd_kafka_NewTopic_new(plan.name.c_str(), plan.partitions,
                                                     plan.replication_factor, why.data(), why.size()));
  if (!topic)
    return failure(fmt::format("topic {} can't be created: {}", plan.name, why.data()));
  const property_list settings = {
      {"min.insync.replicas", std::to_string(plan.min_insync_replicas)},
      {"message.timestamp.type", "LogAppendTime"},
      {"retention.ms", std::to_string(plan.retention.count())},
      {"retention.bytes", "-1"},
      {"cleanup.policy", "delete"},
      {"unclean.leader.election.enable", "false"},
  };
  for (const auto& [name, text] : settings)
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), text.c_str());
  find_controller(timeout);
  auto* wanted = topic.get();
  const auto chosen = options(RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout);
  const queue_handle queue(rd_kafka_queue_new(client.get()));
  rd_kafka_CreateTopics(client.get(), &wanted, 1, chosen.get(), queue.get());
  const auto event = wait(queue.get(), "create a topic", timeout);
  if (!event)
    return tl::make_unexpected(event.error());
  std::size_t count = 0;
  const auto* answer = rd_kafka_event_CreateTopics_result(event->get());
  const auto* const* topics = answer ? rd_kafka_CreateTopics_result_topics(answer, &count) : nullptr;
  if (count == 0)
    return unreachable("create a topic", "an empty answer");
  const auto code = rd_kafka_topic_result_error(topics[0]);
  // Another node was faster.
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
    return {};
  const auto* text = rd_kafka_topic_result_error_string(topics[0]);
  return failure(
      fmt::format("topic {} can't be created: {}", plan.name, text ? text : rd_kafka_err2str(code)),
      "create it by hand, or allow this node's Kafka user to");
}

topic_admin::topic_admin(std::unique_ptr<state> s)
    : state_(std::move(s)) {}

topic_admin::~topic_admin() = default;

result<std::unique_ptr<topic_admin>> topic_admin::open(const kafka_settings& settings) {
  auto s = std::make_unique<state>(settings);
  // Nobody polls between two calls: statistics would pile up.
  auto conf = make_conf(settings, {{"statistics.interval.ms", "0"}}, *s);
  if (!conf)
    return tl::make_unexpected(std::move(conf.error()));
  auto client = make_client(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!client)
    return tl::make_unexpected(std::move(client.error()));
  s->client = std::move(*client);
  return std::unique_ptr<topic_admin>(new topic_admin(std::move(s)));
}

result<cluster_facts> topic_admin::cluster(std::chrono::milliseconds timeout) {
  const auto metadata = state_->metadata(timeout);
  if (!metadata)
    return tl::make_unexpected(metadata.error());
  cluster_facts facts;
  facts.brokers = (*metadata)->broker_cnt;
  if (char* id = rd_kafka_clusterid(state_->client.get(), milliseconds_of(timeout))) {
    facts.id = id;
    rd_kafka_mem_free(state_->client.get(), id);
  }
  // Each is asked: the controller's setting is the one that counts, and any of them may come to be it.
  std::optional<error> silence;
  bool any_answer = false;
  for (const auto& broker : std::span((*metadata)->brokers, static_cast<std::size_t>(facts.brokers))) {
    const auto config =
        state_->config(RD_KAFKA_RESOURCE_BROKER, std::to_string(broker.id), timeout / facts.brokers);
    if (config)
      facts.session_timeout =
          std::max(facts.session_timeout,
                   std::chrono::milliseconds(number_in(*config, "broker.session.timeout.ms", 0)));
    if (config || !config.error().retryable)
      any_answer = true;
    else
      silence = config.error();
  }
  if (silence && !any_answer)
    return tl::make_unexpected(*silence);
  return facts;
}

result<std::vector<topic_finding>> topic_admin::check_lease(std::chrono::milliseconds lease,
                                                            std::chrono::milliseconds timeout) {
  const auto brokers = cluster(timeout);
  if (!brokers)
    return tl::make_unexpected(brokers.error());
  return judge_lease(*brokers, lease);
}

result<topic_facts> topic_admin::facts(const std::string& topic, std::chrono::milliseconds timeout) {
  const auto metadata = state_->metadata(timeout);
  if (!metadata)
    return tl::make_unexpected(metadata.error());
  topic_facts facts;
  facts.name = topic;
  const auto* const found = find_topic(**metadata, topic);
  if (!found || found->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    return failure(fmt::format("topic {} doesn't exist", topic),
                   "start a node, which creates it, or create it by hand");
  facts.partitions = found->partition_cnt;
  for (int i = 0; i < found->partition_cnt; ++i) {
    const auto& partition = found->partitions[i];
    facts.replication_factor =
        i == 0 ? partition.replica_cnt : std::min(facts.replication_factor, partition.replica_cnt);
    facts.partitions_without_leader += partition.leader < 0 ? 1 : 0;
  }
  const auto config = state_->config(RD_KAFKA_RESOURCE_TOPIC, topic, timeout);
  if (!config)
    return tl::make_unexpected(config.error());
  facts.min_insync_replicas = static_cast<int>(number_in(*config, "min.insync.replicas", 1));
  facts.unclean_election = text_in(*config, "unclean.leader.election.enable") == "true";
  facts.log_append_time = text_in(*config, "message.timestamp.type") == "LogAppendTime";
  facts.max_message_bytes = static_cast<std::size_t>(number_in(*config, "max.message.bytes", 0));
  facts.retention = std::chrono::milliseconds(number_in(*config, "retention.ms", -1));
  facts.cleanup_policy = text_in(*config, "cleanup.policy");
  return facts;
}

result<std::size_t> topic_admin::max_message_bytes(const std::string& topic,
                                                   std::chrono::milliseconds timeout) {
  const auto config = state_->config(RD_KAFKA_RESOURCE_TOPIC, topic, timeout);
  if (!config)
    return tl::make_unexpected(config.error());
  const auto limit = number_in(*config, "max.message.bytes", 0);
  if (limit <= 0)
    return failure(fmt::format("topic {} doesn't tell its max.message.bytes", topic));
  return static_cast<std::size_t>(limit);
}

result<std::vector<topic_finding>> topic_admin::check(const std::vector<topic_plan>& plans,
                                                      std::chrono::milliseconds timeout) {
  std::vector<topic_finding> findings;
  for (const auto& plan : plans) {
    const auto known = facts(plan.name, timeout);
    if (known) {
      auto more = judge(*known, plan);
      findings.insert(findings.end(), more.begin(), more.end());
    } else if (known.error().retryable) {
      return tl::make_unexpected(known.error());
    } else {
      findings.push_back({severity::unsafe, plan.name, known.error().what});
    }
  }
  return findings;
}

result<std::vector<topic_finding>> topic_admin::ensure(const std::vector<topic_plan>& plans,
                                                       std::chrono::milliseconds timeout) {
  const auto metadata = state_->metadata(timeout);
  if (!metadata)
    return tl::make_unexpected(metadata.error());
  std::vector<topic_finding> findings;
  for (const auto& plan : plans) {
    if (find_topic(**metadata, plan.name))
      continue;
    if (auto created = state_->create(fit(plan, (*metadata)->broker_cnt, findings), timeout); !created)
      return tl::make_unexpected(std::move(created.error()));
    // Created means decided: brokers learn of it, and elect its leaders, a moment later.
    for (const auto deadline = clock::now() + timeout;;) {
      const auto known = facts(plan.name, timeout);
      if (known && known->partitions == plan.partitions && known->partitions_without_leader == 0)
        break;
      if (clock::now() >= deadline)
        return unreachable("use its new topic", plan.name);
      std::this_thread::sleep_for(look_again);
    }
  }
  auto checked = check(plans, timeout);
  if (!checked)
    return checked;
  findings.insert(findings.end(), checked->begin(), checked->end());
  return findings;
}

} // namespace understudy
