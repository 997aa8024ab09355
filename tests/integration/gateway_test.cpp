// The gateway against well-behaved and hostile peers, over real TLS on loopback.
#include "actors/config/regular_file.hpp"
#include "actors/gateway/gateway_system.hpp"
#include "actors/gateway/signing.hpp"
#include "tests/integration/gateway_fixture.hpp"

#include <arpa/inet.h>
#include <caf/all.hpp>
#include <caf/openssl/all.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <random>
#include <thread>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;

namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// A hand-written CAF client: sends what it likes.
struct raw_client {
  gateway_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  caf::actor gateway;

  raw_client(const tls_files& tls, std::uint16_t port)
      : config(tls, gateway_end::client) {
    auto found = caf::openssl::remote_actor(system, "127.0.0.1", port);
    BOOST_REQUIRE(found);
    gateway = *found;
  }

  reply ask(const request& r) {
    reply got;
    self->request(gateway, 10s, r)
        .receive([&](reply& answer) { got = answer; },
                 [&](const caf::error& e) { got.body = error_text(e); });
    return got;
  }
};

request_signer signer_of(const tls_files& files) {
  auto texts = check_tls_files(files);
  BOOST_REQUIRE(texts);
  auto signer = request_signer::make(texts->certificate, texts->key);
  BOOST_REQUIRE(signer);
  return *signer;
}

int tcp_connection(std::uint16_t port) {
  int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  BOOST_REQUIRE_EQUAL(::connect(descriptor, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  return descriptor;
}

void send_raw(std::uint16_t port, const std::string& bytes) {
  int descriptor = tcp_connection(port);
  BOOST_REQUIRE_EQUAL(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                      static_cast<ssize_t>(bytes.size()));
  ::close(descriptor);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(gateway, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_signed_command_reaches_the_handler_with_its_sender) {
  start(echo);
  auto client = connect();
  BOOST_TEST(client->node() == "mailstore1");
  auto got = client->request(R"({"command":"x"})", 5s);
  BOOST_REQUIRE(got);
  BOOST_TEST(got->status == 0);
  BOOST_TEST(got->body == R"(admin {"command":"x"})");
}

/// Who kept it connects anew at once, instead of waiting for an answer first.
BOOST_AUTO_TEST_CASE(o04_a_kept_connection_whose_node_has_ended_says_so) {
  start(echo);
  auto client = connect();
  BOOST_TEST(client->request("{}", 5s).has_value());
  server.reset();
  BOOST_TEST(eventually([&] {
    const auto got = client->request("{}", 100ms);
    return !got && got.error().what.find("has ended") != std::string::npos;
  }));
}

BOOST_AUTO_TEST_CASE(a_large_command_and_a_large_reply_pass) {
  start(echo);
  auto client = connect();
  std::string command(20 << 20, 'x');
  auto got = client->request(command, 60s);
  BOOST_REQUIRE(got);
  BOOST_TEST(got->body.size() == command.size() + 6);
}

BOOST_AUTO_TEST_CASE(an_answer_may_come_from_another_thread_and_after_the_end) {
  answer_function kept;
  std::thread answering;
  start([&](caller, std::string command, answer_function answer) {
    kept = answer;
    answering = std::thread([answer, command] { answer({3, command, "page2"}); });
  });
  auto got = connect()->request("later", 5s);
  answering.join();
  BOOST_REQUIRE(got);
  BOOST_TEST(got->status == 3);
  BOOST_TEST(got->more == "page2");
  server.reset();
  kept({0, "too late", {}});
}

BOOST_AUTO_TEST_CASE(o04_a_silent_handler_ends_at_the_gateways_deadline_with_status_4) {
  start([](caller, std::string, answer_function) {});
  auto client = connect();
  auto got = client->request("{}", 5s);
  BOOST_REQUIRE(got);
  BOOST_TEST(got->status == 4);
  BOOST_TEST(got->body.find("didn't answer within 500 ms") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(o04_a_peer_that_accepts_and_says_nothing_ends_at_the_clients_deadline) {
  auto tls = options().tls; // makes the material
  int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  BOOST_REQUIRE_EQUAL(::bind(listening, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  BOOST_REQUIRE_EQUAL(::listen(listening, 8), 0);
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size);
  auto began = std::chrono::steady_clock::now();
  auto client = gateway_client::connect({"127.0.0.1", ntohs(at.sin_port)}, admin(), 700ms);
  BOOST_TEST(!client);
  BOOST_CHECK(std::chrono::steady_clock::now() - began < 5s);
  ::close(listening);
  // Nobody listens there any more.
  auto refused = gateway_client::connect({"127.0.0.1", ntohs(at.sin_port)}, admin(), 700ms);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().what.find("nobody answers at") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(o04_the_gateway_ends_at_once_whatever_its_peers_do) {
  for (int round = 0; round < 20; ++round) {
    start(echo);
    auto client = connect();
    int silent = tcp_connection(server->port());
    auto began = std::chrono::steady_clock::now();
    server.reset();
    BOOST_CHECK(std::chrono::steady_clock::now() - began < 4500ms); // CAF's own heartbeat comes after 5 s
    BOOST_TEST(!client->request("late", 2s));
    ::close(silent);
  }
}

BOOST_AUTO_TEST_CASE(o02_a_hundred_connections_leave_no_descriptor_behind) {
  start(echo);
  auto open_descriptors = [] {
    std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  connect()->request("warm", 5s);
  auto before = open_descriptors();
  for (int i = 0; i < 100; ++i)
    BOOST_REQUIRE(connect()->request("x", 5s));
  BOOST_TEST(eventually([&] { return open_descriptors() <= before + 1; }));
}

BOOST_AUTO_TEST_CASE(a_client_with_another_ca_is_refused_and_the_gateway_goes_on) {
  start(echo);
  temporary_directory stranger;
  BOOST_REQUIRE(make_own_material(stranger.path, "mailstore1"));
  auto client = gateway_client::connect(place(), own_admin_files(stranger.path), 5s);
  BOOST_REQUIRE(!client);
  BOOST_TEST(client.error().what.find("accepts no TLS connection") != std::string::npos);
  BOOST_TEST(connect()->request("on", 5s)->body == "admin on");
}

BOOST_AUTO_TEST_CASE(a_replayed_request_is_refused) {
  start(echo);
  raw_client raw(admin(), server->port());
  auto signed_request = signer_of(admin()).sign("once", "mailstore1", now_ms());
  BOOST_REQUIRE(signed_request);
  BOOST_TEST(raw.ask(*signed_request).body == "admin once");
  auto again = raw.ask(*signed_request);
  BOOST_TEST(again.status == 1);
  BOOST_TEST(again.body.find("replay") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_altered_a_foreign_and_an_old_request_are_refused) {
  start(echo);
  raw_client raw(admin(), server->port());
  auto signer = signer_of(admin());
  auto altered = *signer.sign("pause", "mailstore1", now_ms());
  altered.command = "promote";
  BOOST_TEST(raw.ask(altered).body.find("signature doesn't fit") != std::string::npos);
  BOOST_TEST(raw.ask(*signer.sign("x", "mailstore2", now_ms())).body.find("another node") !=
             std::string::npos);
  BOOST_TEST(raw.ask(*signer.sign("x", "mailstore1", now_ms() - 600'000)).body.find("clock") !=
             std::string::npos);
  temporary_directory stranger;
  BOOST_REQUIRE(make_own_material(stranger.path, "mailstore1"));
  auto foreign = *signer_of(own_admin_files(stranger.path)).sign("x", "mailstore1", now_ms());
  BOOST_TEST(raw.ask(foreign).body.find("certificate is refused") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(random_bytes_and_plain_text_do_no_harm) {
  start(echo);
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string bytes(random() % 4096 + 1, '\0');
    for (auto& b : bytes)
      b = static_cast<char>(random());
    send_raw(server->port(), bytes);
  }
  send_raw(server->port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  // CAF's own handshake header without TLS, announcing 4 GiB of payload.
  send_raw(server->port(), std::string("\x00\x00\x00\x00\xff\xff\xff\xff", 8) + std::string(24, '\xff'));
  BOOST_TEST(connect()->request("on", 5s)->body == "admin on");
}

BOOST_AUTO_TEST_CASE(many_silent_connections_leave_room_for_an_administrator) {
  start(echo);
  std::vector<int> silent;
  for (int i = 0; i < 300; ++i)
    silent.push_back(tcp_connection(server->port()));
  BOOST_TEST(connect()->request("on", 5s)->body == "admin on");
  BOOST_TEST(eventually([&] { return reported("connections that made no handshake"); }));
  for (int descriptor : silent)
    ::close(descriptor);
}

BOOST_AUTO_TEST_CASE(p7_a_peer_that_says_nothing_takes_no_core) {
  start(echo);
  const int silent = tcp_connection(server->port());
  BOOST_TEST(connect()->request("on", 5s)->body == "admin on"); // so the silent one was accepted before
  const auto used_before = std::clock();
  std::this_thread::sleep_for(1s); // what is measured: how much of it is worked
  const auto used = std::chrono::duration<double>(double(std::clock() - used_before) / CLOCKS_PER_SEC);
  BOOST_TEST(used / 1s < 0.25);
  ::close(silent);
}

BOOST_AUTO_TEST_CASE(messages_that_are_not_of_the_protocol_are_dropped_and_a_kill_is_survived) {
  start(echo);
  {
    raw_client raw(admin(), server->port());
    caf::anon_send(raw.gateway, std::uint64_t{17}, std::string("what"));
    raw.self->send_exit(raw.gateway, caf::exit_reason::user_shutdown);
    BOOST_TEST(raw.ask(*signer_of(admin()).sign("still", "mailstore1", now_ms())).body == "admin still");
    raw.self->send_exit(raw.gateway, caf::exit_reason::kill);
    BOOST_TEST(eventually([&] { return reported("a peer ended"); }));
  }
  BOOST_TEST(eventually([&] {
    auto client = gateway_client::connect(place(), admin(), 2s);
    return client && (*client)->request("on", 2s).has_value();
  }));
}

BOOST_AUTO_TEST_CASE(o03_renewed_certificates_are_used_without_restart_and_broken_ones_are_not) {
  start(echo);
  BOOST_TEST(server->certificate_days_left() > 3000);
  auto old = connect();
  auto files = own_node_files(dir.path);
  {
    std::ofstream(files.key) << "broken";
  }
  BOOST_TEST(eventually([&] { return reported("the old ones stay in use"); }));
  BOOST_TEST(connect()->request("old", 5s)->body == "admin old");
  // The node's next start would make all of it anew.
  BOOST_REQUIRE(make_own_material(dir.path, "mailstore1"));
  BOOST_TEST(eventually([&] { return reported("new TLS files are in use"); }));
  BOOST_TEST(connect()->request("new", 5s)->body == "admin new");
}

BOOST_AUTO_TEST_CASE(an_address_in_use_is_named) {
  start(echo);
  auto second = options();
  second.listen.port = server->port();
  auto started = gateway_server::start(std::move(second), echo);
  BOOST_REQUIRE(!started);
  BOOST_TEST(started.error().what.find(std::to_string(server->port())) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(own_material_is_readable_by_its_group_alone_and_kept) {
  auto tls = options().tls;
  namespace fs = std::filesystem;
  for (const auto& file : {tls.ca, tls.certificate, tls.key, admin().key}) {
    auto mode = fs::status(file).permissions();
    BOOST_CHECK(mode == (fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read));
  }
  auto before = read_regular_file(tls.key, 1 << 20);
  BOOST_REQUIRE(make_own_material(dir.path, "mailstore1"));
  BOOST_CHECK(read_regular_file(tls.key, 1 << 20).value() == before.value());
}

BOOST_AUTO_TEST_SUITE_END()
