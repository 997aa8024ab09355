#include "actors/gateway/connections.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <future>
#include <thread>

namespace understudy {

namespace {

/// Only valid in the network thread.
caf::io::basp_broker& broker_of(caf::actor_system& system) {
  auto handle = system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  return *static_cast<caf::io::basp_broker*>(caf::actor_cast<caf::abstract_actor*>(handle));
}

/// CAF notices the end at its next read, and closes the descriptor.
void shut(caf::io::connection_handle connection) {
  ::shutdown(static_cast<int>(connection.id()), SHUT_RDWR);
}

} // namespace

loop_pace::clock::duration loop_pace::looked(clock::time_point now) {
  if (now - window_begun_ >= window) {
    window_begun_ = now;
    looked_ = 0;
  }
  return ++looked_ < looks ? clock::duration{} : window_begun_ + window - now;
}

caf::io::network::multiplexer::supervisor_ptr bounded_multiplexer::make_supervisor() {
  struct announcer : supervisor {
    bounded_multiplexer& loop;
    supervisor_ptr inner;
    announcer(bounded_multiplexer& l, supervisor_ptr i)
        : loop(l)
        , inner(std::move(i)) {}
    ~announcer() override {
      // Before the inner one closes the pipe, behind which nothing gets through.
      loop.post([l = &loop] { l->closing_ = true; });
    }
  };
  return supervisor_ptr(new announcer(*this, default_multiplexer::make_supervisor()));
}

void bounded_multiplexer::run() {
  while (num_socket_handlers() > 0 && !closing_)
    look(true);
  constexpr auto patience = std::chrono::seconds(1);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (num_socket_handlers() > 0 && std::chrono::steady_clock::now() < end)
    look(false);
}

void bounded_multiplexer::look(bool block) {
  const bool anything = poll_once(block);
  if (const auto rest = pace_.looked(loop_pace::clock::now()); rest > rest.zero())
    std::this_thread::sleep_for(rest);
  else if (!anything)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void in_network_thread(caf::actor_system& system, const std::function<void()>& work) {
  std::promise<void> done;
  system.middleman().backend().post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

void end_connections(caf::actor_system& system) {
  in_network_thread(system, [&] {
    for (auto connection : broker_of(system).connections())
      shut(connection);
  });
}

std::vector<int> connection_watch::overdue(const unknown_connections& unknown, clock::time_point now) {
  std::vector<std::pair<clock::time_point, int>> by_age;
  for (const auto& [descriptor, since] : unknown)
    by_age.emplace_back(since, descriptor);
  std::sort(by_age.begin(), by_age.end());
  std::vector<int> ended;
  for (const auto& [since, descriptor] : by_age) {
    auto left = by_age.size() - ended.size();
    bool too_many = left > (since < now ? unknown_limit : 2 * unknown_limit);
    if (now - since > handshake_patience || too_many)
      ended.push_back(descriptor);
  }
  return ended;
}

std::size_t connection_watch::look(caf::actor_system& system, clock::time_point now) {
  std::vector<int> ended;
  in_network_thread(system, [&] {
    auto& broker = broker_of(system);
    unknown_connections unknown;
    for (auto connection : broker.connections()) {
      // A peer has a route once its handshake is done. (The context's node id is set on the client's side
      // only.)
      if (broker.instance.tbl().lookup_direct(connection))
        continue;
      auto descriptor = static_cast<int>(connection.id());
      auto known = unknown_since_.find(descriptor);
      unknown.emplace(descriptor, known == unknown_since_.end() ? now : known->second);
    }
    ended = overdue(unknown, now);
    for (int descriptor : ended) {
      shut(caf::io::connection_handle::from_int(descriptor));
      unknown.erase(descriptor);
    }
    unknown_since_ = std::move(unknown);
  });
  return ended.size();
}

} // namespace understudy
