// One client's connection as cpp-httplib reads and writes it. Its own stream waits for each byte anew, and
// doesn't notice that the server stops: a client that sends a byte now and then would hold a thread for ever.
#pragma once
#include <httplib.h>

#include <atomic>
#include <chrono>

namespace understudy {

/// Owns the socket. Every call ends at once with -1 when `stopping` becomes true, within `notice` of it.
class http_connection : public httplib::Stream {
public:
  static constexpr std::chrono::milliseconds notice{50};
  /// From the connection to the request's last byte, and again from there to the answer's last byte.
  static constexpr std::chrono::seconds patience{5};
  /// A GET with its header lines; a browser sends less than 2 KB.
  static constexpr std::size_t max_request_bytes = 16384;
  /// A refused request's body is read and dropped up to this, so that the client gets to see the answer
  /// instead of a reset connection.
  static constexpr std::size_t max_unread_bytes = 65536;
  static constexpr std::chrono::milliseconds unread_patience{500};

  /// Takes the socket over and makes it non-blocking.
  http_connection(int socket, const std::atomic<bool>& stopping);
  /// Ends the answer and closes.
  ~http_connection() override;
  http_connection(const http_connection&) = delete;
  http_connection& operator=(const http_connection&) = delete;

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* to, size_t size) override;
  ssize_t write(const char* from, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

private:
  using clock = std::chrono::steady_clock;
  bool wait(short events) const;
  void drop_unread();

  int socket_;
  const std::atomic<bool>& stopping_;
  clock::time_point deadline_ = clock::now() + patience;
  std::size_t read_ = 0;
  bool answering_ = false;
};

} // namespace understudy
