#include "actors/metrics/http_server.hpp"
#include "actors/metrics/node_metrics.hpp"

#include <arpa/inet.h>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace understudy;
namespace json = boost::json;

namespace {

using clock_type = std::chrono::steady_clock;

/// A client that knows nothing of the server's library.
class client {
public:
  explicit client(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~client() { close(socket_); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  bool connected() const { return connected_; }
  bool send(const std::string& text) const {
    return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// All that comes until the server closes; what came so far after 10 s.
  std::string read_all() const {
    std::string all;
    char part[4096];
    const auto deadline = clock_type::now() + std::chrono::seconds(10);
    while (clock_type::now() < deadline) {
      pollfd asked{socket_, POLLIN, 0};
      if (poll(&asked, 1, 100) <= 0)
        continue;
      const auto got = recv(socket_, part, sizeof part, 0);
      if (got <= 0)
        return all;
      all.append(part, static_cast<std::size_t>(got));
    }
    return all;
  }

private:
  int socket_;
  bool connected_ = false;
};

std::string ask(std::uint16_t port, const std::string& request) {
  const client connection(port);
  BOOST_REQUIRE(connection.connected());
  BOOST_REQUIRE(connection.send(request));
  return connection.read_all();
}

std::string get(std::uint16_t port, const std::string& path) {
  return ask(port, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

int status_of(const std::string& answer) {
  return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
}

std::string body_of(const std::string& answer) {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

std::unique_ptr<http_server> serve(http_server::handlers answer,
                                   std::function<void(const std::string&)> report = {}) {
  auto started = http_server::start({"127.0.0.1", 0, std::move(answer), std::move(report)});
  BOOST_REQUIRE_MESSAGE(started, started.error().what);
  BOOST_REQUIRE((*started)->port() != 0);
  return std::move(*started);
}

void check_stops_within_a_second(http_server& server) {
  const auto before = clock_type::now();
  server.stop();
  BOOST_TEST((clock_type::now() - before < std::chrono::seconds(1)));
}

} // namespace

BOOST_AUTO_TEST_CASE(a_scrape_over_loopback_reads_what_was_counted) {
  node_metrics metrics("0.1");
  metrics.events_applied(12);
  const auto server = serve({.metrics = [&metrics] { return metrics.text(); }});
  const auto answer = get(server->port(), "/metrics");
  BOOST_TEST(status_of(answer) == 200);
  BOOST_TEST(answer.find("Content-Type: text/plain; version=0.0.4") != std::string::npos);
  BOOST_TEST(body_of(answer).find("\nunderstudy_events_applied_total 12\n") != std::string::npos);
  metrics.events_applied(1);
  BOOST_TEST(get(server->port(), "/metrics").find("\nunderstudy_events_applied_total 13\n") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(p8_health_and_readiness_give_their_reasons) {
  health ready{false, {"waiting for Kafka", "not synchronous: \"off\""}};
  const auto server = serve({.healthz = [] { return health{}; }, .readyz = [&ready] { return ready; }});
  const auto healthy = get(server->port(), "/healthz");
  BOOST_TEST(status_of(healthy) == 200);
  BOOST_TEST(body_of(healthy) == R"({"ok":true,"reasons":[]})");
  const auto answer = get(server->port(), "/readyz");
  BOOST_TEST(status_of(answer) == 503);
  BOOST_TEST(body_of(answer) == R"({"ok":false,"reasons":["waiting for Kafka","not synchronous: \"off\""]})");
  ready = {};
  BOOST_TEST(status_of(get(server->port(), "/readyz")) == 200);
  ready.warnings = {"the lease is short"};
  const auto warned = get(server->port(), "/readyz");
  BOOST_TEST(status_of(warned) == 200);
  BOOST_TEST(body_of(warned) == R"({"ok":true,"reasons":[],"warnings":["the lease is short"]})");
}

BOOST_AUTO_TEST_CASE(accounts_are_paged_and_wrong_pages_refused) {
  accounts_query seen;
  const auto server = serve({.accounts = [&seen](const accounts_query& query) -> result<std::string> {
    seen = query;
    if (query.after == "away")
      return failure("control isn't read yet", "wait");
    return std::string(R"({"accounts":[]})");
  }});
  const auto port = server->port();
  BOOST_TEST(body_of(get(port, "/accounts")) == R"({"accounts":[]})");
  BOOST_TEST(seen.after == "");
  BOOST_TEST(seen.limit == accounts_query::default_limit);
  BOOST_TEST(status_of(get(port, "/accounts?after=a%20b&limit=7")) == 200);
  BOOST_TEST(seen.after == "a b");
  BOOST_TEST(seen.limit == 7);
  for (const auto* const wrong : {"0", "-1", "1001", "7x", "", "99999999999999999999999"})
    BOOST_TEST(status_of(get(port, std::string("/accounts?limit=") + wrong)) == 400, wrong);
  for (const auto* const wrong : {"0", "1001", "most", "5&limit=7", "5&after=a"})
    BOOST_TEST(status_of(get(port, std::string("/accounts?top=") + wrong)) == 400, wrong);
  BOOST_TEST(seen.top == 0U);
  BOOST_TEST(status_of(get(port, "/accounts?top=5")) == 200);
  BOOST_TEST(seen.top == 5U);
  BOOST_TEST(status_of(get(port, "/accounts?after=" + std::string(321, 'a'))) == 400);
  const auto away = get(port, "/accounts?after=away");
  BOOST_TEST(status_of(away) == 503);
  BOOST_TEST(body_of(away) == R"({"error":"control isn't read yet","todo":"wait"})");
}

BOOST_AUTO_TEST_CASE(only_get_is_answered_and_only_what_is_there) {
  const auto server = serve({.metrics = [] { return std::string("x"); }});
  const auto port = server->port();
  BOOST_TEST(status_of(get(port, "/")) == 404);
  BOOST_TEST(status_of(get(port, "/metrics/")) == 404);
  BOOST_TEST(status_of(get(port, "/accounts")) == 404); // no handler
  BOOST_TEST(status_of(get(port, "/../etc/passwd")) == 404);
  for (const auto* const method : {"POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"}) {
    const auto answer =
        ask(port, fmt::format("{} /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", method));
    BOOST_TEST(status_of(answer) == 405, method);
    BOOST_TEST(answer.find("Allow: GET") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(p7_nonsense_and_endless_requests_are_cut) {
  const auto server = serve({.metrics = [] { return std::string("x"); }});
  const auto port = server->port();
  const client endless(port);
  std::string header = "GET /metrics HTTP/1.1\r\n";
  for (int i = 0; i < 1000; ++i)
    header += fmt::format("X-{}: {}\r\n", i, std::string(60, 'a'));
  endless.send(header); // 66 KB without an end; the server may close while we write
  const auto before = clock_type::now();
  BOOST_TEST(status_of(endless.read_all()) != 200);
  BOOST_TEST((clock_type::now() - before < std::chrono::seconds(4)));
  BOOST_TEST(status_of(ask(port, std::string("\0\xff\x16\x03garbage\r\n\r\n", 15))) != 200);
  BOOST_TEST(status_of(get(port, "/" + std::string(9000, 'a'))) != 200);
  BOOST_TEST(status_of(get(port, "/metrics")) == 200);
}

BOOST_AUTO_TEST_CASE(a_taken_port_is_an_error_that_says_so) {
  const auto first = serve({});
  const auto second = http_server::start({"127.0.0.1", first->port(), {}, {}});
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().what.find(std::to_string(first->port())) != std::string::npos);
  BOOST_TEST(second.error().what.find("in use") != std::string::npos, second.error().what);
  BOOST_TEST(!second.error().todo.empty());
  BOOST_TEST(!http_server::start({"192.0.2.1", 0, {}, {}})); // not this host's (TEST-NET-1)
}

BOOST_AUTO_TEST_CASE(stops_within_a_second_with_open_connections_and_half_requests) {
  const auto server = serve({.metrics = [] { return std::string("x"); }});
  const auto port = server->port();
  std::vector<std::unique_ptr<client>> open;
  for (int i = 0; i < 18; ++i) { // more than the server takes at once
    open.push_back(std::make_unique<client>(port));
    BOOST_REQUIRE(open.back()->connected());
    if (i % 2 == 0)
      open.back()->send("GET /metrics HTTP/1.1\r\nConnection: keep-alive\r\n");
  }
  check_stops_within_a_second(*server);
  BOOST_TEST(!client(port).connected());
  server->stop();
  // The port is free at once.
  BOOST_TEST(http_server::start({"127.0.0.1", port, {}, {}}).has_value());
}

BOOST_AUTO_TEST_CASE(stop_waits_for_a_handler_under_way) {
  std::mutex mutex;
  std::condition_variable wake;
  bool entered = false;
  std::atomic<bool> left{false};
  const auto server = serve({.metrics = [&] {
    std::unique_lock lock(mutex);
    entered = true;
    wake.notify_all();
    wake.wait_for(lock, std::chrono::milliseconds(200), [] { return false; });
    left = true;
    return std::string("x");
  }});
  const client connection(server->port());
  connection.send("GET /metrics HTTP/1.1\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    BOOST_REQUIRE(wake.wait_for(lock, std::chrono::seconds(10), [&] { return entered; }));
  }
  check_stops_within_a_second(*server);
  BOOST_TEST(left);
}

BOOST_AUTO_TEST_CASE(an_exception_is_an_answer_and_a_line_in_the_log) {
  std::string reported;
  const auto server = serve({.metrics = []() -> std::string { throw std::runtime_error("no figures"); }},
                            [&reported](const std::string& line) { reported = line; });
  const auto answer = get(server->port(), "/metrics");
  BOOST_TEST(status_of(answer) == 500);
  BOOST_TEST(body_of(answer).find("no figures") != std::string::npos);
  BOOST_TEST(reported == "HTTP /metrics: no figures");
}
