#include "events/log/client_watch.hpp"
#include "events/log/log_throttle.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace understudy;

BOOST_AUTO_TEST_CASE(o01_lines_are_limited_and_the_hidden_ones_counted) {
  log_throttle throttle(3, std::chrono::seconds(60));
  const log_throttle::clock::time_point start{std::chrono::hours(1)};
  for (int i = 0; i < 3; ++i)
    BOOST_TEST((throttle.admit(start) == 0U));
  for (int i = 0; i < 500; ++i)
    BOOST_TEST(!throttle.admit(start + std::chrono::seconds(59)));
  BOOST_TEST((throttle.admit(start + std::chrono::seconds(60)) == 500U));
  BOOST_TEST((throttle.admit(start + std::chrono::seconds(61)) == 0U));
}

BOOST_AUTO_TEST_CASE(o01_a_flood_of_the_client_ends_in_ten_lines) {
  std::vector<std::string> lines;
  kafka_settings settings;
  settings.log = [&](log_level, std::string_view text) { lines.emplace_back(text); };
  client_watch watch(settings);
  for (int i = 0; i < 1000; ++i)
    watch.log_line(3, "FAIL", "Connection refused");
  watch.log_line(4, "CONFWARN", "is a consumer property");
  BOOST_TEST(lines.size() == 10U);
  BOOST_TEST(lines[0] == "Kafka client: FAIL Connection refused");
}

BOOST_AUTO_TEST_CASE(o01_the_clients_of_one_node_say_no_more_than_one_would) {
  std::vector<std::string> lines;
  kafka_settings settings;
  settings.log = [&](log_level, std::string_view text) { lines.emplace_back(text); };
  settings.voice = std::make_shared<client_voice>();
  client_watch first(settings), second(settings);
  for (int i = 0; i < 20; ++i)
    for (auto* watch : {&first, &second})
      watch->log_line(3, "FAIL", "Connection refused");
  BOOST_TEST(lines.size() == 10U);
}

BOOST_AUTO_TEST_CASE(o01_the_first_client_without_a_broker_says_so_and_the_last_that_has_one_again) {
  client_voice voice;
  BOOST_TEST(voice.cut_off());
  BOOST_TEST(!voice.cut_off());
  BOOST_TEST(!voice.back());
  BOOST_TEST(voice.back());
  BOOST_TEST(voice.cut_off());
}

BOOST_AUTO_TEST_CASE(what_gave_something_before_the_first_statistics_is_connected) {
  client_watch watch(kafka_settings{});
  watch.answered();
  BOOST_TEST(watch.connected());
  watch.statistics(R"({"brokers":{"a":{"state":"DOWN"}}})");
  watch.answered(); // fetched before the broker went down
  BOOST_TEST(!watch.connected());
}

BOOST_AUTO_TEST_CASE(connected_is_any_broker_up) {
  client_watch watch(kafka_settings{});
  BOOST_TEST(!watch.connected());
  watch.statistics(R"({"brokers":{"a":{"state":"CONNECT"},"b":{"state":"UP"}}})");
  BOOST_TEST(watch.connected());
  watch.statistics(R"({"brokers":{"a":{"state":"DOWN"},"b":{"state":"INIT"}},"cgrp":{"state":"up"}})");
  BOOST_TEST(!watch.connected());
}
