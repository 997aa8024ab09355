#include "actors/metrics/http_connection.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace understudy {
namespace {

using name_getter = int (*)(int, sockaddr*, socklen_t*);

void address_of(int socket, name_getter get, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  char host[NI_MAXHOST] = "";
  char service[NI_MAXSERV] = "";
  if (get(socket, generic, &size) != 0 || getnameinfo(generic, size, host, sizeof host, service,
                                                      sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return;
  ip = host;
  port = std::atoi(service);
}

bool is_momentary(int code) {
  return code == EAGAIN || code == EWOULDBLOCK || code == EINTR;
}

} // namespace

http_connection::http_connection(int socket, const std::atomic<bool>& stopping)
    : socket_(socket)
    , stopping_(stopping) {
  fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);
}

http_connection::~http_connection() {
  if (answering_)
    drop_unread();
  close(socket_);
}

bool http_connection::wait(short events) const {
  while (!stopping_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock::now());
    if (left.count() <= 0)
      return false;
    pollfd asked{socket_, events, 0};
    const int ready = poll(&asked, 1, static_cast<int>(std::min(left, notice).count()));
    if (ready > 0)
      return true; // an error or a hang-up too: the call that follows says which
    if (ready < 0 && errno != EINTR)
      return false;
  }
  return false;
}

bool http_connection::is_readable() const {
  return wait(POLLIN);
}

bool http_connection::is_writable() const {
  return wait(POLLOUT);
}

ssize_t http_connection::read(char* to, size_t size) {
  size = std::min(size, max_request_bytes - read_);
  if (size == 0)
    return -1;
  while (wait(POLLIN)) {
    const auto got = recv(socket_, to, size, 0);
    if (got < 0 && is_momentary(errno))
      continue;
    if (got > 0)
      read_ += static_cast<std::size_t>(got);
    return got;
  }
  return -1;
}

ssize_t http_connection::write(const char* from, size_t size) {
  if (!answering_) {
    answering_ = true;
    deadline_ = clock::now() + patience;
  }
  while (wait(POLLOUT)) {
    const auto sent = send(socket_, from, size, MSG_NOSIGNAL);
    if (sent < 0 && is_momentary(errno))
      continue;
    return sent;
  }
  return -1;
}

void http_connection::drop_unread() {
  shutdown(socket_, SHUT_WR);
  deadline_ = clock::now() + unread_patience;
  char dropped[4096];
  for (std::size_t total = 0; total < max_unread_bytes && wait(POLLIN);) {
    const auto got = recv(socket_, dropped, sizeof dropped, 0);
    if (got < 0 && is_momentary(errno))
      continue;
    if (got <= 0)
      return;
    total += static_cast<std::size_t>(got);
  }
}

void http_connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  address_of(socket_, getpeername, ip, port);
}

void http_connection::get_local_ip_and_port(std::string& ip, int& port) const {
  address_of(socket_, getsockname, ip, port);
}

} // namespace understudy
