#include "events/control/control_codec.hpp"
#include "events/control/decide.hpp"
#include "events/control/lease.hpp"
#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::test;

namespace {

std::vector<control_event> one_of_each() {
  const auto change = [](account_change_body body) {
    const bool decides = is_decision(body) || std::holds_alternative<protected_again>(body);
    return account_change{anna, account_version{decides ? 7u : 0u}, std::move(body)};
  };
  return {change(enrolled{"ä \"x\"@example.com", one, partition_id{63}}),
          change(destination_set{two, 4294967295u}),
          change(destination_removed{two}),
          change(withdrawn{}),
          change(promotion_decided{epoch{18446744073709551615u},
                                   one,
                                   two,
                                   promotion_kind::unplanned,
                                   {{one, kafka_offset{9}}, {three, kafka_offset{0}}},
                                   epoch{4},
                                   false}),
          change(paused{}),
          change(resumed{}),
          change(renamed{"b@example.com"}),
          change(replica_ready{two, kafka_offset{5}, "uuid", sequence{18446744073709551615u}}),
          change(replica_reset{two, "gap"}),
          change(unprotected{epoch{3}, "refused", sequence{8}}),
          change(unprotected{epoch{3}, "no leader", sequence{8}, true}),
          change(unprotected{epoch{3}, "TRUNCATE", sequence{8}, false, true}),
          change(protected_again{epoch{3}}),
          change(promotion_aborted{epoch{3}, "guard"}),
          change(activated{epoch{3}, kafka_offset{-1}, sequence{8}, "asynchronous"}),
          change(declined{epoch{3}, "asked"}),
          change(decline_asked{epoch{3}}),
          change(decline_asked{epoch{3}, two}),
          control_incarnation{},
          node_announced{"host:7700", "uuid", 17, durability::asynchronous, {{1, 2, "v", "/v", true}}},
          returned{kafka_offset{12}},
          returned{kafka_offset{12}, broker_time{1700000000000}},
          operation_started{operation_id{"op"}, "promote", "ada", -5, 3, "as typed", two, 65535, true, 64},
          operation_target{operation_id{"op"}, anna, "a@x", one, true},
          operation_adopted{operation_id{"op"}},
          operation_outcome{operation_id{"op"}, anna, false, "why"},
          operation_finished{operation_id{"op"}, 6}};
}

control_record sample() {
  return {{one, incarnation{3}}, "id-1", rules_version, {operation_id{"op"}, "ada", 12}, one_of_each()};
}

std::string told(std::string_view json) {
  const auto decoded = decode_control_record(json);
  return decoded ? "" : decoded.error().what;
}

} // namespace

BOOST_AUTO_TEST_CASE(control_records_of_every_event_survive_the_way_through_json) {
  const auto decoded = decode_control_record(encode(sample()));
  BOOST_TEST_REQUIRE(decoded.has_value());
  BOOST_TEST((*decoded == sample()));
}

BOOST_AUTO_TEST_CASE(unknown_fields_do_not_hurt) {
  auto text = encode(sample());
  text.insert(1, R"("later":{"x":[1]},)");
  BOOST_TEST((*decode_control_record(text) == sample()));
}

BOOST_AUTO_TEST_CASE(every_truncation_is_an_error_and_never_a_crash) {
  const auto text = encode(sample());
  for (std::size_t length = 0; length < text.size(); ++length)
    BOOST_TEST_REQUIRE(!decode_control_record(std::string_view(text).substr(0, length)).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_its_place) {
  const std::string head = R"({"v":1,"id":"x","node":"n","life":1,"rules":1,)"
                           R"("origin":{"operation":"","by":"","at":0},"events":)";
  BOOST_TEST(told("[]").find("not an object") != std::string::npos);
  BOOST_TEST(told(R"({"v":2})").find("/v is 2") != std::string::npos);
  BOOST_TEST(told(head + "7}").find("/events is not an array") != std::string::npos);
  BOOST_TEST(told(head + R"([{"type":"returned"}]})").find("/events/0/claim is missing") !=
             std::string::npos);
  BOOST_TEST(told(head + R"([{"type":"x"}]})").find("/events/0/type 'x' is not known") != std::string::npos);
  BOOST_TEST(told(head + R"([{"type":"returned","claim":1.5}]})").find("not an integer") !=
             std::string::npos);
  BOOST_TEST(told(head + "[]}x").find("at byte") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(the_folded_state_survives_the_way_through_its_documents, control_world) {
  announce_all();
  enrol_ready(anna);
  enrol_ready(bert);
  append(one, {returned{kafka_offset{3}}, returned{kafka_offset{4}, broker_time{17}},
               operation_started{operation_id{"op"}, "promote", "ada", 1, 2, "t", two, 7, true, 3},
               operation_target{operation_id{"op"}, anna, "a@x", {}, true},
               operation_target{operation_id{"op"}, bert, "b@x", one, false},
               operation_outcome{operation_id{"op"}, anna, false, "why"}});
  decide(two, anna,
         promotion_decided{
             epoch{2}, one, two, promotion_kind::unplanned, {{one, kafka_offset{9}}}, epoch{}, true});
  say(two, anna, activated{epoch{2}, kafka_offset{77}, sequence{8}, "asynchronous"});
  say(one, bert, replica_reset{three, "gap"});
  decide(one, bert, promotion_decided{epoch{2}, one, two, promotion_kind::planned, {}, epoch{}, true});
  append(three, {account_change{bert, {}, decline_asked{epoch{2}, three}}}, incarnation{1},
         {operation_id{"op-2"}, "bob", 5});
  control_state again;
  for (const auto& account : state.accounts())
    BOOST_TEST_REQUIRE(load_account(again, encode_account(account)).has_value());
  for (const auto& [name, node] : state.nodes())
    BOOST_TEST_REQUIRE(load_node(again, encode_node(node)).has_value());
  for (const auto& [id, operation] : state.operations())
    BOOST_TEST_REQUIRE(load_operation(again, encode_operation(operation)).has_value());
  BOOST_TEST_REQUIRE(load_records(again, encode_records(state)).has_value());
  again.set_next(state.next());
  BOOST_TEST((again == state));
  BOOST_TEST(!load_account(again, "{}").has_value());
  BOOST_TEST(!load_records(again, R"({"records":[7]})").has_value());
}

BOOST_AUTO_TEST_CASE(lease_records_survive_the_way_through_json) {
  const std::vector<lease_record> records{
      {{one, incarnation{1}}, lease_incarnation{}},
      {{one, incarnation{1}}, renewal{"uuid", 17, 5, boot_time{123456789}, 1}},
      {{one, incarnation{1}},
       renewal{"uuid", 17, 6, boot_time{123456789}, 1, std::chrono::seconds(5), std::chrono::seconds(0)}},
      {{one, incarnation{1}}, claim{two, "uuid", boot_time{5}, kafka_offset{9}}},
      {{one, incarnation{1}}, resignation{"uuid", "shutting down"}}};
  for (const auto& record : records) {
    const auto decoded = decode_lease_record(encode(record));
    BOOST_TEST_REQUIRE(decoded.has_value());
    BOOST_TEST((*decoded == record));
  }
  BOOST_TEST(!decode_lease_record(R"({"v":1,"node":"n","life":1,"type":"claim"})").has_value());
  BOOST_TEST(!decode_lease_record(R"({"v":1,"node":"n","life":1,"type":"other"})").has_value());
}

BOOST_AUTO_TEST_CASE(records_are_cut_between_accounts_only) {
  std::vector<control_event> events;
  for (const auto& id : {anna, anna, anna, bert, bert})
    events.push_back(account_change{id, {}, paused{}});
  int number = 0;
  const auto records =
      to_records({one, incarnation{1}}, {}, std::move(events), [&] { return std::to_string(++number); }, 2);
  BOOST_TEST_REQUIRE(records.size() == 2u);
  BOOST_TEST(records[0].events.size() == 3u);
  BOOST_TEST(records[1].events.size() == 2u);
  BOOST_TEST(records[1].id == "2");
}
