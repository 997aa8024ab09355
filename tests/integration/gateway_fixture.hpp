// A gateway on loopback with key material of its own, in a temporary directory.
#pragma once
#include "actors/gateway/gateway_client.hpp"
#include "actors/gateway/gateway_server.hpp"
#include "actors/gateway/own_material.hpp"

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>

namespace understudy::testing {

struct temporary_directory {
  std::filesystem::path path;
  temporary_directory() {
    std::string name = "/tmp/understudy-gateway-XXXXXX";
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~temporary_directory() { std::filesystem::remove_all(path); }
  temporary_directory(const temporary_directory&) = delete;
};

/// Answers with the caller's subject and the command.
inline void echo(caller who, std::string command, answer_function answer) {
  answer({0, who.subject + " " + command, {}});
}

struct gateway_fixture {
  temporary_directory dir;
  std::unique_ptr<gateway_server> server;
  std::mutex mutex;
  std::vector<std::string> reports;

  gateway_options options() {
    gateway_options o;
    o.listen = {"127.0.0.1", 0};
    o.node = "mailstore1";
    auto made = make_own_material(dir.path, o.node);
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().what));
    o.tls = *made;
    o.private_dir = dir.path / "tls-active";
    o.deadline = std::chrono::milliseconds(500);
    o.reload_interval = std::chrono::milliseconds(20);
    o.report = [this](const std::string& text) {
      std::lock_guard lock(mutex);
      reports.push_back(text);
    };
    return o;
  }

  void start(request_handler handler) { start(options(), std::move(handler)); }
  void start(gateway_options o, request_handler handler) {
    auto started = gateway_server::start(std::move(o), std::move(handler));
    BOOST_REQUIRE_MESSAGE(started, (started ? "" : started.error().what));
    server = std::move(*started);
  }

  host_port place() const { return {"127.0.0.1", server->port()}; }
  tls_files admin() const { return own_admin_files(dir.path); }

  std::unique_ptr<gateway_client> connect() {
    auto client = gateway_client::connect(place(), admin(), std::chrono::seconds(30));
    BOOST_REQUIRE_MESSAGE(client, (client ? "" : client.error().what));
    return std::move(*client);
  }

  bool reported(std::string_view part) {
    std::lock_guard lock(mutex);
    return std::any_of(reports.begin(), reports.end(),
                       [&](const std::string& r) { return r.find(part) != std::string::npos; });
  }
};

/// Waits for a condition, at most ten seconds.
template <class Condition>
bool eventually(Condition&& holds) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (holds())
      return true;
    ::usleep(5'000);
  }
  return false;
}

} // namespace understudy::testing
