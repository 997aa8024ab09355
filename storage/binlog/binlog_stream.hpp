// The connection to the local MariaDB: registers as a (semi-synchronous) replica, reads event packets,
// writes ACKs (R1). No decoding here.
#pragma once
#include "events/model/error.hpp"
#include "events/model/gtid.hpp"
#include "storage/binlog/position_refusal.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace understudy {

/// The host that our dumps tell MariaDB: `SHOW REPLICA HOSTS` lists them under it, which tells them, also
/// those of a former process, from other replicas.
inline constexpr std::string_view dump_host = "understudyd";

struct stream_options {
  std::string socket = "/run/mysqld/mysqld.sock";
  std::string user;
  std::string password;
  /// Of our dump: must differ from the server's own and from every other replica's.
  std::uint32_t server_id = 0;
  std::string host{dump_host}; ///< at most 255 bytes
  /// Start behind these transactions (R7: the settled ones). Empty = from the oldest binlog kept.
  gtid_position start;
  /// Ask for semi-sync: a COMMIT waits for send_ack. False = asynchronous.
  bool synchronous = true;
  /// The server sends a heartbeat when it has had nothing else to send for so long.
  std::chrono::milliseconds heartbeat{500};
  /// Silence of so many heartbeat periods ends the connection with a retryable error (case S05).
  unsigned silent_heartbeats = 6;
  /// The server's net_write_timeout for this session: how long we may not read (case P06).
  std::chrono::seconds server_write_timeout{24 * 60 * 60};
  std::chrono::seconds connect_timeout{5};
  /// Longest event accepted, in bytes; longer ones are a clear error, not a reconnect loop (case B01).
  /// MariaDB's own limit is 1 GiB (max_allowed_packet), events may exceed it a little.
  std::size_t max_event_bytes = (std::size_t{1} << 30) + (std::size_t{1} << 20);
  /// What may be kept in memory of a transaction's rows, and once more of all that are prepared (P7, case
  /// P06).
  std::size_t most_kept_bytes = std::size_t{128} << 20;
};

/// One event as it came, without the semi-sync header; `bytes` is valid until the next call of next().
struct raw_event {
  std::span<const std::uint8_t> bytes; ///< event header, body, checksum
  bool wants_ack = false;              ///< the server holds a COMMIT for this event
};

/// One dump connection. Owned and read by one thread; send_ack and interrupt may be called from any thread.
class binlog_stream {
public:
  /// Connects, sets the session up (R1) and starts the dump. Blocks up to the options' connect timeout.
  /// Errors: retryable when the server is away; not when it refuses (rights, settings, position purged).
  static result<std::unique_ptr<binlog_stream>> connect(const stream_options& options);
  ~binlog_stream();
  binlog_stream(const binlog_stream&) = delete;
  binlog_stream& operator=(const binlog_stream&) = delete;

  /// Why the server refused the position, if that is what ended the stream. Owning thread only.
  position_refusal refusal() const;

  /// Blocks for the next event. Empty = interrupt() was called. After an error the stream is at its end.
  result<std::optional<raw_event>> next();

  /// Acknowledges everything up to `place`: cumulative, so it must never go backwards or above something
  /// unsettled (R2). Any thread, never blocks: what the socket has no room for goes out with a later ACK, or
  /// behind the next packet that is read. Does nothing when not synchronous. An error means that the
  /// connection is gone: next() reports it as well.
  result<void> send_ack(const binlog_place& place);

  /// Any thread, any number of times: a blocking next() returns empty, and so does every later one.
  void interrupt();

  /// Whether the server took us as semi-synchronous, by what it last sent (case S04). Any thread.
  bool synchronous() const;
  /// Different for each connection of this process, growing (R7); never 0.
  std::uint64_t generation() const;
  std::uint64_t packets() const; ///< any thread
  std::uint64_t bytes() const;   ///< any thread

private:
  struct parts;
  explicit binlog_stream(std::unique_ptr<parts> p);
  std::unique_ptr<parts> parts_;
};

} // namespace understudy
