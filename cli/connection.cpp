#include "cli/connection.hpp"

#include "actors/gateway/known_peers.hpp"

#include <algorithm>
#include <array>

namespace understudy {

namespace {

/// A node in the same data centre answers in milliseconds; TLS and a busy machine included.
constexpr auto connect_deadline = std::chrono::seconds(3);
/// A node answers in milliseconds, or in the time that it gives silent peers. A reply that got lost on the
/// way is asked for once more, over a new connection: a command is known by its operation's id (R25). The
/// last deadline is longer than the gateway's own, so that its sentence arrives.
constexpr std::array<std::chrono::milliseconds, 2> reply_deadlines{std::chrono::seconds(5),
                                                                   std::chrono::seconds(12)};

} // namespace

result<connection> connection::make(const node_config& config, std::vector<host_port> places) {
  auto tls = client_tls(config);
  if (!tls)
    return tl::make_unexpected(tls.error());
  if (places.empty()) {
    places.push_back(config.node.listen.port != 0 ? config.node.listen : config.node.advertise);
    for (auto& peer : read_known_peers(config.node.state_dir))
      if (std::find(places.begin(), places.end(), peer) == places.end())
        places.push_back(std::move(peer));
  }
  return connection(std::move(places), std::move(*tls));
}

result<reply> connection::ask(const std::string& command) {
  std::string reasons, todo;
  const auto note = [&](const error& why) {
    reasons += (reasons.empty() ? "" : "; ") + why.what;
    todo = why.todo;
  };
  for (std::size_t tried = 0; tried < places_.size(); ++tried) {
    for (const auto deadline : reply_deadlines) {
      if (!client_) {
        auto connected = gateway_client::connect(places_[current_], tls_, connect_deadline);
        if (!connected) {
          note(connected.error());
          break;
        }
        client_ = std::move(*connected);
      }
      has_sent_ = true;
      auto answer = client_->request(command, deadline);
      if (answer)
        return answer;
      note(answer.error());
      client_.reset();
    }
    current_ = (current_ + 1) % places_.size();
  }
  return failure(fmt::format("no supervisor could be reached: {}", reasons), todo, true);
}

} // namespace understudy
