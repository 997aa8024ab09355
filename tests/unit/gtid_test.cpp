// Positions as MariaDB writes them: one GTID a domain (case B10), places that pass file numbers and 4 GiB
// (B03).
#include "events/model/gtid.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

gtid_position position_of(std::string_view text) {
  auto parsed = gtid_position::parse(text);
  BOOST_REQUIRE_MESSAGE(parsed, text);
  return std::move(*parsed);
}

} // namespace

BOOST_AUTO_TEST_CASE(b10_each_domain_goes_on_by_itself) {
  auto position = position_of("0-1-17,5-1-3");
  BOOST_TEST(position.domains().size() == 2U);
  position.advance({5, 1, 4});
  BOOST_TEST(position.text() == "0-1-17,5-1-4"); // domain 0 isn't taken for newer or older than 5
  position.advance({0, 1, 1000});                // a gap is fine: gtid_seq_no may be set
  position.advance({7, 2, 1});                   // a new domain
  BOOST_TEST(position.text() == "0-1-1000,5-1-4,7-2-1");
  position.advance({0, 9, 1001}); // the server's id changes with a failover
  BOOST_TEST(position.text() == "0-9-1001,5-1-4,7-2-1");
  BOOST_TEST((position_of(position.text()) == position));
}

BOOST_AUTO_TEST_CASE(b10_an_empty_position_is_before_everything) {
  BOOST_TEST(position_of("").empty());
  BOOST_TEST(gtid_position{}.text().empty());
}

BOOST_AUTO_TEST_CASE(numbers_go_up_to_their_types_limits) {
  const auto id = gtid::parse("4294967295-4294967295-18446744073709551615").value();
  BOOST_TEST(id.number == 18446744073709551615U);
  BOOST_TEST(id.text() == "4294967295-4294967295-18446744073709551615");
}

BOOST_AUTO_TEST_CASE(what_is_no_position_is_an_error) {
  for (const auto* bad : {"0", "0-1", "0-1-", "0-1-2-3", "-1-2", "a-1-2", "0-1-2x", "4294967296-1-2",
                          "0-1-18446744073709551616", "0-1--2"}) {
    BOOST_TEST(!gtid::parse(bad), bad);
    BOOST_TEST(!gtid_position::parse(bad), bad);
  }
  BOOST_TEST(!gtid_position::parse("0-1-2,,5-1-3"));
}

BOOST_AUTO_TEST_CASE(b03_places_are_ordered_by_file_number_then_by_a_64_bit_offset) {
  const auto before = [](const binlog_place& a, const binlog_place& b) { return a < b && !(b < a); };
  BOOST_TEST(before({"binlog.000009", 500}, {"binlog.000010", 4}));
  BOOST_TEST(before({"binlog.999999", 500}, {"binlog.1000000", 4}));
  BOOST_TEST(before({"binlog.000001", 4294967295U}, {"binlog.000001", 4294967296U + 3601U}));
  BOOST_TEST((binlog_place{"binlog.000001", 4} == binlog_place{"binlog.000001", 4}));
}
