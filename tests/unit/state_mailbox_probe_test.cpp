#include "storage/state/mailbox_probe.hpp"

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

using namespace understudy;
using namespace std::chrono_literals;
using wall_clock = std::chrono::system_clock;

namespace {

struct pid_file {
  std::string path = "/tmp/understudy-probe-XXXXXX";
  explicit pid_file(const std::string& text) {
    const int file = mkstemp(path.data());
    BOOST_REQUIRE(file >= 0);
    close(file);
    std::ofstream(path) << text;
  }
  ~pid_file() { unlink(path.c_str()); }
};

const account_id account("a-1");

} // namespace

BOOST_AUTO_TEST_CASE(r32_a_process_younger_than_the_last_time_as_primary_holds_no_copy) {
  const pid_file ours(std::to_string(getpid()) + "\n");
  const auto started = process_start(ours.path);
  BOOST_REQUIRE(started.has_value());
  BOOST_TEST((*started <= wall_clock::now() + 1s));
  BOOST_TEST((*started > wall_clock::now() - 10min));
  const loaded_mailbox_probe probe{ours.path, {}};
  BOOST_TEST((may_be_loaded(probe, account, *started - 1min) == false));
  BOOST_TEST((may_be_loaded(probe, account, *started + 1min) == true));
}

BOOST_AUTO_TEST_CASE(r32_a_mail_server_that_has_ended_holds_nothing) {
  const pid_file ended("999999999");
  BOOST_TEST((may_be_loaded({ended.path, {}}, account, wall_clock::now() - 1s) == false));
}

BOOST_AUTO_TEST_CASE(r32_without_an_answer_nothing_is_claimed) {
  const pid_file garbage("no pid");
  for (const auto& path : {garbage.path, std::string("/nowhere/x.pid"), std::string()})
    BOOST_TEST(!may_be_loaded({path, {}}, account, wall_clock::now()).has_value());
  BOOST_TEST(!may_be_loaded({"", {"/no/such/program"}}, account, wall_clock::now()).has_value());
}

BOOST_AUTO_TEST_CASE(r32_the_profiles_command_is_asked_with_the_account_id) {
  const auto now = wall_clock::now();
  BOOST_TEST((may_be_loaded({"", {"sh", "-c", "test \"$0\" = a-1"}}, account, now) == false));
  BOOST_TEST((may_be_loaded({"", {"false"}}, account, now) == true));
  const pid_file ours(std::to_string(getpid()));
  BOOST_TEST((may_be_loaded({ours.path, {"true"}}, account, now + 1min) == false));
  const auto begun = std::chrono::steady_clock::now();
  BOOST_TEST(!may_be_loaded({"", {"sh", "-c", "exec sleep 60"}}, account, now, 50ms).has_value());
  BOOST_TEST((std::chrono::steady_clock::now() - begun < 10s));
}
