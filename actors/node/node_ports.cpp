// A node's two ports: HTTP for metrics and health, and the gateway for commands and other nodes.
#include "actors/node/accounts_page.hpp"
#include "actors/node/node.hpp"
#include "actors/supervisor/node_questions.hpp"

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

namespace understudy {

result<void> node::start_http() {
  const auto& at = parts_->config.node.http;
  http_server::options options;
  options.host = at.host;
  options.port = at.port;
  options.answer.metrics = [metrics = parts_->metrics] { return metrics->text(); };
  options.answer.healthz = [this] { return healthy(); };
  options.answer.readyz = [this] { return ready(); };
  options.answer.accounts = [this](const accounts_query& query) -> result<std::string> {
    if (auto why = still_waits_for(); !why.empty())
      return failure(std::move(why), "ask again when the node has started");
    return accounts_page(*parts_, query);
  };
  options.report = [](const std::string& text) { spdlog::warn("HTTP: {}", text); };
  auto started = http_server::start(std::move(options));
  if (!started)
    return tl::make_unexpected(started.error());
  http_ = std::move(*started);
  spdlog::info("metrics at http://{}:{}/metrics", at.host, http_->port());
  return {};
}

/// Before anything is waited for: a command line of this host finds its own, and says what it waits for.
result<void> node::make_tls() {
  auto tls = node_tls(parts_->config);
  if (!tls)
    return tl::make_unexpected(tls.error());
  parts_->tls = std::move(*tls);
  return {};
}

result<void> node::start_gateway() {
  gateway_options options;
  options.listen = parts_->config.node.listen;
  options.node = parts_->config.node.name.value;
  options.tls = parts_->tls;
  options.private_dir = parts_->config.node.state_dir / "gateway";
  options.report = [](const std::string& text) { spdlog::warn("{}", text); };
  auto started = gateway_server::start(
      std::move(options), [this](caller from, std::string command, answer_function answer) {
        caf::anon_send(supervisor_, command_received{std::move(from), std::move(command), std::move(answer)});
      });
  if (!started)
    return tl::make_unexpected(started.error());
  gateway_ = std::move(*started);
  spdlog::info("the gateway listens on {}", parts_->config.node.listen.text());
  return {};
}

} // namespace understudy
