#include "events/codec/decode.hpp"
#include "events/codec/encode.hpp"
#include "tests/unit/codec_random.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>

using namespace understudy;

namespace {

struct no_shapes final : shape_lookup {
  std::shared_ptr<const shape> find(std::uint64_t) const override { return nullptr; }
};

decode_error fails(std::string_view text, const shape_lookup& shapes = no_shapes()) {
  const auto got = decode(text, shapes);
  BOOST_REQUIRE_MESSAGE(!got, "accepted: " << text);
  BOOST_TEST(!got.error().what.empty());
  BOOST_TEST(!got.error().todo.empty());
  return got.error();
}

void says(std::string_view text, std::string_view part, const shape_lookup& shapes = no_shapes()) {
  const auto what = fails(text, shapes).what;
  BOOST_TEST(what.find(part) != std::string::npos, what);
}

} // namespace

BOOST_AUTO_TEST_CASE(p6_kinds_of_failure_are_told_apart) {
  BOOST_CHECK(fails("").kind == decode_failure::malformed);
  BOOST_CHECK(fails(R"({"v":2,"t":"transaction","n":"x","l":1})").kind == decode_failure::unknown_version);
  BOOST_CHECK(fails(R"({"v":1,"t":"poem","n":"x","l":1})").kind == decode_failure::unknown_type);
  const auto shape = fails(
      R"({"v":1,"t":"transaction","n":"x","l":1,"a":"a","e":1,"s":1,"g":"0-1-1","c":0,"f":[18446744073709551615],"r":[]})");
  BOOST_CHECK(shape.kind == decode_failure::unknown_shape);
  BOOST_TEST(shape.fingerprint == 18446744073709551615U);
  // Converts to the common error where the kind isn't asked for.
  const result<account_event> plain = decode("[]", no_shapes());
  BOOST_TEST(!plain.error().what.empty());
}

BOOST_AUTO_TEST_CASE(errors_say_where) {
  says(R"({"v":1,"t":"fence")", "byte 18");
  says(R"({"v":1,]})", "not JSON at byte");
  says("\x00\x01\x02", "not JSON at byte 0");
  says("[1]", "not an object");
  says("{}", "field v");
  says(R"({"v":1,"t":"fence","l":1,"n":7})", "field n");
  says(R"({"v":1,"t":"fence","l":1,"n":"x","a":"a","e":-1})", "field e");
  says(R"({"v":1,"t":"fence","l":1.0,"n":"x"})", "field l");
  says(R"({"v":1,"t":"fence","l":18446744073709551616,"n":"x"})", "field l");
  says(R"({"v":1,"t":"snapshot","n":"x","l":1,"a":"a","e":1,"s":1,"u":"u","p":2147483648,"o":1})", "field p");
  says(R"({"v":1,"t":"part","n":"x","l":1,"a":"a","e":1,"s":1,"i":2,"k":2,"b":""})", "field i");
  says(R"({"v":1,"t":"shape","n":"x","l":1,"d":"t","k":[1],"m":0,"w":[{"n":"c","t":"int","f":0}]})",
       "field k");
  says(R"({"v":1,"t":"shape","n":"x","l":1,"d":"t","k":[],"m":0,"w":[{"n":"c","t":"quark","f":0}]})",
       "w[0].t");
}

BOOST_AUTO_TEST_CASE(errors_in_rows_name_row_and_value) {
  shape_registry registry;
  shape s;
  s.table = "t";
  s.columns.resize(2);
  const auto print = registry.add(s).value()->fingerprint();
  const auto rows = [&](std::string_view list) {
    return fmt::format(
        R"({{"v":1,"t":"transaction","n":"x","l":1,"a":"a","e":1,"s":1,"g":"0-1-1","c":0,"f":[{}],"r":{}}})",
        print, list);
  };
  BOOST_TEST(decode(rows(R"([["i",0,0,[],[1,2]]])"), registry).has_value());
  says(rows(R"([["i",0,0,[],[1,2]],["i",0,0,[],[1,2,3]]])"), "r[1][4][2]", registry);
  says(rows(R"([["i",0,0,[],[{"c":7},1]]])"), "r[0][4][1]", registry);
  says(rows(R"([["i",0,0,[true],[]]])"), "r[0][3][0]", registry);
  says(rows(R"([["i",0,0,[1.5],[]]])"), "r[0][3][0]", registry);
  says(rows(R"([["i",0,0,[{"b":"A"}],[]]])"), "r[0][3][0].b", registry);
  says(rows(R"([["i",1,0,[],[]]])"), "r[0][1]", registry);
  says(rows(R"([["x",0,0,[],[]]])"), "r[0][0]", registry);
  says(rows(R"([["i",0,0,[]]])"), "r[0]", registry);
  says(rows(R"([7])"), "r[0]", registry);
  says(rows(R"({})"), "field r", registry);
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_refused_without_recursion) {
  BOOST_CHECK(fails(std::string(1'000'000, '[')).kind == decode_failure::malformed);
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += R"({"v":)";
  fails(text);
}

BOOST_AUTO_TEST_CASE(truncated_and_flipped_records_never_crash) {
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    testing::random_events random(seed);
    shape_registry registry;
    std::vector<std::shared_ptr<const shape>> shapes;
    for (int i = 0; i < 3; ++i)
      shapes.push_back(registry.add(random.table()).value());
    for (int i = 0; i < 40; ++i) {
      const auto whole = encode(random.event(shapes)).value();
      const auto cut = decode(std::string_view(whole).substr(0, random.below(whole.size())), registry);
      BOOST_REQUIRE(!cut);
      for (int m = 0; m < 20; ++m) {
        auto text = whole;
        for (auto flips = 1 + random.below(4); flips > 0; --flips)
          text[random.below(text.size())] ^= static_cast<char>(1 << random.below(8));
        const auto got = decode(text, registry);
        if (!got) {
          ++refused;
          BOOST_REQUIRE(!got.error().what.empty());
        } else {
          // What is accepted is a sound event: it can be encoded again.
          BOOST_REQUIRE(encode(*got));
        }
      }
    }
  }
  BOOST_TEST(refused > 5000U);
}

BOOST_AUTO_TEST_CASE(a_decoder_goes_on_after_failures_and_large_records) {
  decoder reused;
  const no_shapes none;
  const std::string fence = R"({"v":1,"t":"fence","n":"x","l":1,"a":"a","e":2,"o":3,"p":true})";
  const std::string large = R"({"v":1,"t":"part","n":"x","l":1,"a":"a","e":1,"s":1,"i":0,"k":2,"b":")" +
                            std::string(3'000'000, 'x') + "\"}";
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(!reused.decode(fence.substr(0, 40), none));
    BOOST_TEST(reused.decode(fence, none).has_value());
    BOOST_TEST(reused.decode(large, none).has_value());
    BOOST_TEST(!reused.decode(large.substr(0, 2'000'000), none));
    BOOST_TEST(reused.decode(fence, none).has_value());
  }
}

BOOST_AUTO_TEST_CASE(p7_records_that_outgrow_a_decoders_memory_can_be_read_for_ever) {
  decoder reused;
  const no_shapes none;
  std::string fence = R"({"v":1,"t":"fence","n":"x","l":1,"a":"a","e":2,"o":3,"p":true,"unknown":[0)";
  for (int i = 0; i < 20'000; ++i)
    fence += ",{}";
  fence += "]}";
  for (int i = 0; i < 100; ++i)
    BOOST_REQUIRE(reused.decode(fence, none).has_value());
}
