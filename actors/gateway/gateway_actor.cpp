#include "actors/gateway/gateway_actor.hpp"

#include <caf/all.hpp>

namespace understudy {

namespace {

std::int64_t wall_clock_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

} // namespace

void answer_gate::open(caf::actor target) {
  std::lock_guard lock(mutex_);
  target_ = std::move(target);
}

void answer_gate::close() {
  std::lock_guard lock(mutex_);
  target_ = nullptr;
}

void answer_gate::deliver(std::uint64_t id, reply r) {
  // Under the lock, so that the actor system isn't gone meanwhile.
  std::lock_guard lock(mutex_);
  if (target_)
    caf::anon_send(target_, answered{id, std::move(r)});
}

gateway_actor::gateway_actor(caf::actor_config& config, std::shared_ptr<gateway_core> core)
    : caf::event_based_actor(config)
    , core_(std::move(core)) {
  set_default_handler(caf::drop);
  set_down_handler([](const caf::down_msg&) {});
  // An exit message says of itself who sent it: any peer may claim to be us. Our own server uses kill.
  set_exit_handler([](const caf::exit_msg&) {});
}

caf::behavior gateway_actor::make_behavior() {
  gate_->open(caf::actor_cast<caf::actor>(this));
  return {
      [this](const hello&) { return greet(); },
      [this](const understudy::request& r) { return take(r); },
      [this](const answered& a) { finish(a); },
      [this](const expired& e) { expire(e); },
  };
}

void gateway_actor::on_exit() {
  gate_->close();
  waiting_.clear();
}

welcome gateway_actor::greet() const {
  return {gateway_protocol_version, core_->options.node, wall_clock_ms()};
}

tl::expected<caller, reply> gateway_actor::admit(const understudy::request& r) {
  auto now = wall_clock_ms();
  std::lock_guard lock(core_->mutex);
  auto sender = core_->verifier->verify(r, core_->options.node, now);
  if (!sender)
    return tl::make_unexpected(error_reply(exit_status::failed, sender.error().what, sender.error().todo));
  switch (core_->nonces.admit(r.nonce, now)) {
  case replay_guard::verdict::replayed:
    return tl::make_unexpected(
        error_reply(exit_status::failed, "the request was made before: it's a replay"));
  case replay_guard::verdict::full:
    return tl::make_unexpected(
        error_reply(exit_status::failed, "the node has too many requests", "try again in some minutes"));
  case replay_guard::verdict::fresh:
    break;
  }
  if (waiting_.size() >= core_->options.waiting_limit)
    return tl::make_unexpected(
        error_reply(exit_status::failed, "the node has too many open requests", "try again in some seconds"));
  return *sender;
}

caf::result<reply> gateway_actor::take(const understudy::request& r) {
  auto sender = admit(r);
  if (!sender)
    return sender.error();
  auto id = ++last_id_;
  auto& promised = waiting_.emplace(id, make_response_promise<reply>()).first->second;
  delayed_send(this, core_->options.deadline, expired{id});
  caf::result<reply> later = promised;
  core_->handler(*sender, r.command,
                 [gate = gate_, id](reply answer) { gate->deliver(id, std::move(answer)); });
  return later;
}

void gateway_actor::finish(const answered& a) {
  if (auto found = waiting_.find(a.id); found != waiting_.end()) {
    found->second.deliver(a.content);
    waiting_.erase(found);
  }
}

void gateway_actor::expire(const expired& e) {
  if (auto found = waiting_.find(e.id); found != waiting_.end()) {
    found->second.deliver(error_reply(
        exit_status::unreachable,
        fmt::format("the supervisor of {} didn't answer within {} ms; the command may be done all the same",
                    core_->options.node, core_->options.deadline.count()),
        "look at the node's log, and at getAccountStatus before you repeat it"));
    waiting_.erase(found);
  }
}

} // namespace understudy
