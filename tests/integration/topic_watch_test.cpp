// What is altered of a topic while nodes run (P8).
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
  topic_watch watch({settings(), plans, std::chrono::milliseconds(100),
                     [&](severity, const std::string& text) {
                       const std::lock_guard lock(mutex);
                       said += text + "\n";
                     }},
                    told);
  BOOST_TEST(watch.unsafe() == 1u); // it has one copy
  watch.start();
  alter_topic(settings(), "watched", {{"message.timestamp.type", "CreateTime"}});
  BOOST_TEST(eventually(
      deadline, [&] { return says("watched has a message.timestamp.type other than LogAppendTime"); }));
  alter_topic(settings(), "watched", {{"message.timestamp.type", "LogAppendTime"}});
  BOOST_TEST(eventually(deadline, [&] { return says("no longer: watched has a message.timestamp.type"); }));
  watch.stop();
  BOOST_TEST(watch.unsafe() == 1u);
  BOOST_TEST(!says("has one copy")); // said before it began
}
