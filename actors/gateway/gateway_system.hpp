// The CAF actor system that a gateway's server and its clients run in: two ends of one connection, so one
// place for its message types and limits. Not for other actors (DESIGN §5).
#pragma once
#include "actors/gateway/messages.hpp"
#include "actors/gateway/tls_material.hpp"

#include <caf/actor_system_config.hpp>

#include <string>

namespace understudy {

enum class gateway_end : std::uint8_t { server, client };

struct gateway_system_config : caf::actor_system_config {
  /// `tls`: checked before (check_tls_files): CAF ends the process on a file that it can't use.
  gateway_system_config(const tls_files& tls, gateway_end end);
};

/// A CAF error in words.
std::string error_text(const caf::error& problem);

} // namespace understudy
