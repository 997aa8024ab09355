// The words are MariaDB 10.11.19's, as a dump gives them.
#include "storage/binlog/position_refusal.hpp"

#include <boost/test/unit_test.hpp>

namespace understudy {
namespace {

constexpr unsigned fatal = 1236;

BOOST_AUTO_TEST_CASE(o07_a_purged_position_is_told_from_another_history) {
  BOOST_TEST(
      (refusal_of(fatal, "Could not find GTID state requested by slave in any binlog files. Probably the "
                         "slave state is too old and required binlog files have been purged.") ==
       position_refusal::purged));
  BOOST_TEST(
      (refusal_of(fatal, "Error: connecting slave requested to start from GTID 0-1-17, which is not in "
                         "the master's binlog") == position_refusal::diverged));
  BOOST_TEST(
      (refusal_of(fatal, "Error: connecting slave requested to start from GTID 0-1-17, which is not in "
                         "the master's binlog. Since the master's binlog contains GTIDs with higher "
                         "sequence numbers, it probably means that the slave has diverged due to "
                         "executing extra erroneous transactions") == position_refusal::diverged));
  BOOST_TEST((refusal_of(fatal, "The binlog on the master is missing the GTID 0-1-17 requested by the slave "
                                "(even though both a prior and a subsequent sequence number does exist), and "
                                "GTID strict mode is enabled") == position_refusal::diverged));
}

BOOST_AUTO_TEST_CASE(o07_other_troubles_of_a_dump_are_neither) {
  BOOST_TEST((refusal_of(fatal, "binlog truncated in the middle of event") == position_refusal::none));
  BOOST_TEST((refusal_of(2013, "Lost connection to server during query") == position_refusal::none));
  BOOST_TEST((refusal_of(1045, "Access denied for user 'understudy'@'localhost'") == position_refusal::none));
}

} // namespace
} // namespace understudy
