#include "actors/gateway/gateway_system.hpp"

#include "actors/gateway/clean_error_queue.hpp"
#include "actors/gateway/connections.hpp"

#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>

namespace understudy {

gateway_system_config::gateway_system_config(const tls_files& tls, gateway_end end) {
  keep_error_queue_clean();
  load<caf::io::middleman, bounded_multiplexer>();
  load<caf::openssl::manager>();
  add_message_type<hello>("understudy.hello");
  add_message_type<welcome>("understudy.welcome");
  add_message_type<request>("understudy.request");
  add_message_type<reply>("understudy.reply");
  openssl_cafile = tls.ca.string();
  openssl_certificate = tls.certificate.string();
  openssl_key = tls.key.string();
  // A handful of short messages: one worker, and none that polls for work when idle.
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", std::size_t{1});
  set("middleman.workers", std::size_t{1});
  // A peer that vanished without a FIN is given up after half a minute, not after TCP's hours (case O04).
  set("middleman.heartbeat-interval", caf::timespan(std::chrono::seconds(5)));
  // Not by clients, whose requests have deadlines of their own: CAF 0.17.6 counts a connection that is being
  // made from time 0 and cuts it at the first heartbeat (tried: basp_broker's connect leaves last_seen
  // unset).
  if (end == gateway_end::server)
    set("middleman.connection-timeout", caf::timespan(std::chrono::seconds(30)));
}

std::string error_text(const caf::error& problem) {
  if (problem.category() == caf::atom("system"))
    return caf::to_string(static_cast<caf::sec>(problem.code()));
  return caf::to_string(problem.category());
}

} // namespace understudy
