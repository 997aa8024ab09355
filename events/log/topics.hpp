// Topics: created if absent, and what a COMMIT on them is really worth (DESIGN §4.3, R13, R23).
#pragma once
#include "events/log/kafka_settings.hpp"
#include "events/model/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace understudy {

enum class severity : std::uint8_t { notice, warning, unsafe };

/// A sentence for doctor, status and log.
struct topic_finding {
  severity level = severity::notice;
  std::string topic; ///< empty: the brokers
  std::string text;
  bool is_chosen = false; ///< what is unsafe was asked for by the plan

  std::string sentence() const { return topic.empty() ? text : topic + " " + text; }
  /// Acknowledged writes can be lost (P1), though the plan didn't ask for that.
  bool breaks_promise() const { return level == severity::unsafe && !topic.empty() && !is_chosen; }
};

struct topic_plan {
  std::string name;
  int partitions = 1;
  int replication_factor = 3;
  int min_insync_replicas = 2;
  std::chrono::milliseconds retention{-1}; ///< -1 = for ever
};

/// How an existing topic is set up: effective values.
struct topic_facts {
  std::string name;
  int partitions = 0;
  int replication_factor = 0; ///< the smallest of its partitions
  int min_insync_replicas = 1;
  bool unclean_election = false;
  bool log_append_time = false;
  std::size_t max_message_bytes = 0;
  std::chrono::milliseconds retention{-1};
  std::string cleanup_policy;
  int partitions_without_leader = 0;
};

struct cluster_facts {
  std::string id;
  int brokers = 0;
  /// The longest of the brokers' settings broker.session.timeout.ms, for R23; 0 = they don't tell (older
  /// versions, or this user may not see it).
  std::chrono::milliseconds session_timeout{0};
};

/// The plans of the four topics from the keys of [cluster]. Leases keep for `leases_retention`.
std::vector<topic_plan>
understudy_topics(int partitions, int replication_factor, int min_insync_replicas,
                  std::chrono::milliseconds retention,
                  std::chrono::milliseconds leases_retention = std::chrono::hours(24));

/// Lowers replication factor and min.insync.replicas to what `brokers` allow; one finding for each. Pure.
topic_plan fit(topic_plan plan, int brokers, std::vector<topic_finding>& findings);
/// What is unsafe about a topic that exists, or differs from the plan. Pure.
std::vector<topic_finding> judge(const topic_facts& facts, const topic_plan& plan);

/// From the end of a dead broker's session to the new leader's first answer: the election, and clients that
/// look for the new leader some times a second.
inline constexpr std::chrono::milliseconds election_margin{500};
/// Whether the lease outlasts the death of one broker (R23): the session timeout and `election_margin`. Pure.
std::vector<topic_finding> judge_lease(const cluster_facts& brokers, std::chrono::milliseconds lease);

/// Calls block up to `timeout` each; one thread at a time. Errors are retryable when the brokers can't be
/// reached.
class topic_admin {
public:
  static result<std::unique_ptr<topic_admin>> open(const kafka_settings& settings);
  ~topic_admin();
  topic_admin(const topic_admin&) = delete;
  topic_admin& operator=(const topic_admin&) = delete;

  /// Brokers that don't answer are left out of what they tell.
  result<cluster_facts> cluster(std::chrono::milliseconds timeout);
  /// Creates what is absent (LogAppendTime, cleanup.policy=delete, no unclean election); never alters what
  /// exists. Returns what differs from the plan: lowered factors, and check() of all of them.
  result<std::vector<topic_finding>> ensure(const std::vector<topic_plan>& plans,
                                            std::chrono::milliseconds timeout);
  result<std::vector<topic_finding>> check(const std::vector<topic_plan>& plans,
                                           std::chrono::milliseconds timeout);
  /// judge_lease() of the brokers as they are now.
  result<std::vector<topic_finding>> check_lease(std::chrono::milliseconds lease,
                                                 std::chrono::milliseconds timeout);
  /// Fails, not retryable, if the topic doesn't exist.
  result<topic_facts> facts(const std::string& topic, std::chrono::milliseconds timeout);
  /// The topic's limit (R13); watched by asking again.
  result<std::size_t> max_message_bytes(const std::string& topic, std::chrono::milliseconds timeout);

private:
  struct state;
  explicit topic_admin(std::unique_ptr<state> s);
  std::unique_ptr<state> state_;
};

} // namespace understudy
