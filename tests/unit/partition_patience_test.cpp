// R4: a partition without a leader holds commits for a while, Kafka as a whole for as long as it takes.
#include "actors/source/partition_patience.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

struct patient {
  partition_patience patience{30s};
  partition_patience::time_point now{};
  std::vector<partition_id> lost, back;

  /// `time` goes by in steps of a quarter of a second.
  void wait(std::chrono::milliseconds time, const std::map<partition_id, std::uint64_t>& oldest,
            bool kafka_answers = true) {
    for (auto gone = 0ms; gone < time; gone += 250ms) {
      now += 250ms;
      auto found = patience.look(now, kafka_answers, oldest);
      lost.insert(lost.end(), found.lost.begin(), found.lost.end());
      back.insert(back.end(), found.back.begin(), found.back.end());
    }
  }
};

const partition_id three{3}, four{4};

} // namespace

BOOST_FIXTURE_TEST_CASE(r4_a_partition_that_confirms_nothing_is_given_up_after_its_patience_alone, patient) {
  std::uint64_t number = 100;
  for (int second = 0; second < 29; ++second)
    wait(1s, {{three, 7}, {four, ++number}});
  BOOST_TEST(lost.empty());
  wait(2s, {{three, 7}, {four, ++number}});
  BOOST_REQUIRE(lost.size() == 1u);
  BOOST_TEST((lost[0] == three));
  BOOST_TEST(patience.is_lost(three));
  BOOST_TEST(!patience.is_lost(four));
  wait(60s, {{three, 7}});
  BOOST_TEST(lost.size() == 1u); // said once
}

BOOST_FIXTURE_TEST_CASE(r4_it_is_back_with_the_first_confirmation_and_gets_its_whole_patience_again,
                        patient) {
  wait(31s, {{three, 7}});
  BOOST_TEST(patience.is_lost(three));
  wait(1s, {{three, 8}});
  BOOST_REQUIRE(back.size() == 1u);
  BOOST_TEST((back[0] == three));
  BOOST_TEST(!patience.is_lost(three));
  wait(28s, {{three, 8}});
  BOOST_TEST(lost.size() == 1u);
  wait(3s, {{three, 8}});
  BOOST_TEST(lost.size() == 2u);
  wait(1s, {});
  BOOST_TEST(back.size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(r4_a_kafka_that_is_away_as_a_whole_holds_everybody_for_as_long_as_it_takes, patient) {
  wait(1h, {{three, 7}, {four, 8}}, false);
  BOOST_TEST(lost.empty());
  wait(29s, {{three, 7}});
  BOOST_TEST(lost.empty()); // it counts from when the others were written again
  wait(2s, {{three, 7}});
  BOOST_TEST(lost.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(r4_a_pause_of_this_process_is_not_the_partitions, patient) {
  wait(1s, {{three, 7}});
  now += 1h;
  wait(10s, {{three, 7}});
  BOOST_TEST(lost.empty());
}
