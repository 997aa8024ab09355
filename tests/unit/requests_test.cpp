// Replies of the supervisor to the command line (docs/cli.md).
#include "actors/supervisor/requests.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(a_reply_names_an_operation_only_if_monitor_knows_one) {
  const account_reply done{"a@x", "done", {}, {}, {}};
  const account_reply refused{"b@x", "refused", "no mailstore has this account", {}, {}};
  const auto begun = write_change_reply(operation_id("uuid"), {done, refused});
  BOOST_TEST(begun.status == 3);
  BOOST_TEST(begun.body ==
             R"({"operation":"uuid","accounts":[{"account":"a@x","outcome":"done"},)"
             R"({"account":"b@x","outcome":"refused","reason":"no mailstore has this account"}]})");
  const auto nothing = write_change_reply({}, {refused}, "nothing was done");
  BOOST_TEST(nothing.status == 1);
  BOOST_TEST(
      nothing.body ==
      R"({"accounts":[{"account":"b@x","outcome":"refused","reason":"no mailstore has this account"}],)"
      R"("statement":"nothing was done"})");
}
