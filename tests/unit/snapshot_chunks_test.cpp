#include "actors/replica/snapshot_chunks.hpp"
#include "events/codec/encode.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

const account_id anna("anna"), bert("bert");
const node_name one("ms1"), other("ms2");

/// A partition of understudy.snapshots with one snapshot of anna's on its way, from offset 10 on.
struct partition {
  snapshot_event marker{anna, epoch(1), sequence(5), "first", partition_id(0), kafka_offset(10)};
  snapshot_chunks chunks{marker, std::make_shared<shape_registry>()};
  std::int64_t next = 10;

  load_result<std::optional<snapshot_chunk>> give(const account_id& key, const account_event_body& body,
                                                  std::uint64_t life = 1, const node_name& node = one) {
    std::string encoded;
    BOOST_REQUIRE(encode_to(encoded, {node, incarnation(life)}, body));
    return chunks.take({partition_id(0), kafka_offset(next++), key.value, encoded, {}});
  }
  bool goes_on(const account_id& key, const account_event_body& body, std::uint64_t life = 1,
               const node_name& node = one) {
    const auto taken = give(key, body, life, node);
    return taken.has_value();
  }
};

snapshot_chunk chunk(const account_id& account, const char* id, bool last) {
  return {account, id, 0, last, 0, {}, {}};
}

} // namespace

BOOST_FIXTURE_TEST_CASE(r16_a_snapshot_is_its_own_chunks_and_no_others, partition) {
  BOOST_TEST(goes_on(anna, incarnation_event{}));
  BOOST_TEST(!*give(bert, chunk(bert, "second", true)));
  BOOST_TEST(!*give(anna, chunk(anna, "another", true)));
  const auto taken = give(anna, chunk(anna, "first", true));
  BOOST_REQUIRE((taken && *taken));
  BOOST_TEST((*taken)->last);
}

BOOST_FIXTURE_TEST_CASE(r12_behind_a_later_life_of_its_source_a_snapshot_is_never_whole, partition) {
  BOOST_TEST(goes_on(anna, incarnation_event{}, 2));
  BOOST_TEST(goes_on(bert, incarnation_event{}, 2)); // the same life's next
  BOOST_TEST(goes_on(bert, incarnation_event{}, 1)); // landed late
  BOOST_TEST(goes_on(bert, incarnation_event{}, 3, other));
  const auto ended = give(bert, incarnation_event{}, 3);
  BOOST_REQUIRE(!ended);
  BOOST_TEST(ended.error().is_superseded);
}

BOOST_FIXTURE_TEST_CASE(r16_behind_the_next_snapshot_of_the_account_one_is_never_whole, partition) {
  BOOST_TEST(goes_on(anna, incarnation_event{}, 2));
  BOOST_TEST(goes_on(anna, incarnation_event{}, 3, other)); // nobody's who may send one, maybe
  const auto ended = give(anna, incarnation_event{}, 2);
  BOOST_REQUIRE(!ended);
  BOOST_TEST(ended.error().is_superseded);
}
