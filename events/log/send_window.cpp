#include "events/log/send_window.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace understudy {

send_window::window& send_window::at(std::string_view topic, partition_id partition) {
  auto known = windows_.find(topic);
  if (known == windows_.end())
    known = windows_.emplace(topic, std::map<partition_id, window>{}).first;
  return known->second[partition];
}

bool send_window::open(std::string_view topic, partition_id partition, std::size_t size) {
  auto& here = at(topic, partition);
  if (here.unanswered >= most_unanswered || !here.waiting.empty())
    return false;
  ++here.unanswered;
  bytes_ += size;
  return true;
}

void send_window::wait(std::string_view topic, partition_id partition, record next) {
  bytes_ += next.size();
  at(topic, partition).waiting.push_back(std::move(next));
  ++waiting_;
}

void send_window::answered(std::string_view topic, partition_id partition, std::size_t size) {
  --at(topic, partition).unanswered;
  bytes_ -= size;
}

std::deque<send_window::record> send_window::next(std::string_view topic, partition_id partition) {
  auto& here = at(topic, partition);
  if (here.unanswered >= most_unanswered)
    return {};
  auto all = std::exchange(here.waiting, {});
  here.unanswered += all.size();
  waiting_ -= all.size();
  return all;
}

void send_window::put_back(std::string_view topic, partition_id partition, std::deque<record> rest) {
  auto& here = at(topic, partition);
  here.unanswered -= rest.size();
  waiting_ += rest.size();
  std::ranges::move(here.waiting, std::back_inserter(rest));
  here.waiting = std::move(rest);
}

std::vector<std::pair<partition_id, send_window::record>> send_window::give_up() {
  std::vector<std::pair<partition_id, record>> all;
  for (auto& [topic, windows] : windows_)
    for (auto& [partition, here] : windows)
      for (auto& each : std::exchange(here.waiting, {})) {
        bytes_ -= each.size();
        all.emplace_back(partition, std::move(each));
      }
  waiting_ = 0;
  return all;
}

} // namespace understudy
