#include "actors/gateway/gateway_server.hpp"

#include "actors/gateway/connections.hpp"
#include "actors/gateway/gateway_actor.hpp"
#include "actors/gateway/gateway_system.hpp"
#include "actors/gateway/tls_rotation.hpp"
#include "events/model/named_thread.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>

#include <atomic>
#include <condition_variable>
#include <thread>

namespace understudy {

struct gateway_server::implementation {
  implementation(gateway_options options, request_handler handler, tls_rotation held)
      : rotation(std::move(held))
      , config(rotation.private_files(), gateway_end::server) {
    core->options = std::move(options);
    core->handler = std::move(handler);
  }

  caf::expected<std::uint16_t> publish(std::uint16_t at);
  void look_after();
  void republish();
  void look_at_files();
  void use(const tls_texts& texts);

  std::shared_ptr<gateway_core> core = std::make_shared<gateway_core>();
  tls_rotation rotation;
  connection_watch watch;
  gateway_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor gateway;
  std::uint16_t port = 0;

  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  bool gateway_ended = false;
  std::atomic<double> days_left{0};
  std::thread keeper;
};

caf::expected<std::uint16_t> gateway_server::implementation::publish(std::uint16_t at) {
  gateway = system->spawn<gateway_actor>(core);
  gateway->attach_functor([this] {
    std::lock_guard lock(mutex);
    gateway_ended = true;
    wake.notify_all();
  });
  return caf::openssl::publish(gateway, at, core->options.listen.host.c_str(), true);
}

/// The server's own thread, until it stops.
void gateway_server::implementation::look_after() {
  for (;;) {
    bool ended = false;
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, core->options.reload_interval, [&] { return stopping || gateway_ended; });
      if (stopping)
        return;
      ended = std::exchange(gateway_ended, false);
    }
    if (ended)
      republish();
    look_at_files();
    if (auto ended = watch.look(*system, connection_watch::clock::now()))
      core->options.report(fmt::format("ended {} connections that made no handshake", ended));
  }
}

void gateway_server::implementation::republish() {
  core->options.report("a peer ended the gateway's actor; starting another");
  system->middleman().close(port);
  if (auto bound = publish(port); !bound) {
    core->options.report(fmt::format("the gateway can't listen at port {} again: {}; trying again", port,
                                     error_text(bound.error())));
    // Its end makes the next round try again.
    caf::anon_send_exit(gateway, caf::exit_reason::kill);
  }
}

void gateway_server::implementation::look_at_files() {
  if (auto texts = rotation.look(core->options.report))
    use(*texts);
}

void gateway_server::implementation::use(const tls_texts& texts) {
  auto verifier = request_verifier::make(texts.ca);
  if (!verifier)
    return core->options.report(verifier.error().what);
  // In the thread that accepts connections, so that none sees a certificate and another one's key.
  result<void> installed;
  in_network_thread(*system, [&] { installed = rotation.install(); });
  if (!installed)
    return core->options.report(installed.error().what);
  {
    std::lock_guard lock(core->mutex);
    core->verifier = std::make_shared<request_verifier>(std::move(*verifier));
  }
  days_left = understudy::days_left(texts).value_or(0);
  core->options.report("new TLS files are in use");
}

gateway_server::gateway_server(std::unique_ptr<implementation> held)
    : held_(std::move(held)) {}

result<std::unique_ptr<gateway_server>> gateway_server::start(gateway_options options,
                                                              request_handler handler) {
  auto texts = check_tls_files(options.tls);
  if (!texts)
    return tl::make_unexpected(texts.error());
  auto verifier = request_verifier::make(texts->ca);
  if (!verifier)
    return tl::make_unexpected(verifier.error());
  auto rotation = tls_rotation::start(options.tls, options.private_dir, *texts);
  if (!rotation)
    return tl::make_unexpected(rotation.error());
  auto place = options.listen;
  auto held = std::make_unique<implementation>(std::move(options), std::move(handler), std::move(*rotation));
  held->core->verifier = std::make_shared<request_verifier>(std::move(*verifier));
  held->days_left = understudy::days_left(*texts).value_or(0);
  held->system = std::make_unique<caf::actor_system>(held->config);
  auto bound = held->publish(place.port);
  std::unique_ptr<gateway_server> server(new gateway_server(std::move(held)));
  if (!bound)
    return failure(fmt::format("the gateway can't listen at {}: {}", place.text(), error_text(bound.error())),
                   "choose a free address of this machine for node.listen", true);
  server->held_->port = *bound;
  server->held_->keeper = named_thread("gateway", [inner = server->held_.get()] { inner->look_after(); });
  return server;
}

gateway_server::~gateway_server() {
  stop();
}

std::uint16_t gateway_server::port() const {
  return held_->port;
}

double gateway_server::certificate_days_left() const {
  return held_->days_left;
}

void gateway_server::stop() {
  {
    std::lock_guard lock(held_->mutex);
    held_->stopping = true;
    held_->wake.notify_all();
  }
  if (held_->keeper.joinable())
    held_->keeper.join();
  if (!held_->system)
    return;
  caf::anon_send_exit(held_->gateway, caf::exit_reason::kill);
  held_->gateway = nullptr;
  end_connections(*held_->system);
  held_->system.reset();
}

} // namespace understudy
