// R19: what a process knows of those that used its state_dir before.
#include "actors/node/process_file.hpp"
#include "tests/tools/fixture/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <sstream>

using namespace understudy;

namespace {

struct state_dir {
  process_file take(const std::string& process) { return take(dir.path() / "state", process); }
  static process_file take(const std::filesystem::path& where, const std::string& process) {
    auto taken = process_file::take(where, process);
    BOOST_REQUIRE_MESSAGE(taken, (taken ? "" : taken.error().what));
    return std::move(*taken);
  }

  fixture::temp_dir dir;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(r19_who_had_this_state_dir_before_has_ended, state_dir) {
  take("one");
  take("two"); // killed before it renewed: the last renewal is the one's
  const auto third = take("three");
  BOOST_TEST(third.has_ended("one"));
  BOOST_TEST(third.has_ended("two"));
  BOOST_TEST(!third.has_ended("three"));
  BOOST_TEST(!third.has_ended("another"));
}

BOOST_FIXTURE_TEST_CASE(r19_of_a_copied_state_dir_nothing_is_known, state_dir) {
  const auto living = take("one");
  std::filesystem::copy(dir.path() / "state", dir.path() / "copy");
  BOOST_TEST(!take(dir.path() / "copy", "two").has_ended("one"));
  BOOST_TEST(take(dir.path() / "copy", "three").has_ended("two"));
}

/// A copy of the whole machine, or another one that the directory was moved to.
BOOST_FIXTURE_TEST_CASE(r19_of_processes_before_the_machine_s_start_nothing_is_known, state_dir) {
  take("one");
  const auto file = dir.path() / "state/process";
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  auto other = text.str();
  other[0] = other[0] == 'a' ? 'b' : 'a';
  std::ofstream(file) << other;
  BOOST_TEST(!take("two").has_ended("one"));
}

BOOST_FIXTURE_TEST_CASE(a_file_that_was_cut_says_nothing_and_is_written_anew, state_dir) {
  take("one");
  std::ofstream(dir.path() / "state/process") << "half a li";
  BOOST_TEST(!take("two").has_ended("one"));
  BOOST_TEST(take("three").has_ended("two"));
}

BOOST_FIXTURE_TEST_CASE(r19_a_state_dir_has_one_process_at_a_time, state_dir) {
  const auto living = take("one");
  const auto second = process_file::take(dir.path() / "state", "two");
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().what.find("another understudyd uses node.state_dir") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_state_dir_that_cant_be_written_is_said, state_dir) {
  std::ofstream(dir.path() / "file") << "x";
  const auto taken = process_file::take(dir.path() / "file/state", "one");
  BOOST_REQUIRE(!taken);
  BOOST_TEST(taken.error().what.find("can't be written") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(it_keeps_the_last_ones, state_dir) {
  for (int i = 0; i < 100; ++i)
    take(std::to_string(i));
  const auto last = take("last");
  BOOST_TEST(last.has_ended("99"));
  BOOST_TEST(!last.has_ended("0"));
}
