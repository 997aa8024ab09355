// One connection to a node's gateway. Used by the command line, and by nodes that ask a peer for figures.
#pragma once
#include "actors/config/host_port.hpp"
#include "actors/gateway/messages.hpp"
#include "actors/gateway/tls_material.hpp"
#include "events/model/error.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace understudy {

class gateway_client {
public:
  /// Connects and learns the node's name. All of it ends within `deadline`, whatever the other side does.
  /// Errors (retryable at another node): nobody listens, no answer in time, no TLS or another CA, another
  /// protocol version; and TLS files that can't be used.
  static result<std::unique_ptr<gateway_client>> connect(const host_port& place, const tls_files& tls,
                                                         std::chrono::milliseconds deadline);
  ~gateway_client();
  gateway_client(const gateway_client&) = delete;
  gateway_client& operator=(const gateway_client&) = delete;

  /// Sends a signed command and waits for its reply. Errors: no reply within `deadline`, connection lost;
  /// whether the command was done is then unknown. Refusals by the node are replies. One thread at a time.
  result<reply> request(std::string command_json, std::chrono::milliseconds deadline);
  const std::string& node() const;

private:
  struct implementation;
  explicit gateway_client(std::unique_ptr<implementation> held);
  std::unique_ptr<implementation> held_;
};

} // namespace understudy
