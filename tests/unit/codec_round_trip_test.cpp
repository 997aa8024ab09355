#include "events/codec/base64.hpp"
#include "events/codec/decode.hpp"
#include "events/codec/encode.hpp"
#include "events/codec/utf8.hpp"
#include "tests/unit/codec_random.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

#include <cstring>

using namespace understudy;

namespace {

struct world {
  explicit world(std::uint64_t seed)
      : random(seed) {
    for (int i = 0; i < 5; ++i)
      shapes.push_back(registry.add(random.table()).value());
  }
  testing::random_events random;
  shape_registry registry;
  std::vector<std::shared_ptr<const shape>> shapes;
};

/// A table with one column of each kind that matters here.
std::shared_ptr<const shape> small_table(shape_registry& registry) {
  shape s;
  s.table = "mboxgroup/mail_item";
  for (const auto* name : {"mailbox_id", "id", "size", "tag_names", "locator", "date"}) {
    column c;
    c.name = name;
    s.columns.push_back(c);
  }
  s.columns[2].type = column_type::big;
  s.columns[2].is_unsigned = true;
  s.key = {0, 1};
  return registry.add(s).value();
}

account_event transaction_of(std::vector<row_change> changes) {
  return {{node_name("ms1"), incarnation(7)},
          transaction_event{account_id("a"), epoch(1), sequence(17), {0, 1, 99}, 1234, std::move(changes)}};
}

} // namespace

BOOST_AUTO_TEST_CASE(events_of_every_kind_come_back_as_they_were) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    world w(seed);
    for (int i = 0; i < 50; ++i) {
      const auto event = w.random.event(w.shapes);
      const auto text = encode(event);
      BOOST_REQUIRE_MESSAGE(text, (text ? "" : text.error().what));
      BOOST_REQUIRE(is_utf8(*text));
      const auto back = decode(*text, w.registry);
      BOOST_REQUIRE_MESSAGE(back, "seed " << seed << ": " << (back ? "" : back.error().what) << "\n"
                                          << *text);
      BOOST_REQUIRE_MESSAGE(*back == event, "seed " << seed << ": " << *text);
      BOOST_REQUIRE(encode(*back).value() == *text);
    }
  }
}

BOOST_AUTO_TEST_CASE(t02_integers_of_64_bits_stay_exact_and_keep_their_sign) {
  shape_registry registry;
  const auto table = small_table(registry);
  for (const value& v : {value(std::numeric_limits<std::int64_t>::min()), value(std::int64_t{-1}),
                         value(std::int64_t{0}), value(std::numeric_limits<std::int64_t>::max()),
                         value(std::uint64_t{0}), value(std::uint64_t{9007199254740993}),
                         value(std::uint64_t{1} << 63), value(std::numeric_limits<std::uint64_t>::max())})
    for (const auto column : {std::uint16_t{1}, std::uint16_t{2}}) {
      const auto event = transaction_of({{table, change_kind::insert, false, false, {}, {{column, v}}}});
      BOOST_CHECK(decode(encode(event).value(), registry).value() == event);
    }
  const auto event = transaction_of(
      {{table, change_kind::insert, false, false, {}, {{2, std::uint64_t{18446744073709551615U}}}}});
  BOOST_CHECK(encode(event)->find("{\"c\":2},18446744073709551615]") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_format_is_what_the_documents_say) {
  shape_registry registry;
  const auto table = small_table(registry);
  const auto event = transaction_of(
      {{table,
        change_kind::insert,
        true,
        false,
        {},
        {{1, std::int64_t{257}},
         {2, std::uint64_t{3}},
         {3, text_value{std::string("a\0b", 3)}},
         {4, bytes_value{"\xff\x01"}},
         {5, literal_value{"1.5e300"}}}},
       {table, change_kind::update, false, true, {{1, std::int64_t{257}}}, {{3, null_value{}}}},
       {table, change_kind::remove, false, false, {{1, std::int64_t{257}}}, {}}});
  BOOST_TEST(
      encode(event).value() ==
      fmt::format(
          R"({{"v":1,"t":"transaction","n":"ms1","l":7,"a":"a","e":1,"s":17,"g":"0-1-99","c":1234,)"
          R"("f":[{}],"r":[["i",0,1,[],[{{"c":1}},257,3,"a\u0000b",{{"b":"/wE="}},{{"l":"1.5e300"}}]],)"
          R"(["u",0,2,[{{"c":1}},257],[{{"c":3}},null]],["d",0,0,[{{"c":1}},257],[]]]}})",
          table->fingerprint()));
}

BOOST_AUTO_TEST_CASE(text_that_is_not_utf8_travels_as_bytes) {
  shape_registry registry;
  const auto table = small_table(registry);
  for (const std::string broken :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "abcdefgh\xe2\x82", "\xf4\x90\x80\x80"}) {
    const auto event =
        transaction_of({{table, change_kind::insert, false, false, {}, {{3, text_value{broken}}}}});
    const auto back = decode(encode(event).value(), registry).value();
    const auto& cells = std::get<transaction_event>(back.body).changes.at(0).after;
    BOOST_CHECK(cells.at(0).content == value(bytes_value{broken}));
  }
}

BOOST_AUTO_TEST_CASE(r3_what_no_reader_could_take_back_is_not_encoded) {
  shape_registry registry;
  const auto table = small_table(registry);
  std::string out = "kept";
  const auto fails = [&](const account_event& event) {
    const auto done = encode_to(out, event.from, event.body);
    BOOST_REQUIRE(!done);
    BOOST_TEST(!done.error().retryable);
    BOOST_TEST(out == "kept");
    return done.error().what;
  };
  BOOST_TEST(fails(transaction_of({{nullptr, change_kind::insert, false, false, {}, {}}})).find("no shape") !=
             std::string::npos);
  BOOST_TEST(fails(transaction_of({{table, change_kind::insert, false, false, {}, {{6, null_value{}}}}}))
                 .find("column 6 is outside table mboxgroup/mail_item") != std::string::npos);
  BOOST_TEST(fails({{node_name("\xff"), incarnation(1)}, incarnation_event{}}).find("field 'n'") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(unknown_fields_are_ignored) {
  world w(3);
  for (int i = 0; i < 200; ++i) {
    const auto event = w.random.event(w.shapes);
    auto text = encode(event).value();
    text.insert(1, R"("new":{"x":[1,2.5,{"c":1}],"v":9},)");
    BOOST_REQUIRE(decode(text, w.registry).value() == event);
  }
}

BOOST_AUTO_TEST_CASE(a_shape_keeps_its_fingerprint_on_the_way) {
  testing::random_events random(11);
  for (int i = 0; i < 200; ++i) {
    const auto table = random.table();
    const auto text = encode({{node_name("n"), incarnation(1)}, shape_event{table}}).value();
    const auto back = decode(text, shape_registry()).value();
    BOOST_REQUIRE_EQUAL(std::get<shape_event>(back.body).table.fingerprint(), table.fingerprint());
  }
}

BOOST_AUTO_TEST_CASE(base64_is_exact_and_strict) {
  testing::random_events random(5);
  for (int i = 0; i < 500; ++i) {
    const auto bytes = random.bytes(70);
    std::string text;
    append_base64(text, bytes);
    std::string back;
    BOOST_REQUIRE(read_base64(text, back));
    BOOST_REQUIRE(back == bytes);
  }
  std::string out;
  for (const auto* wrong :
       {"A", "AA", "AAA", "AAAAA", "A===", "AA=A", "=AAA", "AB==", "AAB=", "A A=", "AA\xff="})
    BOOST_TEST(!read_base64(wrong, out), wrong);
}

BOOST_AUTO_TEST_CASE(the_registry_shares_shapes_and_refuses_impostors) {
  shape_registry registry;
  testing::random_events random(8);
  const auto table = random.table();
  const auto first = registry.add(table).value();
  BOOST_TEST(registry.add(table).value() == first);
  BOOST_TEST(registry.find(table.fingerprint()) == first);
  BOOST_TEST(!registry.find(table.fingerprint() + 1));
  BOOST_TEST(registry.size() == 1U);
}
