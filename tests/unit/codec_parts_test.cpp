#include "events/codec/decode.hpp"
#include "events/codec/encode.hpp"
#include "events/codec/parts.hpp"
#include "tests/unit/codec_random.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>

using namespace understudy;

namespace {

const writer first_life{node_name("ms1"), incarnation(1)};
const writer second_life{node_name("ms1"), incarnation(2)};
const writer other_node{node_name("ms2"), incarnation(1)};
const account_id a("a");
const account_id b("b");

std::vector<part_event> parts_of(const account_id& account, std::uint64_t number, const std::string& text) {
  return split(text, first_life, account, epoch(1), sequence(number), 1024).value();
}

std::optional<std::string> feed(part_assembler& assembler, const writer& from, const part_event& part) {
  return assembler.feed(from, part, kafka_offset(0)).value();
}

} // namespace

BOOST_AUTO_TEST_CASE(r13_parts_are_within_the_limit_and_make_the_event_again) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    testing::random_events random(seed);
    const auto text = random.text(6000);
    const auto limit = 1024 + random.below(3000);
    const auto parts = split(text, first_life, a, epoch(3), sequence(9), limit).value();
    part_assembler assembler(1 << 20);
    shape_registry none;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto encoded = encode({first_life, parts[i]}).value();
      BOOST_REQUIRE_LE(encoded.size(), limit);
      const auto back = std::get<part_event>(decode(encoded, none).value().body);
      BOOST_REQUIRE(back == parts[i]);
      const auto whole = feed(assembler, first_life, back);
      BOOST_REQUIRE_EQUAL(whole.has_value(), i + 1 == parts.size());
      if (whole)
        BOOST_REQUIRE(*whole == text);
    }
    BOOST_TEST(assembler.bytes() == 0U);
    BOOST_TEST(assembler.open_sets() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(r13_parts_of_lives_nodes_and_accounts_never_mix) {
  const auto of_a = parts_of(a, 5, std::string(3000, 'a'));
  const auto of_b = parts_of(b, 5, std::string(3000, 'b'));
  const auto again = parts_of(a, 5, std::string(3000, 'A'));
  BOOST_REQUIRE_EQUAL(of_a.size(), again.size());
  part_assembler assembler(1 << 20);
  std::vector<std::string> whole;
  const auto take = [&](std::optional<std::string> got) {
    if (got)
      whole.push_back(*got);
  };
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    take(feed(assembler, first_life, of_a[i]));
    take(feed(assembler, second_life, again[i]));
    take(feed(assembler, other_node, of_b[i]));
  }
  BOOST_REQUIRE_EQUAL(whole.size(), 3U);
  BOOST_TEST(whole[0] == std::string(3000, 'a'));
  BOOST_TEST(whole[1] == std::string(3000, 'A'));
  BOOST_TEST(whole[2] == std::string(3000, 'b'));
}

BOOST_AUTO_TEST_CASE(r13_a_set_broken_off_never_completes) {
  const auto parts = parts_of(a, 5, std::string(4000, 'x'));
  BOOST_REQUIRE_GE(parts.size(), 4U);
  const auto expect_nothing = [&](part_assembler& assembler, std::size_t from) {
    for (auto i = from; i < parts.size(); ++i)
      BOOST_TEST(!feed(assembler, first_life, parts[i]));
  };
  part_assembler no_beginning(1 << 20);
  expect_nothing(no_beginning, 1);

  part_assembler gap(1 << 20);
  feed(gap, first_life, parts[0]);
  expect_nothing(gap, 2);

  part_assembler fenced(1 << 20);
  feed(fenced, first_life, parts[0]);
  feed(fenced, other_node, parts[0]);
  feed(fenced, other_node, parts_of(b, 1, std::string(4000, 'b'))[0]);
  fenced.drop(a);
  BOOST_TEST(fenced.open_sets() == 1U);
  expect_nothing(fenced, 1);

  part_assembler older(1 << 20);
  feed(older, first_life, parts[0]);
  older.drop_older(second_life);
  BOOST_TEST(older.open_sets() == 0U);
  BOOST_TEST(older.bytes() == 0U);

  part_assembler restarted(1 << 20);
  feed(restarted, first_life, parts[0]);
  feed(restarted, first_life, parts[1]);
  std::optional<std::string> whole;
  for (const auto& part : parts)
    whole = feed(restarted, first_life, part);
  BOOST_TEST((whole && *whole == std::string(4000, 'x')));
}

BOOST_AUTO_TEST_CASE(p7_open_sets_are_bounded) {
  part_assembler assembler(1500);
  const auto of_a = parts_of(a, 5, std::string(3000, 'a'));
  const auto of_b = parts_of(b, 5, std::string(3000, 'b'));
  BOOST_TEST(assembler.feed(first_life, of_a[0], kafka_offset(40)).has_value());
  BOOST_TEST((assembler.first_open() == kafka_offset(40)));
  const auto over = assembler.feed(first_life, of_b[0], kafka_offset(41));
  BOOST_REQUIRE(!over);
  BOOST_TEST(over.error().what.find("account b") != std::string::npos);
  BOOST_TEST(assembler.bytes() == of_a[0].body.size());
  BOOST_TEST(assembler.open_sets() == 1U);
  // Its other parts begin nothing.
  BOOST_TEST(!feed(assembler, first_life, of_b[1]));
}

BOOST_AUTO_TEST_CASE(a_limit_without_room_is_refused) {
  BOOST_TEST(!split("x", first_life, a, epoch(1), sequence(1), 100));
  BOOST_TEST(payload_limit(1000, 36) == 0U);
  BOOST_TEST(payload_limit(1'048'588, 36) == 1'048'588U - 128 - 36);
}
