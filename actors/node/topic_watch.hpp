// Looks again and again at how the topics and the brokers are set up: what is altered while nodes run takes
// away what an acknowledged COMMIT is worth (P1, P8), or lets the death of a broker end all leases (R23).
#pragma once
#include "events/log/kafka_settings.hpp"
#include "events/log/topics.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace understudy {

class topic_watch {
public:
  struct options {
    kafka_settings kafka;
    std::vector<topic_plan> plans;
    std::chrono::milliseconds lease{3000};   ///< compared with the brokers' session timeout (R23)
    std::chrono::milliseconds pause{30'000}; ///< between two looks
    /// What is found that wasn't at the look before, or isn't any more. The watch's thread.
    std::function<void(severity, const std::string&)> report;
  };

  /// `told`: what was found and said already.
  topic_watch(options o, const std::vector<topic_finding>& told);
  ~topic_watch(); ///< stop()
  void start();
  /// Within a question to the brokers, a few seconds at most.
  void stop();

  /// What is unsafe, as last seen: of topics what can lose acknowledged writes, of the brokers (a finding
  /// without a topic) that the lease is too short. Any thread.
  std::vector<topic_finding> unsafe() const;

private:
  using finding = std::pair<std::string, std::string>; ///< topic and text
  void watch();
  void look();
  void keep_unsafe(const std::vector<topic_finding>& found);
  bool pause();

  options options_;
  std::set<finding> told_;     ///< found at the last look
  std::set<finding> at_start_; ///< what was said before the first; not all of it is found by a look
  /// As last told: a broker that doesn't tell how it is set up hides nothing of the topics.
  std::vector<topic_finding> of_lease_;
  mutable std::mutex mutex_; ///< of the next three
  std::vector<topic_finding> unsafe_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace understudy
