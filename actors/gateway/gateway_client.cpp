#include "actors/gateway/gateway_client.hpp"

#include "actors/gateway/connections.hpp"
#include "actors/gateway/gateway_system.hpp"
#include "actors/gateway/signing.hpp"
#include "actors/gateway/tcp_probe.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>

#include <atomic>
#include <set>

namespace understudy {

using clock = std::chrono::steady_clock;

struct gateway_client::implementation {
  implementation(const tls_files& tls, request_signer signs)
      : signer(std::move(signs))
      , config(tls, gateway_end::client)
      , system(config)
      , self(system) {}
  ~implementation() { end_connections(system); }

  request_signer signer;
  gateway_system_config config;
  caf::actor_system system;
  caf::scoped_actor self;
  caf::actor gateway;
  /// The connection has ended. CAF drops without a word what is sent after that.
  std::shared_ptr<std::atomic<bool>> lost = std::make_shared<std::atomic<bool>>(false);
  std::string place;
  std::string node;
};

namespace {

std::chrono::milliseconds left_until(clock::time_point end) {
  using std::chrono::milliseconds;
  return std::max(std::chrono::duration_cast<milliseconds>(end - clock::now()), milliseconds(1));
}

/// Connects through CAF's TLS manager, which remote_actor() would wait for without a deadline.
result<caf::actor> connect_gateway(caf::actor_system& system, caf::scoped_actor& self,
                                   const host_port& address, clock::time_point end) {
  caf::strong_actor_ptr found;
  std::string problem;
  self->request(system.openssl_manager().actor_handle(), left_until(end), caf::connect_atom_v, address.host,
                address.port)
      .receive([&](const caf::node_id&, caf::strong_actor_ptr& whom,
                   const std::set<std::string>&) { found = std::move(whom); },
               [&](const caf::error& e) { problem = error_text(e); });
  if (found)
    return caf::actor_cast<caf::actor>(found);
  return failure(problem.empty() ? "no actor is published there" : problem);
}

} // namespace

gateway_client::gateway_client(std::unique_ptr<implementation> held)
    : held_(std::move(held)) {}

gateway_client::~gateway_client() = default;

const std::string& gateway_client::node() const {
  return held_->node;
}

result<std::unique_ptr<gateway_client>> gateway_client::connect(const host_port& place, const tls_files& tls,
                                                                std::chrono::milliseconds deadline) {
  auto end = clock::now() + deadline;
  auto texts = check_tls_files(tls);
  if (!texts)
    return tl::make_unexpected(texts.error());
  auto signer = request_signer::make(texts->certificate, texts->key);
  if (!signer)
    return tl::make_unexpected(signer.error());
  auto address = tcp_probe(place, left_until(end));
  if (!address)
    return tl::make_unexpected(address.error());
  auto held = std::make_unique<implementation>(tls, std::move(*signer));
  held->place = place.text();
  auto gateway = connect_gateway(held->system, held->self, *address, end);
  if (!gateway)
    return failure(fmt::format("{} accepts no TLS connection with the certificate {} ({})", place.text(),
                               tls.certificate.string(), gateway.error().what),
                   "check that a node listens there, and that its CA is that of --config", true);
  held->gateway = std::move(*gateway);
  held->gateway->attach_functor([lost = held->lost](const caf::error&) { *lost = true; });
  std::string problem;
  std::uint32_t version = 0;
  held->self->request(held->gateway, left_until(end), hello{})
      .receive(
          [&](welcome& w) {
            version = w.version;
            held->node = std::move(w.node);
          },
          [&](const caf::error& e) { problem = error_text(e); });
  if (!problem.empty())
    return failure(fmt::format("{} doesn't answer: {}", place.text(), problem), "try another node", true);
  if (version != gateway_protocol_version)
    return failure(fmt::format("{} speaks version {} of the protocol, not {}", place.text(), version,
                               gateway_protocol_version),
                   "install the same version of understudy on both sides", true);
  return std::unique_ptr<gateway_client>(new gateway_client(std::move(held)));
}

result<reply> gateway_client::request(std::string command_json, std::chrono::milliseconds deadline) {
  using namespace std::chrono;
  if (*held_->lost)
    return failure(fmt::format("the connection to {} has ended", held_->place), "connect again", true);
  auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  auto signed_request = held_->signer.sign(std::move(command_json), held_->node, now);
  if (!signed_request)
    return tl::make_unexpected(signed_request.error());
  result<reply> outcome;
  held_->self->request(held_->gateway, deadline, std::move(*signed_request))
      .receive([&](reply& r) { outcome = std::move(r); },
               [&](const caf::error& e) {
                 outcome =
                     failure(fmt::format("{} didn't answer the command: {}; it may be done all the same",
                                         held_->place, error_text(e)),
                             "ask getAccountStatus or monitor before you repeat it", true);
               });
  return outcome;
}

} // namespace understudy
