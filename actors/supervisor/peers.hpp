// Asks other nodes for figures to show (DESIGN §5), with a deadline; no decision depends on an answer.
#pragma once
#include "actors/gateway/gateway_client.hpp"
#include "events/model/ids.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace understudy {

class peers {
public:
  struct address {
    node_name node;
    std::string advertise; ///< HOST:PORT
  };
  struct answer {
    node_name node;
    result<std::string> body; ///< JSON, or why there is none
  };

  peers(tls_files tls, std::chrono::milliseconds deadline)
      : tls_(std::move(tls))
      , deadline_(deadline) {}

  /// Asks all of them at the same time; returns when each has answered or its deadline is over. Blocking.
  std::vector<answer> ask(const std::vector<address>& whom, const std::string& command);
  /// Hands one command on: its reply as it came. The node may ask another one for it, so it has twice the
  /// time. Blocking.
  result<reply> forward(const address& whom, const std::string& command) {
    return request(whom, command, 2 * deadline_);
  }

private:
  result<reply> request(const address& whom, const std::string& command, std::chrono::milliseconds deadline);
  result<std::string> ask_one(const address& whom, const std::string& command);

  tls_files tls_;
  std::chrono::milliseconds deadline_;
  std::mutex mutex_;
  /// One idle connection a node is kept; a node that failed is connected anew.
  std::map<std::string, std::unique_ptr<gateway_client>> idle_;
};

} // namespace understudy
