#include "actors/node/topic_watch.hpp"

#include "events/model/named_thread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace understudy {
namespace {

constexpr std::chrono::seconds look_patience{5};

} // namespace

topic_watch::topic_watch(options o, const std::vector<topic_finding>& told)
    : options_(std::move(o)) {
  for (const auto& each : told)
    at_start_.emplace(each.topic, each.text);
  std::ranges::copy_if(told, std::back_inserter(of_lease_),
                       [](const topic_finding& each) { return each.topic.empty(); });
  keep_unsafe(told);
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
  auto found = (*admin)->check(options_.plans, look_patience);
  if (!found)
    return;
  if (auto of_lease = (*admin)->check_lease(options_.lease, look_patience))
    of_lease_ = std::move(*of_lease);
  found->insert(found->end(), of_lease_.begin(), of_lease_.end());
  std::set<finding> now;
  for (const auto& each : *found) {
    now.emplace(each.topic, each.text);
    if (!told_.contains({each.topic, each.text}) && !at_start_.contains({each.topic, each.text}))
      options_.report(each.level, each.sentence());
  }
  for (const auto& [topic, text] : told_)
    if (!now.contains({topic, text}))
      options_.report(severity::notice,
                      fmt::format("no longer: {}", topic_finding{{}, topic, text}.sentence()));
  told_ = std::move(now);
  at_start_.clear();
  keep_unsafe(*found);
}

void topic_watch::keep_unsafe(const std::vector<topic_finding>& found) {
  const std::lock_guard lock(mutex_);
  unsafe_.clear();
  std::ranges::copy_if(found, std::back_inserter(unsafe_),
                       [](const topic_finding& each) { return each.level == severity::unsafe; });
}

std::vector<topic_finding> topic_watch::unsafe() const {
  const std::lock_guard lock(mutex_);
  return unsafe_;
}

} // namespace understudy
