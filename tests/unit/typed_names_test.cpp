// What administrators type for nodes and accounts, and what they are told of names that nobody has.
#include "actors/supervisor/account_names.hpp"
#include "actors/supervisor/node_names.hpp"
#include "tests/unit/control_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/ranges.h>

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
  body.operation_host = "mailStore3";
  fold_node_names(body, state);
  BOOST_TEST(body.destination == two.value);
  BOOST_TEST(body.mail_host == one.value);
  BOOST_TEST(body.source_host == three.value);
  BOOST_TEST(body.operation_host == three.value);
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
  BOOST_TEST(why_not_replicated("anna@X", account_homes(asked), asked) == not_replicated_text);
  BOOST_TEST(why_not_replicated(anna.value, account_homes(asked), asked) == not_replicated_text);
  BOOST_TEST(account_homes(asked).of("anna@x").size() == 1u); // a replica is no home
  BOOST_TEST(why_not_replicated("bert@x", account_homes(asked), asked) ==
             "no mailstore has this account (one mailbox is meant: a distribution list has none)");
  asked.silent = {three};
  BOOST_TEST(why_not_replicated("bert@x", account_homes(asked), asked) ==
             "no mailstore that answers has this account (mailstore3 didn't answer)");
}

BOOST_FIXTURE_TEST_CASE(an_account_named_by_address_and_by_uuid_is_named_twice, control_world) {
  announce_all();
  decide(one, anna, enrolled{"Anna@x", one, partition_id{3}});
  const auto found = find_named(state, {anna.value, "anna@X", "bert@x"}, {});
  BOOST_TEST((found.known == std::map<account_id, std::string>{{anna, "anna@X"}}));
  BOOST_TEST((found.twice == std::vector<std::pair<std::string, std::string>>{{anna.value, "anna@X"}}));
  BOOST_TEST(found.unknown == std::vector<std::string>{"bert@x"});
  BOOST_TEST(find_named(state, {anna.value}, {}).twice.empty());
  // Both ways to the same mailbox, in the answer of its mailstore.
  registries_asked asked;
  asked.answers = {{one, {{bert, "bert@x", false}, {bert, "bert@x", false}}}};
  BOOST_TEST(account_homes(asked).of("bert@x").size() == 1u);
  BOOST_TEST(account_homes(asked).of(bert.value).size() == 1u);
  asked.answers.push_back({two, {{bert, "bert@x", false}}});
  BOOST_TEST(account_homes(asked).of("bert@x").size() == 2u);
}

/// A pass over all answers for each name would take hours, on the supervisor's thread.
BOOST_AUTO_TEST_CASE(a_command_may_name_a_whole_mailstore, *boost::unit_test::timeout(60)) {
  constexpr unsigned many = 200'000;
  registries_asked asked;
  asked.answers.push_back({one, {}});
  for (unsigned n = 0; n < many; ++n)
    asked.answers.back().second.push_back(
        {account_id(fmt::format("{:08}-aaaa", n)), fmt::format("U{}@x", n), n % 2 == 1});
  const account_homes homes(asked);
  std::size_t found = 0;
  for (unsigned n = 0; n < many; ++n)
    found += homes.of(fmt::format("u{}@X", n)).size();
  BOOST_TEST(found == many / 2);
}

BOOST_FIXTURE_TEST_CASE(r32_a_loss_is_accepted_for_accounts_of_the_promotion_and_nobody_else, control_world) {
  announce_all();
  decide(one, anna, enrolled{"anna@x", one, partition_id{3}});
  decide(one, bert, enrolled{"bert@x", one, partition_id{4}});
  request_body body;
  body.accounts = {"anna@x", "gone@x"};
  const auto chosen = find_named(state, body.accounts, {}).known;
  const auto told = [&](std::vector<std::string> accept_loss) {
    body.accept_loss = std::move(accept_loss);
    const auto accepted = accepted_losses(state, body, chosen);
    return accepted ? fmt::format("{} accepted", accepted->size()) : accepted.error().what;
  };
  BOOST_TEST(told({}) == "0 accepted");
  BOOST_TEST(told({"ANNA@x"}) == "1 accepted");
  BOOST_TEST(told({anna.value}) == "1 accepted");
  BOOST_TEST(told({"anna@x", "bert@x"}) ==
             "--accept-loss names bert@x, which isn't among the accounts to promote");
  BOOST_TEST(told({"nobody@x", "bert@x"}) ==
             "--accept-loss names nobody@x, bert@x, which aren't among the accounts to promote");
  BOOST_TEST(told({"anna@x", anna.value}) ==
             "--accept-loss names anna@x twice, also as 11111111-1111-1111-1111-111111111111");
  BOOST_TEST(told({"Gone@x"}) == "0 accepted"); // refused as an account of the promotion
  std::vector<std::string> many;
  for (int number = 0; number < 20; ++number)
    many.push_back(fmt::format("u{}@x", number));
  BOOST_TEST(told(many).ends_with("u7@x and 12 more, which aren't among the accounts to promote"));
}

BOOST_FIXTURE_TEST_CASE(an_account_that_was_replicated_before_is_at_home_where_it_was_last, control_world) {
  announce_all();
  enrol_ready(anna);
  decide(one, anna, promotion_decided{epoch{2}, one, two, promotion_kind::planned, {}, epoch{}, true});
  say(two, anna, activated{epoch{2}, kafka_offset{7}, sequence{5}, ""});
  decide(one, anna, withdrawn{});
  BOOST_REQUIRE((at(anna).primary() == two));
  const auto left = [&](std::vector<account_home> homes) {
    keep_last_source(homes, state);
    std::vector<std::string> names;
    for (const auto& home : homes)
      names.push_back(home.home.value);
    return fmt::format("{}", fmt::join(names, ","));
  };
  const auto in = [](const account_id& id, const node_name& host, std::uint64_t source_term) {
    return account_home{{id, "a@x", host}, epoch{source_term}};
  };
  BOOST_TEST(left({in(anna, one, 1), in(anna, two, 2)}) == "mailstore2");
  BOOST_TEST(left({in(anna, one, 1)}) == "mailstore1"); // the only one there is
  BOOST_TEST(left({in(anna, one, 1), in(anna, three, 0)}) == "mailstore1,mailstore3");
  // Moved to mailstore3 by hand, and what lay on mailstore2 wasn't purged yet.
  BOOST_TEST(left({in(anna, two, 2), in(anna, three, 0)}) == "mailstore2,mailstore3");
  BOOST_TEST(left({in(bert, one, 1), in(anna, two, 2)}) == "mailstore1,mailstore2"); // another mailbox
  BOOST_TEST(left({in(anna, two, 2), in(bert, one, 1)}) == "mailstore2,mailstore1");
}

BOOST_FIXTURE_TEST_CASE(an_address_that_two_accounts_have_means_neither, control_world) {
  announce_all();
  const std::string shared = "shared@x";
  for (const auto& id : {anna, bert}) {
    enrol_ready(id);
    append(one, {account_change{id, at(id).version, renamed{shared}}});
  }
  auto found = find_named(state, {"Shared@X"}, {});
  BOOST_TEST(found.known.empty());
  BOOST_TEST(found.unknown.empty());
  BOOST_TEST_REQUIRE(found.shared.size() == 1u);
  BOOST_TEST(found.shared.at("Shared@X").size() == 2u);
  found = find_named(state, {anna.value}, {});
  BOOST_TEST(found.known.size() == 1u);
  BOOST_TEST(found.shared.empty());
  request_body body;
  body.accept_loss = {shared};
  BOOST_TEST(!accepted_losses(state, body, {{anna, shared}}));
}
