#include "events/log/client_watch.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

constexpr int syslog_error = 3;
constexpr int syslog_warning = 4;
constexpr int syslog_info = 6;

log_level level_of(int syslog) {
  if (syslog <= syslog_error)
    return log_level::error;
  if (syslog <= syslog_warning)
    return log_level::warning;
  return syslog <= syslog_info ? log_level::info : log_level::debug;
}

/// How long a client may be without a broker before it is said: connecting takes a moment.
constexpr auto patience = std::chrono::seconds(3);

} // namespace

client_watch::~client_watch() {
  if (said_)
    voice_->back();
}

void client_watch::say(log_level level, std::string_view text) const {
  if (sink_)
    sink_(level, text);
}

void client_watch::limited(log_level level, std::string_view text) {
  const auto hidden = voice_->admit(log_throttle::clock::now());
  if (!hidden)
    return;
  if (*hidden == 0)
    say(level, text);
  else
    say(level, fmt::format("{} ({} lines before it weren't shown)", text, *hidden));
}

void client_watch::log_line(int level, std::string_view facility, std::string_view text) {
  // One set of properties serves producers and readers: librdkafka warns of what isn't for the one at hand.
  if (facility == "CONFWARN")
    return;
  limited(level_of(level), fmt::format("Kafka client: {} {}", facility, text));
}

void client_watch::client_error(int, std::string_view text) {
  limited(log_level::warning, fmt::format("Kafka client: {}", text));
}

void client_watch::answered() {
  if (!judged_)
    connected_ = true;
}

void client_watch::statistics(std::string_view json) {
  // Only brokers have a state in capitals; the text has no spaces within a field.
  const bool up = json.find("\"state\":\"UP\"") != std::string_view::npos;
  judged_ = true;
  const auto now = std::chrono::steady_clock::now();
  const auto since = now - changed_;
  if (up != connected_) {
    connected_ = up;
    changed_ = now;
    if (up && said_ && voice_->back())
      say(log_level::info, fmt::format("Kafka can be reached again, after {} s",
                                       std::chrono::duration_cast<std::chrono::seconds>(since).count()));
    said_ = false;
    connection_changed(up);
  } else if (!up && !said_ && since >= patience) {
    said_ = true;
    if (voice_->cut_off())
      say(log_level::error, "no Kafka broker can be reached; it is tried again all the time");
  }
}

} // namespace understudy
