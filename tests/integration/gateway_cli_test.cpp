// The real `understudy` program against a gateway over TLS: what an administrator sees and its exit status.
#include "actors/gateway/known_peers.hpp"
#include "tests/integration/gateway_fixture.hpp"

#include <boost/json.hpp>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>

using namespace understudy;
using namespace understudy::testing;
using namespace std::chrono_literals;

namespace {

struct outcome {
  int status = -1;
  std::string text; ///< both streams
};

struct cli_fixture : gateway_fixture {
  std::filesystem::path config() { return dir.path / "understudyd.toml"; }

  void write_config(std::uint16_t port, const std::string& more = {}) {
    std::ofstream(config()) << fmt::format(
        "[node]\nname = \"mailstore1\"\nlisten = \"127.0.0.1:{}\"\nstate_dir = \".\"\n{}", port, more);
  }

  outcome run(const std::string& words) {
    auto line =
        fmt::format("{} --config {} {} 2>&1 </dev/null", UNDERSTUDY_PROGRAM, config().string(), words);
    FILE* pipe = ::popen(line.c_str(), "r");
    BOOST_REQUIRE(pipe);
    outcome got;
    std::array<char, 4096> piece;
    while (auto size = std::fread(piece.data(), 1, piece.size(), pipe))
      got.text.append(piece.data(), size);
    auto status = ::pclose(pipe);
    got.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return got;
  }
};

/// Answers as a supervisor would, with the command in the place of an account.
void supervisor(caller who, std::string command, answer_function answer) {
  auto asked = boost::json::parse(command).as_object();
  if (asked.at("command") == "monitor")
    return answer({0,
                   R"({"operation":"op","done":1,"total":1,"finished":true,"accounts":[)"
                   R"({"account":"a@x","state":"activated","outcome":"done"}]})",
                   {}});
  boost::json::object account{{"account", "a@x"}, {"outcome", "accepted"}, {"reason", who.subject}};
  answer({0,
          boost::json::serialize(boost::json::object{{"operation", asked.at("operation")},
                                                     {"accounts", boost::json::array{account}}}),
          {}});
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(command_line, cli_fixture)

BOOST_AUTO_TEST_CASE(a_command_goes_to_the_node_of_the_configuration_with_its_own_material) {
  start(supervisor);
  write_config(server->port());
  auto got = run("ha setAccountDestination mailstore2 10 accounts a@x");
  BOOST_TEST(got.status == 0);
  BOOST_TEST_CONTEXT(got.text) BOOST_TEST((got.text.find("a@x: accepted: admin") != std::string::npos));
  auto promoted = run("ha promoteAccounts accounts a@x");
  BOOST_TEST(promoted.status == 0);
  BOOST_TEST_CONTEXT(promoted.text)
  BOOST_TEST((promoted.text.find("a@x: done") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(configured_material_is_used_by_both_sides) {
  auto o = options();
  start(std::move(o), supervisor);
  auto tls = admin();
  write_config(server->port(), fmt::format("[tls]\nca = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
                                           tls.ca.string(), tls.certificate.string(), tls.key.string()));
  BOOST_TEST(run("ha pauseReplicas accounts a@x").status == 0);
}

BOOST_AUTO_TEST_CASE(the_next_node_is_asked_when_one_is_down) {
  start(supervisor);
  write_config(1); // nobody listens there
  auto two = run(
      fmt::format("--node 127.0.0.1:1 --node 127.0.0.1:{} ha pauseReplicas accounts a@x", server->port()));
  BOOST_TEST(two.status == 0);
  BOOST_TEST(run("ha pauseReplicas accounts a@x").status == 4);
  BOOST_REQUIRE(write_known_peers(dir.path, {{"127.0.0.1", server->port()}}));
  BOOST_TEST(run("ha pauseReplicas accounts a@x").status == 0);
}

BOOST_AUTO_TEST_CASE(no_supervisor_is_status_4_with_what_to_do) {
  start(supervisor);
  write_config(server->port());
  server.reset();
  auto got = run("ha getAccountStatus");
  BOOST_TEST(got.status == 4);
  BOOST_TEST_CONTEXT(got.text)
  BOOST_TEST((got.text.find("check that understudyd runs there") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(another_ca_is_status_4_and_names_the_certificate) {
  start(supervisor);
  temporary_directory stranger;
  BOOST_REQUIRE(make_own_material(stranger.path, "mailstore1"));
  auto tls = own_admin_files(stranger.path);
  write_config(server->port(), fmt::format("[tls]\nca = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
                                           tls.ca.string(), tls.certificate.string(), tls.key.string()));
  auto got = run("ha getAccountStatus");
  BOOST_TEST(got.status == 4);
  BOOST_TEST_CONTEXT(got.text) BOOST_TEST((got.text.find("accepts no TLS connection") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(o04_a_stopped_supervisor_ends_in_seconds_with_status_4) {
  start([](caller, std::string, answer_function) {});
  write_config(server->port());
  auto began = std::chrono::steady_clock::now();
  BOOST_TEST(run("ha getAccountStatus").status == 4);
  BOOST_CHECK(std::chrono::steady_clock::now() - began < 8s);
}

BOOST_AUTO_TEST_CASE(wrong_usage_is_status_2_and_asks_nobody) {
  write_config(1);
  auto got = run("ha promoteAccounts accounts 'john*@x'");
  BOOST_TEST(got.status == 2);
  BOOST_TEST_CONTEXT(got.text) BOOST_TEST((got.text.find("is a pattern") != std::string::npos));
  BOOST_TEST(run("ha promoteAccounts accounts a@x,b@x,c@x,d@x,e@x,f@x,g@x,h@x,i@x,j@x,k@x").status == 2);
  BOOST_TEST(run("--help").status == 0);
}

BOOST_AUTO_TEST_CASE(missing_material_says_what_to_do) {
  write_config(1);
  auto got = run("ha getAccountStatus");
  BOOST_TEST(got.status == 4);
  BOOST_TEST_CONTEXT(got.text) BOOST_TEST((got.text.find("start understudyd once") != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()
