// Looks again and again at how the topics are set up: what is altered while nodes run takes away what an
// acknowledged COMMIT is worth (P1, P8).
#pragma once
#include "events/log/kafka_settings.hpp"
#include "events/log/topics.hpp"

#include <atomic>
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

  /// Topics that are set up so that acknowledged writes can be lost, as last seen. Any thread.
  std::size_t unsafe() const { return unsafe_; }

private:
  using finding = std::pair<std::string, std::string>; ///< topic and text
  void watch();
  void look();
  void count(const std::vector<topic_finding>& found);
  bool pause();

  options options_;
  std::set<finding> told_;     ///< found at the last look
  std::set<finding> at_start_; ///< what was said before the first; not all of it is found by a look
  std::atomic<std::size_t> unsafe_{0};
  std::mutex mutex_; ///< of the next two
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace understudy
