#include "storage/binlog/binlog_stream.hpp"

#include "storage/binlog/binlog_packet.hpp"
#include "storage/binlog/event_decoder.hpp"

#include <fmt/format.h>
#include <mysql.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

namespace understudy {
namespace {

constexpr unsigned master_fatal_error =
    1236; // ER_MASTER_FATAL_ERROR_READING_BINLOG: position, purged, settings
constexpr unsigned access_denied = 1045;
constexpr unsigned access_denied_no_password = 1698;
constexpr unsigned privilege_missing = 1227;

std::uint64_t next_generation() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

struct close_connection {
  void operator()(MYSQL* m) const { mysql_close(m); }
};
using connection = std::unique_ptr<MYSQL, close_connection>;

error server_error(MYSQL* m, std::string_view doing) {
  const auto number = mysql_errno(m);
  const bool final = number == master_fatal_error || number == access_denied ||
                     number == access_denied_no_password || number == privilege_missing;
  std::string todo;
  if (number == master_fatal_error)
    todo = "the server can't serve this position: its history from there is lost, or not the one we know";
  else if (final)
    todo = "give the node's MariaDB user its password, and REPLICATION SLAVE";
  return {fmt::format("{}: MariaDB says {} ({})", doing, mysql_error(m), number), std::move(todo), !final};
}

result<void> run(MYSQL* m, const std::string& statement) {
  if (mysql_real_query(m, statement.data(), statement.size()) != 0)
    return tl::make_unexpected(server_error(m, fmt::format("`{}`", statement.substr(0, 120))));
  if (auto* rows = mysql_store_result(m))
    mysql_free_result(rows);
  return {};
}

result<void> send_command(MYSQL* m, enum enum_server_command command, const std::vector<std::uint8_t>& body,
                          std::string_view doing) {
  // libmariadb exports no function for these two commands; its table of methods is in mysql.h.
  if (m->methods->db_command(m, command, reinterpret_cast<const char*>(body.data()), body.size(), 1,
                             nullptr) != 0)
    return tl::make_unexpected(server_error(m, doing));
  return {};
}

/// R1. The position is text of numbers, commas and dashes: nothing to be escaped.
std::vector<std::string> set_up(const stream_options& o) {
  std::vector<std::string> s{
      "SET @mariadb_slave_capability=4",
      // Whatever the server's own setting is: it sends the sums that its files have.
      "SET @master_binlog_checksum='CRC32'",
      fmt::format("SET @slave_connect_state='{}'", o.start.text()),
      "SET @slave_gtid_strict_mode=1",
      "SET @slave_gtid_ignore_duplicates=0",
      fmt::format("SET @master_heartbeat_period={}",
                  std::chrono::duration_cast<std::chrono::nanoseconds>(o.heartbeat).count()),
      fmt::format("SET SESSION net_write_timeout={}", o.server_write_timeout.count()),
  };
  if (o.synchronous)
    s.push_back("SET @rpl_semi_sync_slave=1");
  return s;
}

void prepare(MYSQL* m, const stream_options& o) {
  const auto connect_seconds = static_cast<unsigned>(std::max<std::int64_t>(1, o.connect_timeout.count()));
  mysql_options(m, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
  const auto silence = std::chrono::ceil<std::chrono::seconds>(o.heartbeat * o.silent_heartbeats).count();
  const auto read_seconds = static_cast<unsigned>(std::max<std::int64_t>(1, silence));
  mysql_options(m, MYSQL_OPT_READ_TIMEOUT, &read_seconds);
  const auto protocol = static_cast<unsigned>(MYSQL_PROTOCOL_SOCKET);
  mysql_options(m, MYSQL_OPT_PROTOCOL, &protocol);
  // Beyond its own limit libmariadb says "Lost connection", which would be tried again for ever (case B01):
  // so its limit is above everything that a server can send, and next() looks at ours.
  constexpr unsigned long longest = 0xFFFFFFFFUL;
  mysql_options(m, MYSQL_OPT_MAX_ALLOWED_PACKET, &longest);
  // The ACK is written raw: nothing may lie between us and the socket.
  my_bool no = 0;
  mysql_options(m, MYSQL_OPT_SSL_ENFORCE, &no);
  mysql_options(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
}

} // namespace

struct binlog_stream::parts {
  stream_options options;
  connection server;
  int socket = -1;
  std::uint64_t generation = next_generation();
  std::mutex writing; ///< ACKs come from any thread; each must go out in one piece
  /// Of the ACK that is going out: what the socket had no room for.
  std::vector<std::uint8_t> unsent;
  /// The highest one behind it, which stands for all below: ACKs are cumulative.
  std::vector<std::uint8_t> next_ack;
  std::atomic<bool> waits_for_room{false}; ///< one of the two isn't empty
  std::atomic<bool> interrupted{false};
  std::atomic<bool> semi_sync{false}; ///< judged by what the server sends, not by what was asked (case S04)
  std::atomic<bool> ended{false};
  position_refusal refusal = position_refusal::none;
  std::atomic<std::uint64_t> packets{0};
  std::atomic<std::uint64_t> bytes{0};

  bool flush_locked();
};

/// A server that was told to switch semi-sync off reads no ACK any more, while it goes on sending: waiting
/// for room would wait for ever, with all who settle or stop behind us. False: the connection is gone.
bool binlog_stream::parts::flush_locked() {
  while (true) {
    if (unsent.empty())
      std::swap(unsent, next_ack);
    waits_for_room = !unsent.empty();
    if (unsent.empty())
      return true;
    const auto written = ::send(socket, unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written > 0)
      unsent.erase(unsent.begin(), unsent.begin() + written);
    else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return true;
    else if (written >= 0 || errno != EINTR)
      return false;
  }
}

binlog_stream::binlog_stream(std::unique_ptr<parts> p)
    : parts_(std::move(p)) {}
binlog_stream::~binlog_stream() = default;

result<std::unique_ptr<binlog_stream>> binlog_stream::connect(const stream_options& options) {
  auto p = std::make_unique<parts>();
  p->options = options;
  p->server.reset(mysql_init(nullptr));
  auto* m = p->server.get();
  if (!m)
    return failure("no memory for a connection to MariaDB", {}, true);
  prepare(m, options);
  if (!mysql_real_connect(m, nullptr, options.user.c_str(), options.password.c_str(), nullptr, 0,
                          options.socket.c_str(), 0))
    return tl::make_unexpected(server_error(m, "connecting to " + options.socket));
  for (const auto& statement : set_up(options))
    if (auto done = run(m, statement); !done)
      return tl::make_unexpected(done.error());
  // Makes us visible in SHOW REPLICA HOSTS.
  if (auto sent = send_command(m, COM_REGISTER_SLAVE, register_command(options.server_id, options.host),
                               "COM_REGISTER_SLAVE");
      !sent)
    return tl::make_unexpected(sent.error());
  if (mysql_net_read_packet(m) == packet_error)
    return tl::make_unexpected(server_error(m, "COM_REGISTER_SLAVE"));
  // The server ends an older dump with the same server id by itself: never two of them.
  if (auto sent = send_command(m, COM_BINLOG_DUMP, dump_command(options.server_id), "COM_BINLOG_DUMP"); !sent)
    return tl::make_unexpected(sent.error());
  p->socket = mysql_get_socket(m);
  return std::unique_ptr<binlog_stream>(new binlog_stream(std::move(p)));
}

result<std::optional<raw_event>> binlog_stream::next() {
  auto& p = *parts_;
  auto* m = p.server.get();
  if (p.interrupted)
    return std::nullopt;
  if (p.ended)
    return failure("the binlog connection has ended", {}, true);
  if (p.waits_for_room) { // a heartbeat later at the latest
    const std::lock_guard lock(p.writing);
    p.flush_locked(); // where it fails, reading fails as well
  }
  const auto length = mysql_net_read_packet(m);
  if (length == packet_error) {
    p.ended = true;
    if (p.interrupted)
      return std::nullopt;
    p.refusal = refusal_of(mysql_errno(m), mysql_error(m));
    return tl::make_unexpected(server_error(m, "reading the binlog"));
  }
  const byte_span packet{m->net.read_pos, length};
  auto unpacked = unpack_event(packet);
  if (!unpacked) {
    p.ended = true;
    return tl::make_unexpected(unpacked.error());
  }
  if (unpacked->event.size() > p.options.max_event_bytes) {
    p.ended = true;
    return failure(fmt::format("an event of {} bytes is over the limit of {}", unpacked->event.size(),
                               p.options.max_event_bytes),
                   "capture can't go on behind it with this limit");
  }
  p.semi_sync.store(unpacked->semi_sync, std::memory_order_relaxed);
  p.packets.fetch_add(1, std::memory_order_relaxed);
  p.bytes.fetch_add(length, std::memory_order_relaxed);
  return raw_event{unpacked->event, unpacked->wants_ack};
}

result<void> binlog_stream::send_ack(const binlog_place& place) {
  auto& p = *parts_;
  if (!p.options.synchronous)
    return {};
  auto packet = ack_packet(place);
  const std::lock_guard lock(p.writing);
  p.next_ack = std::move(packet);
  if (p.interrupted || p.ended || !p.flush_locked())
    return failure(
        fmt::format("the ACK of {}:{} couldn't be sent: the connection is gone", place.file, place.offset),
        {}, true);
  return {};
}

void binlog_stream::interrupt() {
  parts_->interrupted = true;
  // Wakes a blocking read; the descriptor itself stays open until the destructor, so that no other file gets
  // its number while another thread still uses it.
  ::shutdown(parts_->socket, SHUT_RDWR);
}

position_refusal binlog_stream::refusal() const {
  return parts_->refusal;
}

bool binlog_stream::synchronous() const {
  return parts_->semi_sync;
}
std::uint64_t binlog_stream::generation() const {
  return parts_->generation;
}
std::uint64_t binlog_stream::packets() const {
  return parts_->packets;
}
std::uint64_t binlog_stream::bytes() const {
  return parts_->bytes;
}

} // namespace understudy
