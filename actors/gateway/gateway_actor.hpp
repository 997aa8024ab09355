// The only actor that a network peer can reach. Its protocol is messages.hpp's: `hello` and `request` from
// anybody with a certificate of our CA; `answered` and `expired` from its own process alone (they can't be
// serialised). Whatever else comes is dropped. A peer can end it (CAF lets nobody refuse exit_reason::kill):
// the server then starts another.
#pragma once
#include "actors/gateway/gateway_server.hpp"
#include "actors/gateway/replay_guard.hpp"
#include "actors/gateway/signing.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <memory>
#include <mutex>
#include <unordered_map>

namespace understudy {

/// The way of answers into the gateway: kept by handlers for as long as they like, closed when it stops.
class answer_gate {
public:
  void open(caf::actor target);
  void close();
  void deliver(std::uint64_t id, reply r);

private:
  std::mutex mutex_;
  caf::actor target_;
};

/// What outlives a gateway actor. The members behind the mutex are shared with the server's own thread.
struct gateway_core {
  gateway_options options;
  request_handler handler;
  std::mutex mutex;
  std::shared_ptr<const request_verifier> verifier;
  /// Survives the actor: a replayed request must not get through because its gateway was killed.
  replay_guard nonces{request_window_ms};
};

/// The handler's reply to request `id`.
struct answered {
  std::uint64_t id = 0;
  reply content;
};

/// The deadline of request `id` is over.
struct expired {
  std::uint64_t id = 0;
};

class gateway_actor : public caf::event_based_actor {
public:
  gateway_actor(caf::actor_config& config, std::shared_ptr<gateway_core> core);
  caf::behavior make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "gateway"; }

private:
  using promise = caf::typed_response_promise<reply>;

  welcome greet() const;
  caf::result<reply> take(const understudy::request& r);
  /// The caller, or the reply that refuses.
  tl::expected<caller, reply> admit(const understudy::request& r);
  void finish(const answered& a);
  void expire(const expired& e);

  std::shared_ptr<gateway_core> core_;
  std::shared_ptr<answer_gate> gate_ = std::make_shared<answer_gate>();
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, promise> waiting_;
};

} // namespace understudy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::answered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(understudy::expired)
