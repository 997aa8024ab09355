// The node's HTTP port: what monitoring reads. GET alone, nothing can be changed through it.
#pragma once
#include "events/model/error.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace understudy {

/// What /healthz and /readyz answer: 200 if `ok`, else 503; `{"ok":…,"reasons":["…"]}` either way, and
/// `"warnings":["…"]` if there are any.
struct health {
  bool ok = true;
  std::vector<std::string> reasons;    ///< sentences for people: "waiting for Kafka", "lease not held", …
  std::vector<std::string> warnings{}; ///< what should be otherwise, and breaks no promise now
};

/// One page of /accounts: those that come after `after` in the order of their ids ("" = from the first); or,
/// with `top`, so many of the replicas on this node, those that lag most first.
struct accounts_query {
  static constexpr std::size_t default_limit = 100;
  static constexpr std::size_t max_limit = 1000;      ///< about 1 MB of JSON
  static constexpr std::size_t max_after_bytes = 320; ///< as long as any account's name
  std::string after;
  std::size_t limit = default_limit; ///< 1..max_limit
  std::size_t top = 0;               ///< 1..max_limit; 0: a page
};

class http_server {
public:
  /// Called on the server's threads, two at once at most; must answer within a second or so, since stop()
  /// waits for them. An exception is answered with 500 and reported; a broken invariant ends the process.
  struct handlers {
    std::function<std::string()> metrics{}; ///< exposition format
    std::function<health()> healthz{};      ///< does this process work at all?
    std::function<health()> readyz{};       ///< does it keep its promises now?
    /// JSON text. An error is answered with 503 and {"error","todo"}. An empty function: 404.
    std::function<result<std::string>(const accounts_query&)> accounts{};
  };
  struct options {
    std::string host = "127.0.0.1"; ///< a name or address without brackets
    std::uint16_t port = 0;         ///< 0: the system chooses
    handlers answer;
    std::function<void(const std::string&)> report; ///< lines for the log; may be empty
  };

  /// Listens when it returns. Fails if the port is taken or the address isn't this host's. Blocking (the
  /// host's name may be looked up).
  static result<std::unique_ptr<http_server>> start(options o);
  ~http_server(); ///< stop()
  /// Nothing is answered any more; connections under way are cut, and handlers under way are waited for.
  /// Not from a handler.
  void stop();
  /// Where it listens.
  std::uint16_t port() const;

private:
  class listener;
  explicit http_server(std::unique_ptr<listener> l);
  std::unique_ptr<listener> listener_;
};

} // namespace understudy
