#include "actors/node/topic_watch.hpp"

#include "events/model/named_thread.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

constexpr std::chrono::seconds kafka_patience{5};

std::string sentence(const std::string& topic, const std::string& text) {
  return topic.empty() ? text : fmt::format("{} {}", topic, text);
}

} // namespace

topic_watch::topic_watch(options o, const std::vector<topic_finding>& told)
    : options_(std::move(o)) {
  for (const auto& each : told)
    at_start_.emplace(each.topic, each.text);
  count(told);
}

topic_watch::~topic_watch() {
  stop();
}

void topic_watch::start() {
  thread_ = named_thread("topic-watch", [this] { watch(); });
}

void topic_watch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

bool topic_watch::pause() {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, options_.pause, [this] { return stopping_; });
}

void topic_watch::watch() {
  while (pause())
    look();
}

/// That the brokers don't answer is others' to say.
void topic_watch::look() {
  const auto admin = topic_admin::open(options_.kafka);
  if (!admin)
    return;
  const auto found = (*admin)->check(options_.plans, kafka_patience);
  if (!found)
    return;
  std::set<finding> now;
  for (const auto& each : *found) {
    now.emplace(each.topic, each.text);
    if (!told_.contains({each.topic, each.text}) && !at_start_.contains({each.topic, each.text}))
      options_.report(each.level, sentence(each.topic, each.text));
  }
  for (const auto& [topic, text] : told_)
    if (!now.contains({topic, text}))
      options_.report(severity::notice, fmt::format("no longer: {}", sentence(topic, text)));
  told_ = std::move(now);
  at_start_.clear();
  count(*found);
}

void topic_watch::count(const std::vector<topic_finding>& found) {
  std::set<std::string> unsafe;
  for (const auto& each : found)
    if (each.level == severity::unsafe)
      unsafe.insert(each.topic);
  unsafe_ = unsafe.size();
}

} // namespace understudy
