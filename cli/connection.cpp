#include "cli/connection.hpp"

#include "actors/gateway/known_peers.hpp"

#include <algorithm>

namespace understudy {

namespace {

/// A node in the same data centre answers in milliseconds; TLS and a busy machine included.
constexpr auto connect_deadline = std::chrono::seconds(3);
/// Longer than the gateway's own, so that its sentence arrives.
constexpr auto reply_deadline = std::chrono::seconds(12);

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
  for (std::size_t tried = 0; tried < places_.size(); ++tried) {
    const auto& place = places_[current_];
    if (!client_) {
      auto connected = gateway_client::connect(place, tls_, connect_deadline);
      if (connected) {
        client_ = std::move(*connected);
      } else {
        reasons += (reasons.empty() ? "" : "; ") + connected.error().what;
        todo = connected.error().todo;
      }
    }
    if (client_) {
      auto answer = client_->request(command, reply_deadline);
      if (answer)
        return answer;
      reasons += (reasons.empty() ? "" : "; ") + answer.error().what;
      todo = answer.error().todo;
      client_.reset();
    }
    current_ = (current_ + 1) % places_.size();
  }
  return failure(fmt::format("no supervisor could be reached: {}", reasons), todo, true);
}

} // namespace understudy
