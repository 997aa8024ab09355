#include "actors/gateway/tcp_probe.hpp"

#include "events/model/named_thread.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <system_error>

namespace understudy {

namespace {

using clock = std::chrono::steady_clock;
using addresses = std::shared_ptr<addrinfo>;

int milliseconds_until(clock::time_point end) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
}

result<addresses> resolve(const host_port& place) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int code = ::getaddrinfo(place.host.c_str(), std::to_string(place.port).c_str(), &hints, &found);
  if (code != 0)
    return failure(fmt::format("{} can't be resolved: {}", place.host, ::gai_strerror(code)),
                   "check the host's name and DNS", true);
  return addresses(found, ::freeaddrinfo);
}

/// getaddrinfo has no deadline of its own: it runs aside and is left behind when it takes too long.
result<addresses> resolve_within(const host_port& place, clock::time_point end) {
  auto promise = std::make_shared<std::promise<result<addresses>>>();
  auto answer = promise->get_future();
  named_thread("resolve", [promise, place] { promise->set_value(resolve(place)); }).detach();
  if (answer.wait_until(end) != std::future_status::ready)
    return failure(fmt::format("{} wasn't resolved in time", place.host), "check the host's name and DNS",
                   true);
  return answer.get();
}

/// 0 or the errno of a failed connection.
int connect_within(const addrinfo& to, clock::time_point end) {
  int descriptor = ::socket(to.ai_family, to.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to.ai_protocol);
  if (descriptor < 0)
    return errno;
  int code = ::connect(descriptor, to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
  if (code == EINPROGRESS) {
    pollfd waiting{descriptor, POLLOUT, 0};
    int ready = 0;
    while ((ready = ::poll(&waiting, 1, milliseconds_until(end))) < 0 && errno == EINTR) {
    }
    socklen_t size = sizeof code;
    if (ready == 0)
      code = ETIMEDOUT;
    else if (ready < 0 || ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
      code = errno;
  }
  ::close(descriptor);
  return code;
}

} // namespace

result<host_port> tcp_probe(const host_port& place, std::chrono::milliseconds deadline) {
  auto end = clock::now() + deadline;
  auto found = resolve_within(place, end);
  if (!found)
    return tl::make_unexpected(found.error());
  int code = 0;
  for (const addrinfo* to = found->get(); to; to = to->ai_next) {
    code = connect_within(*to, end);
    if (code != 0)
      continue;
    std::array<char, NI_MAXHOST> host{};
    ::getnameinfo(to->ai_addr, to->ai_addrlen, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST);
    return host_port{host.data(), place.port};
  }
  return failure(
      fmt::format("nobody answers at {}: {}", place.text(), std::generic_category().message(code)),
      "check that understudyd runs there and isn't waiting for Kafka or MariaDB (its log says so), or "
      "name another node with --node",
      true);
}

} // namespace understudy
