// What administrators type for nodes and accounts, and what they are told of names that nobody has.
#include "actors/supervisor/account_names.hpp"
#include "actors/supervisor/node_names.hpp"
#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::test;

namespace {

request_body naming(const std::string& destination) {
  request_body body;
  body.destination = destination;
  return body;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(host_names_have_no_case, control_world) {
  announce_all();
  request_body body;
  body.destination = "MailStore2";
  body.mail_host = "MAILSTORE1";
  body.source_host = "mailstore3";
  fold_node_names(body, state);
  BOOST_TEST(body.destination == two.value);
  BOOST_TEST(body.mail_host == one.value);
  BOOST_TEST(body.source_host == three.value);
  BOOST_TEST(body.replica_server == "");
  BOOST_TEST(!why_no_such_node(body, state));
}

BOOST_FIXTURE_TEST_CASE(a_node_that_never_announced_itself_is_named_beside_the_known_ones, control_world) {
  const auto nobody = why_no_such_node(naming("mailstore1"), state);
  BOOST_REQUIRE(nobody);
  BOOST_TEST(nobody->todo == "start understudyd there");
  append(one, {control_incarnation{}, node_announced{}});
  append(two, {control_incarnation{}}); // seen, not announced
  const auto wrong = why_no_such_node(naming("mailstore2"), state);
  BOOST_REQUIRE(wrong);
  BOOST_TEST(wrong->what == "no node named mailstore2 is known");
  BOOST_TEST(wrong->todo == "correct the name (known: mailstore1), or start understudyd there");
  for (int number = 10; number < 20; ++number)
    append(node_name(fmt::format("mailstore{}", number)), {control_incarnation{}, node_announced{}});
  BOOST_TEST(why_no_such_node(naming("mailstore2"), state)->todo ==
             "correct the name (11 nodes are known), or start understudyd there");
}

BOOST_AUTO_TEST_CASE(an_account_nobody_has_and_one_that_is_not_replicated_are_two_facts) {
  registries_asked asked;
  asked.answers = {{one, {{anna, "Anna@x", false}}}, {two, {{anna, "anna@x", true}, {bert, "bert@x", true}}}};
  BOOST_TEST(why_not_replicated("anna@X", asked) == not_replicated_text);
  BOOST_TEST(why_not_replicated(anna.value, asked) == not_replicated_text);
  BOOST_TEST(homes_of("anna@x", asked).size() == 1u); // a replica is no home
  BOOST_TEST(why_not_replicated("bert@x", asked) == "no mailstore has this account");
  asked.silent = {three};
  BOOST_TEST(why_not_replicated("bert@x", asked) ==
             "no mailstore that answers has this account (mailstore3 didn't answer)");
}
