// The node's port: a CAF actor system of its own that holds the gateway actor and nothing else.
#pragma once
#include "actors/config/host_port.hpp"
#include "actors/gateway/messages.hpp"
#include "actors/gateway/tls_material.hpp"
#include "events/model/error.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace understudy {

struct gateway_options {
  host_port listen; ///< port 0: the system chooses
  std::string node; ///< the node's name: requests for another are refused
  tls_files tls;
  /// A folder for the private copy of the TLS files, from which CAF reads at each connection.
  std::filesystem::path private_dir;
  /// A request that the handler hasn't answered by then is answered with an error.
  std::chrono::milliseconds deadline = std::chrono::seconds(10);
  /// How often the TLS files are looked at for a change.
  std::chrono::milliseconds reload_interval = std::chrono::seconds(1);
  /// Requests waiting for the handler; more are refused: it keeps memory bounded.
  std::size_t waiting_limit = 1'000;
  /// Told, on the gateway's own thread, what an operator should see: a sentence each.
  std::function<void(const std::string&)> report = [](const std::string&) {};
};

class gateway_server {
public:
  /// Listens when it returns. Errors: TLS files (see check_tls_files), address in use or not ours.
  static result<std::unique_ptr<gateway_server>> start(gateway_options options, request_handler handler);
  /// Stops as stop() does.
  ~gateway_server();
  gateway_server(const gateway_server&) = delete;
  gateway_server& operator=(const gateway_server&) = delete;

  std::uint16_t port() const;
  /// Ends listening and all connections; open requests get no answer. Safe to call twice. The handler isn't
  /// called after it returns.
  void stop();
  /// Days until the certificates in use expire. Any thread.
  double certificate_days_left() const;

private:
  struct implementation;
  explicit gateway_server(std::unique_ptr<implementation> held);
  std::unique_ptr<implementation> held_;
};

} // namespace understudy
