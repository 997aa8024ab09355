#include "storage/state/directory_probe.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

struct own_directory {
  std::string path = "/tmp/understudy-probe-XXXXXX";
  own_directory() { BOOST_REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~own_directory() { std::filesystem::remove_all(path); }
};

/// A file system that answers when it's told to; looks that hang may outlive the test case.
struct file_system {
  std::promise<directory_answer> told;
  std::shared_future<directory_answer> answer = told.get_future().share();
  std::shared_ptr<std::atomic<int>> looks = std::make_shared<std::atomic<int>>(0);
  directory_probe::look_function look() const {
    return [answer = answer, looks = looks](const std::string&) {
      ++*looks;
      return answer.get();
    };
  }
};

} // namespace

BOOST_AUTO_TEST_CASE(r32_a_directory_with_something_in_it_is_reached) {
  const own_directory here;
  const auto empty = look_at_directory(here.path);
  BOOST_TEST(!empty.reached.has_value());
  BOOST_TEST(empty.why == "empty, as if it weren't mounted");
  std::ofstream(here.path + "/blob") << "mail";
  BOOST_TEST((look_at_directory(here.path).reached == true));
}

BOOST_AUTO_TEST_CASE(r32_a_directory_that_is_gone_or_is_none_is_not_reached_and_the_reason_is_told) {
  const own_directory here;
  const auto gone = look_at_directory(here.path + "/store");
  BOOST_TEST((gone.reached == false));
  BOOST_TEST(gone.why == "No such file or directory");
  std::ofstream(here.path + "/file") << "mail";
  BOOST_TEST((look_at_directory(here.path + "/file").reached == false));
  // Below the mail server's own directory, wherever that is.
  BOOST_TEST(!look_at_directory("store").reached.has_value());
}

BOOST_AUTO_TEST_CASE(r32_only_what_proves_that_it_is_not_reached_counts_as_such) {
  for (const int proof : {ENOENT, ENOTDIR, ESTALE, EIO, ENOTCONN})
    BOOST_TEST((judge_failure(proof).reached == false), proof);
  for (const int none : {EACCES, EPERM, EMFILE, ENFILE, ENOMEM, ETIMEDOUT, EINTR})
    BOOST_TEST(!judge_failure(none).reached.has_value(), none);
  BOOST_TEST(judge_failure(EACCES).why == "Permission denied");
}

BOOST_AUTO_TEST_CASE(r32_p7_a_mount_that_hangs_is_unknown_and_costs_one_thread) {
  file_system dead;
  directory_probe probe(dead.look(), 20ms, 0ms);
  for (int i = 0; i < 100; ++i) {
    const auto answer = probe.await(probe.begin("/store"));
    BOOST_TEST(!answer.reached.has_value());
    BOOST_TEST(answer.why == "no answer");
  }
  // It hangs no more: that look ends, and the next is a new one.
  const auto last = probe.begin("/store");
  dead.told.set_value({true, {}});
  last.answer.wait();
  BOOST_TEST((probe.await(last).reached == true));
  BOOST_TEST(*dead.looks == 1);
  probe.begin("/store").answer.wait();
  BOOST_TEST(*dead.looks == 2);
}

BOOST_AUTO_TEST_CASE(r32_an_answer_serves_a_thousand_accounts) {
  file_system well;
  well.told.set_value({false, "Stale file handle"});
  directory_probe probe(well.look(), 10min, 10min);
  for (int i = 0; i < 1000; ++i)
    BOOST_TEST(probe.await(probe.begin("/store")).why == "Stale file handle");
  BOOST_TEST(*well.looks == 1);
  BOOST_TEST((probe.await(probe.begin("/archive")).reached == false));
  BOOST_TEST(*well.looks == 2);
}
