// The node's log: structured lines to stderr, as text for people or JSON for collectors (journald).
#pragma once
#include "actors/config/node_config.hpp"
#include "events/log/kafka_settings.hpp"

#include <string_view>

namespace understudy {

/// Sets spdlog's default logger up. Once, before any thread logs.
void begin_log(log_threshold level, log_format format);

/// What a line is about, as all lines say it: `account ID: …` at the beginning, or `account ID` and
/// `operation ID` behind what they have a part in. Of several the first. Empty: nothing in particular.
struct log_subject {
  std::string_view account, operation; ///< parts of the line
};
log_subject subject_of(std::string_view line);

/// For parts that say what they say through a callback. Any thread.
void say(log_level level, std::string_view text);

} // namespace understudy
