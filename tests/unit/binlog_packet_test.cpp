// Semi-sync headers and ACKs, byte by byte (R1).
#include "storage/binlog/binlog_packet.hpp"
#include "tests/unit/binlog_support.hpp"

namespace understudy::binlog_test {
namespace {

bytes packet_of(const bytes& event, bytes head) {
  head.insert(head.end(), event.begin(), event.end());
  return head;
}

BOOST_AUTO_TEST_CASE(r1_semi_sync_header_is_stripped) {
  const auto event = recorded("keys.binlog").at(1);
  const auto plain = packet_of(event, {0});
  auto out = unpack_event(plain);
  BOOST_REQUIRE(out);
  BOOST_TEST(!out->semi_sync);
  BOOST_TEST(out->event.size() == event.size());

  const auto asked = packet_of(event, {0, 0xEF, 1});
  out = unpack_event(asked);
  BOOST_REQUIRE(out);
  BOOST_TEST(out->semi_sync);
  BOOST_TEST(out->wants_ack);
  BOOST_TEST(out->event.size() == event.size());

  const auto not_asked = packet_of(event, {0, 0xEF, 0});
  out = unpack_event(not_asked);
  BOOST_REQUIRE(out);
  BOOST_TEST(out->semi_sync);
  BOOST_TEST(!out->wants_ack);
}

BOOST_AUTO_TEST_CASE(r1_a_timestamp_that_looks_like_the_header_is_none) {
  auto event = recorded("keys.binlog").at(1);
  event[0] = 0xEF;
  event[1] = 1;
  const auto packet = packet_of(event, {0});
  const auto out = unpack_event(packet);
  BOOST_REQUIRE(out);
  BOOST_TEST(!out->semi_sync);
  BOOST_TEST(out->event.size() == event.size());
}

BOOST_AUTO_TEST_CASE(the_end_of_a_dump_is_retryable) {
  const auto out = unpack_event(bytes{0xFE, 0, 0, 2, 0});
  BOOST_REQUIRE(!out);
  BOOST_TEST(out.error().retryable);
  BOOST_TEST(!unpack_event(bytes{}).has_value());
  BOOST_TEST(!unpack_event(bytes{0x07}).has_value());
}

BOOST_AUTO_TEST_CASE(r1_ack_names_position_in_64_bits_and_file) {
  const auto packet = ack_packet({"b.000002", 0x0102030405060708ULL});
  const bytes wanted{17, 0, 0, 0, 0xEF, 8, 7, 6, 5, 4, 3, 2, 1, 'b', '.', '0', '0', '0', '0', '0', '2'};
  BOOST_TEST(packet == wanted, boost::test_tools::per_element());
}

} // namespace
} // namespace understudy::binlog_test
