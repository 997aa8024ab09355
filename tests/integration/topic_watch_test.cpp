// What is altered of a topic while nodes run (P8), and the brokers' session timeout (R23).
#include "actors/node/topic_watch.hpp"
#include "tests/integration/log_cuts.hpp"
#include "tests/integration/log_fixture.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::testing;
using fixture::eventually;

BOOST_AUTO_TEST_CASE(p8_a_topic_that_is_altered_while_nodes_run_is_said_and_counted) {
  const std::vector<topic_plan> plans{{"watched", 1, 1, 1, std::chrono::hours(1)}};
  auto admin = topic_admin::open(settings()).value();
  const auto told = admin->ensure(plans, deadline).value();
  std::mutex mutex;
  std::string said;
  const auto says = [&](const std::string& part) {
    const std::lock_guard lock(mutex);
    return said.find(part) != std::string::npos;
  };
  topic_watch watch({.kafka = settings(),
                     .plans = plans,
                     .pause = std::chrono::milliseconds(100),
                     .report =
                         [&](severity, const std::string& text) {
                           const std::lock_guard lock(mutex);
                           said += text + "\n";
                         }},
                    told);
  BOOST_TEST(watch.unsafe().size() == 1u); // it has one copy
  watch.start();
  alter_topic(settings(), "watched", {{"message.timestamp.type", "CreateTime"}});
  BOOST_TEST(eventually(
      deadline, [&] { return says("watched has a message.timestamp.type other than LogAppendTime"); }));
  BOOST_TEST(eventually(deadline, [&] { return watch.unsafe().size() == 2u; }));
  alter_topic(settings(), "watched", {{"message.timestamp.type", "LogAppendTime"}});
  BOOST_TEST(eventually(deadline, [&] { return says("no longer: watched has a message.timestamp.type"); }));
  watch.stop();
  BOOST_TEST(watch.unsafe().size() == 1u);
  BOOST_TEST(!says("has one copy"));              // said before it began
  BOOST_TEST(!says("broker.session.timeout.ms")); // 3 s are enough for 1500 ms
}

BOOST_AUTO_TEST_CASE(r23_a_lease_below_the_session_timeout_of_the_brokers_is_said_once) {
  const fixture::private_kafka slow(
      {.properties = {"broker.session.timeout.ms=9000"}}); // Kafka's own default
  std::mutex mutex;
  std::vector<std::string> said;
  unsigned errors = 0;
  topic_watch watch({.kafka = {slow.bootstrap(), {}, "test", {}},
                     .plans = {},
                     .lease = std::chrono::milliseconds(3000),
                     .pause = std::chrono::milliseconds(100),
                     .report =
                         [&](severity level, const std::string& text) {
                           const std::lock_guard lock(mutex);
                           errors += level == severity::unsafe ? 1 : 0;
                           said.push_back(text);
                         }},
                    {});
  BOOST_TEST(watch.unsafe().empty());
  watch.start();
  BOOST_TEST(eventually(deadline, [&] { return watch.unsafe().size() == 1u; }));
  const auto times = [&] {
    const std::lock_guard lock(mutex);
    return said.size();
  };
  BOOST_TEST(!eventually(std::chrono::seconds(1), [&] { return times() > 1; })); // of some ten looks
  watch.stop();
  BOOST_REQUIRE(said.size() == 1u);
  BOOST_TEST(errors == 1u);
  BOOST_TEST(said[0].find("lease is 3000 ms, and the brokers' broker.session.timeout.ms is 9000") !=
                 std::string::npos,
             said[0]);
  BOOST_TEST(watch.unsafe()[0].topic.empty());
}
