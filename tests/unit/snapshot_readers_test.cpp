#include "actors/replica/snapshot_readers.hpp"
#include "tests/unit/mock_cluster.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(loads_one_after_the_other_use_the_same_kafka_client) {
  mock_cluster cluster;
  snapshot_readers readers(cluster.settings());
  for (int load = 0; load < 20; ++load) {
    auto reader = readers.take(partition_id(load % 3), kafka_offset(0));
    BOOST_REQUIRE(reader);
    BOOST_TEST(reader->get().position(partition_id(load % 3)).has_value());
  }
  BOOST_TEST(readers.opened() == 1u);
  {
    auto one = readers.take(partition_id(0), kafka_offset(0));
    auto at_once = readers.take(partition_id(0), kafka_offset(5)); // each has a place of its own
    BOOST_REQUIRE((one && at_once));
  }
  BOOST_TEST(readers.opened() == 2u);
  readers.rest();
  BOOST_REQUIRE(readers.take(partition_id(0), kafka_offset(0)));
  BOOST_TEST(readers.opened() == 3u);
}
