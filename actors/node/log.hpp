// The node's log: structured lines to stderr, as text for people or JSON for collectors (journald).
#pragma once
#include "actors/config/node_config.hpp"

namespace understudy {

/// Sets spdlog's default logger up. Once, before any thread logs.
void begin_log(log_threshold level, log_format format);

} // namespace understudy
