// Some node's supervisor: the first that answers, and another when it stops doing so.
#pragma once
#include "actors/config/node_config.hpp"
#include "actors/gateway/gateway_client.hpp"
#include "events/model/error.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace understudy {

class connection {
public:
  /// `nodes`: the places to try; empty: the configuration's own node and the peers that it knew.
  /// Errors: the key material. Connects to nobody yet.
  static result<connection> make(const node_config& config, std::vector<host_port> nodes);

  /// Asks the connected node; if it can't be reached or doesn't answer, the next ones, each within its
  /// deadline. Errors: none answered; each is named with its reason. Safe to repeat: commands that change
  /// something carry their operation's id (docs/cli.md).
  result<reply> ask(const std::string& command);
  /// A command was sent to a node, which may have taken it whatever ask() returned.
  bool has_sent() const { return has_sent_; }

private:
  connection(std::vector<host_port> places, tls_files tls)
      : places_(std::move(places))
      , tls_(std::move(tls)) {}

  std::vector<host_port> places_;
  tls_files tls_;
  std::size_t current_ = 0;
  bool has_sent_ = false;
  std::unique_ptr<gateway_client> client_;
};

} // namespace understudy
