// What every librdkafka client needs: its log limited, and whether any broker can be reached.
#pragma once
#include "events/log/client_voice.hpp"
#include "events/log/kafka_settings.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace understudy {

/// The opaque of a client's callbacks. Any thread.
class client_watch {
public:
  explicit client_watch(const kafka_settings& settings)
      : sink_(settings.log)
      , voice_(settings.voice ? settings.voice : std::make_shared<client_voice>()) {}
  virtual ~client_watch();
  client_watch(const client_watch&) = delete;
  client_watch& operator=(const client_watch&) = delete;

  /// A line of librdkafka's, with its syslog level and its facility.
  void log_line(int level, std::string_view facility, std::string_view text);
  /// librdkafka's statistics, once a second: the only place that tells that a broker is back, and that
  /// doesn't take an idle connection's end for an outage while another broker is up (case O01).
  void statistics(std::string_view json);
  /// A broker gave something: told before the first statistics, so that a client that works doesn't count as
  /// cut off for its first second. Behind them they alone decide: what was fetched earlier is given later.
  void answered();
  /// error_cb
  virtual void client_error(int code, std::string_view text);

  bool connected() const { return connected_; }

  /// A connection to a broker begins: told before anything comes over it.
  void connecting() { ++connections_; }
  /// How many have begun. Whoever looks when something has come knows whether it may be of a new one.
  std::uint64_t connections() const { return connections_; }

protected:
  /// Outside the limit: state changes.
  void say(log_level level, std::string_view text) const;
  virtual void connection_changed(bool) {}

private:
  void limited(log_level level, std::string_view text);

  log_sink sink_;
  const std::shared_ptr<client_voice> voice_;
  std::atomic<bool> connected_ = false;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<bool> judged_ = false; ///< by statistics
  std::chrono::steady_clock::time_point changed_ = std::chrono::steady_clock::now();
  bool said_ = false; ///< whether the present state has been logged
};

} // namespace understudy
