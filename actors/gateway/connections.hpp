// The TCP connections of a gateway's CAF system. CAF 0.17.6 neither limits the time a peer has for its
// handshake nor ends: at its shutdown it waits for each peer to close its side, so that one silent peer would
// keep the process for ever (tried; case O04). Its connection handles are file descriptors: they're shut
// here. Nor does it wait for a peer's half of a TLS handshake: what it has to say meanwhile keeps the loop
// looking at a socket that is always ready to be written to, a whole core as long as the peer is silent
// (tried: 200,000 looks a second).
#pragma once
#include <caf/actor_system.hpp>
#include <caf/io/network/default_multiplexer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <unordered_map>
#include <vector>

namespace understudy {

/// When an event loop has to rest, so that it never takes a core (pure). What a gateway exchanges is far
/// below the limit.
class loop_pace {
public:
  using clock = std::chrono::steady_clock;
  static constexpr auto window = std::chrono::milliseconds(10);
  static constexpr unsigned looks = 50; ///< at most, in a window

  /// The loop has looked at its sockets once more; how long it has to rest before it may again.
  clock::duration looked(clock::time_point now);

private:
  clock::time_point window_begun_;
  unsigned looked_ = 0;
};

/// CAF's event loop, that rests as loop_pace says, and that ends at most a second after it was told to,
/// whatever its peers do.
class bounded_multiplexer : public caf::io::network::default_multiplexer {
public:
  using default_multiplexer::default_multiplexer;
  supervisor_ptr make_supervisor() override;
  void run() override;

private:
  void look(bool block);

  loop_pace pace_;
  bool closing_ = false; ///< set and read in the loop's own thread
};

/// Runs `work` in the thread that accepts and serves connections, and waits for its end.
void in_network_thread(caf::actor_system& system, const std::function<void()>& work);

/// Ends all connections, so that the system can be destroyed.
void end_connections(caf::actor_system& system);

/// Ends connections that didn't get through TLS and CAF's handshake in time, or that are too many.
class connection_watch {
public:
  using clock = std::chrono::steady_clock;
  /// Connections without a handshake yet, by descriptor, and when they were first seen.
  using unknown_connections = std::unordered_map<int, clock::time_point>;
  /// Long enough for a slow network; a command line needs 10 ms.
  static constexpr auto handshake_patience = std::chrono::seconds(10);
  /// Of connections without a handshake yet: far below the usual limit of 1,024 descriptors.
  static constexpr std::size_t unknown_limit = 256;

  /// To be called once a second or so; returns how many were ended.
  std::size_t look(caf::actor_system& system, clock::time_point now);

  /// Which of `unknown` to end (pure): those past their patience, and beyond the limit the oldest: an
  /// administrator who comes while others say nothing is the youngest. Those seen for the first time (since
  /// `now`) are only ended when there are twice as many as the limit.
  static std::vector<int> overdue(const unknown_connections& unknown, clock::time_point now);

private:
  unknown_connections unknown_since_;
};

} // namespace understudy
