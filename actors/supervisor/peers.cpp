#include "actors/supervisor/peers.hpp"

#include <future>

namespace understudy {

std::vector<peers::answer> peers::ask(const std::vector<address>& whom, const std::string& command) {
  std::vector<std::future<result<std::string>>> asked;
  asked.reserve(whom.size());
  for (const auto& one : whom)
    asked.push_back(std::async(std::launch::async, [this, &one, &command] { return ask_one(one, command); }));
  std::vector<answer> answers;
  for (std::size_t i = 0; i < whom.size(); ++i)
    answers.push_back({whom[i].node, asked[i].get()});
  return answers;
}

result<reply> peers::request(const address& whom, const std::string& command,
                             std::chrono::milliseconds deadline) {
  std::unique_ptr<gateway_client> client;
  {
    const std::lock_guard lock(mutex_);
    client = std::move(idle_[whom.advertise]);
  }
  const bool kept = client != nullptr;
  if (!kept) {
    auto place = host_port::parse(whom.advertise);
    if (!place)
      return tl::make_unexpected(place.error());
    auto connected = gateway_client::connect(*place, tls_, deadline_);
    if (!connected)
      return tl::make_unexpected(connected.error());
    client = std::move(*connected);
  }
  auto answered = client->request(command, deadline);
  if (!answered) {
    if (kept) // the kept connection may be an old one of a node that was restarted since
      return request(whom, command, deadline);
    return tl::make_unexpected(answered.error());
  }
  const std::lock_guard lock(mutex_);
  idle_[whom.advertise] = std::move(client);
  return answered;
}

result<std::string> peers::ask_one(const address& whom, const std::string& command) {
  auto answered = request(whom, command, deadline_);
  if (!answered)
    return tl::make_unexpected(answered.error());
  if (answered->status != 0)
    return failure(fmt::format("{} answers: {}", whom.node, answered->body));
  return std::move(answered->body);
}

} // namespace understudy
