#include "actors/metrics/http_server.hpp"

#include "actors/metrics/http_connection.hpp"
#include "events/model/invariant.hpp"
#include "events/model/named_thread.hpp"

#include <boost/json.hpp>

#include <cerrno>
#include <charconv>
#include <semaphore>
#include <system_error>
#include <thread>

namespace understudy {
namespace {

namespace json = boost::json;

constexpr std::size_t threads = 2;
/// Accepted connections, those being answered included; further ones wait in the system's listen queue.
constexpr std::ptrdiff_t max_connections = 16;
constexpr const char* json_type = "application/json";
constexpr const char* exposition_type = "text/plain; version=0.0.4; charset=utf-8";

/// httplib's pool takes any number of jobs: here the thread that accepts waits for room.
class bounded_pool : public httplib::ThreadPool {
public:
  bounded_pool()
      : ThreadPool(threads) {}
  void enqueue(std::function<void()> job) override {
    room_.acquire();
    ThreadPool::enqueue([this, job = std::move(job)] {
      job();
      room_.release();
    });
  }

private:
  std::counting_semaphore<max_connections> room_{max_connections};
};

void set_error(httplib::Response& response, int status, std::string_view what, std::string_view todo = {}) {
  response.status = status;
  response.set_content(json::serialize(json::object{{"error", what}, {"todo", todo}}), json_type);
}

void set_health(httplib::Response& response, const health& now) {
  json::object body{{"ok", now.ok}, {"reasons", json::array(now.reasons.begin(), now.reasons.end())}};
  if (!now.warnings.empty())
    body["warnings"] = json::array(now.warnings.begin(), now.warnings.end());
  response.status = now.ok ? 200 : 503;
  response.set_content(json::serialize(body), json_type);
}

result<void> read_count(std::string_view name, const std::string& text, std::size_t& value) {
  const auto* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || stop != end || value < 1 || value > accounts_query::max_limit)
    return failure(fmt::format("{}: not a number that is allowed", name),
                   fmt::format("give a number of 1 to {}", accounts_query::max_limit));
  return {};
}

result<accounts_query> read_query(const httplib::Request& request) {
  accounts_query query;
  query.after = request.get_param_value("after");
  if (query.after.size() > accounts_query::max_after_bytes)
    return failure(fmt::format("after: longer than {} bytes", accounts_query::max_after_bytes),
                   "give the id of the last account of the page before");
  for (const auto& [name, value] : {std::pair{"limit", &query.limit}, {"top", &query.top}})
    if (request.has_param(name))
      if (auto read = read_count(name, request.get_param_value(name), *value); !read)
        return tl::make_unexpected(read.error());
  if (query.top > 0 && (request.has_param("limit") || request.has_param("after")))
    return failure("top: not together with limit or after", "ask for the top, or for a page");
  return query;
}

} // namespace

class http_server::listener : public httplib::Server {
public:
  explicit listener(options o)
      : options_(std::move(o)) {
    new_task_queue = [] { return new bounded_pool; };
    // SO_REUSEPORT, which httplib would set, lets a second process take the same port without a word.
    set_socket_options([](int socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    set_default_headers({{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
    set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
      if (request.method == "GET")
        return HandlerResponse::Unhandled;
      response.set_header("Allow", "GET");
      set_error(response, 405, "only GET is answered here");
      return HandlerResponse::Handled;
    });
    set_exception_handler([this](const httplib::Request& request, httplib::Response& response,
                                 std::exception_ptr thrown) { on_exception(request, response, thrown); });
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty())
        set_error(response, response.status, response.status == 404 ? "there is nothing here" : "bad request",
                  "ask for /metrics, /healthz, /readyz or /accounts");
    });
    add_routes();
  }

  result<void> begin() {
    errno = 0;
    const int bound = options_.port == 0                           ? bind_to_any_port(options_.host)
                      : bind_to_port(options_.host, options_.port) ? int{options_.port}
                                                                   : -1;
    if (bound <= 0)
      return failure(
          fmt::format("can't listen for HTTP on {} port {}: {}", options_.host, options_.port,
                      errno == 0 ? "the address isn't known" : std::generic_category().message(errno)),
          "free the port, or set another `http` in [node] of the configuration file");
    port_ = static_cast<std::uint16_t>(bound);
    accepting_ = named_thread("http", [this] {
      listen_after_bind();
      ended_ = true;
    });
    // httplib's stop() does nothing before its loop has begun.
    while (!is_running() && !ended_)
      std::this_thread::yield();
    return {};
  }

  void end() {
    stopping_ = true;
    Server::stop();
    if (accepting_.joinable())
      accepting_.join();
  }

  std::uint16_t port() const { return port_; }

private:
  void add_routes() {
    const auto& answer = options_.answer;
    if (answer.metrics)
      Get("/metrics", [&answer](const httplib::Request&, httplib::Response& response) {
        response.set_content(answer.metrics(), exposition_type);
      });
    if (answer.healthz)
      Get("/healthz", [&answer](const httplib::Request&, httplib::Response& response) {
        set_health(response, answer.healthz());
      });
    if (answer.readyz)
      Get("/readyz", [&answer](const httplib::Request&, httplib::Response& response) {
        set_health(response, answer.readyz());
      });
    if (answer.accounts)
      Get("/accounts", [&answer](const httplib::Request& request, httplib::Response& response) {
        const auto query = read_query(request);
        if (!query)
          return set_error(response, 400, query.error().what, query.error().todo);
        auto page = answer.accounts(*query);
        if (!page)
          return set_error(response, 503, page.error().what, page.error().todo);
        response.set_content(std::move(*page), json_type);
      });
  }

  void on_exception(const httplib::Request& request, httplib::Response& response, std::exception_ptr thrown) {
    std::string what = "an exception of unknown kind";
    try {
      std::rethrow_exception(thrown);
    } catch (const broken_invariant&) {
      throw;
    } catch (const std::exception& e) {
      what = e.what();
    } catch (...) { // NOLINT(bugprone-empty-catch): `what` says so
    }
    if (options_.report)
      options_.report(fmt::format("HTTP {}: {}", request.path, what));
    set_error(response, 500, what);
  }

  /// One request a connection: with two threads an idle connection that is kept open would shut others out.
  bool process_and_close_socket(socket_t socket) override {
    http_connection connection(socket, stopping_);
    bool closed = false;
    return process_request(connection, true, closed, nullptr);
  }

  options options_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> ended_{false};
  std::thread accepting_;
};

http_server::http_server(std::unique_ptr<listener> l)
    : listener_(std::move(l)) {}

http_server::~http_server() {
  stop();
}

result<std::unique_ptr<http_server>> http_server::start(options o) {
  auto made = std::make_unique<listener>(std::move(o));
  if (auto begun = made->begin(); !begun)
    return tl::make_unexpected(begun.error());
  return std::unique_ptr<http_server>(new http_server(std::move(made)));
}

void http_server::stop() {
  listener_->end();
}

std::uint16_t http_server::port() const {
  return listener_->port();
}

} // namespace understudy
