// Replies of the supervisor to the command line (docs/cli.md).
#include "actors/control/control_view.hpp"
#include "actors/supervisor/requests.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

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

BOOST_AUTO_TEST_CASE(p10_a_dry_run_tells_of_names_that_mean_no_account) {
  preview can;
  can.account = "a@x";
  can.decided.account = account_id("uuid");
  can.decided.decided = true;
  can.decided.text = "not replicated to m2 any more";
  const account_reply nobody{"b@x", "refused", "no mailstore has this account", {}, {}};
  const auto some = write_dry_run_reply({can}, {nobody});
  BOOST_TEST(some.status == 3);
  BOOST_TEST(some.body ==
             R"({"dry_run":true,"accounts":[{"account":"a@x","accountId":"uuid","allowed":true,)"
             R"("text":"not replicated to m2 any more","gates":[]},{"account":"b@x","allowed":false,)"
             R"("text":"no mailstore has this account","gates":[{"name":"account known","passed":false,)"
             R"("figures":"no mailstore has this account"}]}]})");
  BOOST_TEST(write_dry_run_reply({}, {nobody}, "nothing would be done").status == 1);
  BOOST_TEST(write_dry_run_reply({can}, {}).status == 0);
}

BOOST_AUTO_TEST_CASE(accounts_are_listed_by_their_names_whatever_came_first) {
  preview first;
  first.account = "b@x";
  auto second = first;
  second.account = "a@x";
  const auto dry = write_dry_run_reply({first, second}, {{"aa@x", "refused", "nobody has it", {}, {}}}).body;
  BOOST_TEST(dry.find("\"a@x\"") < dry.find("\"aa@x\""), dry);
  BOOST_TEST(dry.find("\"aa@x\"") < dry.find("\"b@x\""), dry);
  operation_state operation;
  operation.outcomes = {{operation_id("op"), account_id("z"), true, ""},
                        {operation_id("op"), account_id("y"), true, ""}};
  const auto name_of = [](const account_id& id) { return id.value; };
  const auto monitored =
      write_monitor_reply(operation, true, name_of, [](const auto&) { return account_step{}; }).body;
  BOOST_TEST(monitored.find("\"y\"") < monitored.find("\"z\""), monitored);
}

BOOST_AUTO_TEST_CASE(p8_a_mailbox_that_is_gone_is_said_of_the_account_and_of_a_replica) {
  account_figures gone;
  gone.state = "source";
  account_status shown;
  shown.home = node_name("mailstore1");
  shown.figures = gone;
  replica_status replica;
  replica.destination = node_name("mailstore2");
  replica.figures = gone;
  replica.figures->state = "ready";
  shown.replicas = {replica};
  status_page page;
  page.accounts = {shown};
  const auto text = write_status_reply(page).body;
  for (const auto* part : {R"("mailboxId":"none")", R"("reason":"mailstore1 has no mailbox of it any more")",
                           R"("reason":"mailstore2 has no mailbox of it any more")"})
    BOOST_TEST(text.find(part) != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(p8_what_protection_is_worth_less_by_is_said_of_protected_accounts_alone) {
  status_page page;
  page.accounts.resize(2);
  page.accounts[1].gap = protection_gap{};
  BOOST_TEST(write_status_reply(page).body.find("protectedNote") == std::string::npos);
  page.protection_note = "understudy.accounts has one copy";
  const auto text = write_status_reply(page).body;
  const auto note = R"("protected":true,"protectedNote":"understudy.accounts has one copy")";
  BOOST_TEST(text.find(note) != std::string::npos, text);
  BOOST_TEST(text.find("protectedNote") == text.rfind("protectedNote"), text);
}

BOOST_AUTO_TEST_CASE(a_command_of_too_many_accounts_is_refused_with_the_limit) {
  const auto naming = [](std::string_view space, std::size_t accounts) {
    std::string list;
    for (std::size_t i = 0; i < accounts; ++i)
      list += fmt::format("{}\"u{}@x\"", list.empty() ? "" : ",", i);
    return parse_request(fmt::format(
        R"({{"namespace":"{}","command":"find","parameters":{{"accounts":[{}]}}}})", space, list));
  };
  BOOST_TEST(naming("ha", most_accounts).has_value());
  const auto refused = naming("ha", most_accounts + 1);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().what == "the command names more than 50000 accounts: split the list");
  BOOST_TEST(naming("peer", most_accounts + 1).has_value());
}

BOOST_AUTO_TEST_CASE(figures_come_with_how_far_their_node_has_folded_control) {
  node_figures told;
  told.control = kafka_offset{42};
  told.accounts.emplace_back().account = account_id("a");
  const auto read = parse_figures(write_figures(told));
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST(read->control.value == 42);
  BOOST_TEST_REQUIRE(read->accounts.size() == 1u);
  BOOST_TEST((read->accounts[0].account == account_id("a")));
  BOOST_TEST(!parse_figures(R"({"figures":[]})").has_value());
}

BOOST_AUTO_TEST_CASE(r32_figures_come_with_what_their_node_found_of_its_volumes) {
  node_figures told;
  told.volumes = {{1, "/store", true, ""},
                  {2, "/archive", false, "Stale file handle"},
                  {3, "/old", std::nullopt, "no answer"}};
  const auto read = parse_figures(write_figures(told));
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST_REQUIRE(read->volumes.size() == 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(read->volumes[i].id == told.volumes[i].id);
    BOOST_TEST(read->volumes[i].path == told.volumes[i].path);
    BOOST_TEST((read->volumes[i].reached == told.volumes[i].reached));
    BOOST_TEST(read->volumes[i].why == told.volumes[i].why);
  }
}

/// Only the destination counts the rows of a first copy: whoever is asked has them from it.
BOOST_AUTO_TEST_CASE(p8_the_rows_of_a_load_are_among_its_nodes_figures) {
  node_figures told;
  told.accounts.resize(2);
  told.accounts[0].load = load_progress{120, 480, 1.5};
  const auto read = parse_figures(write_figures(told));
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST_REQUIRE(read->accounts.size() == 2u);
  BOOST_TEST_REQUIRE(read->accounts[0].load.has_value());
  BOOST_TEST(read->accounts[0].load->rows == 120u);
  BOOST_TEST(read->accounts[0].load->total == 480u);
  BOOST_TEST(read->accounts[0].load->seconds == 1.5);
  BOOST_TEST(!read->accounts[1].load.has_value());
  // A node of before doesn't say it.
  const auto before = parse_figures(
      R"({"figures":[{"account":"a","mailbox":7,"item":1,"number":2,"in_log":null,"fenced":0,)"
      R"("state":"loading","reason":"","lag":0.0,"kafka":true,"loaded":null}],"volumes":[],"control":3})");
  BOOST_TEST_REQUIRE(before.has_value());
  BOOST_TEST(!before->accounts.at(0).load.has_value());
}

BOOST_AUTO_TEST_CASE(p8_a_replica_that_is_loaded_shows_its_rows_and_what_is_left) {
  const auto shown = [](const load_progress& load) {
    replica_status replica;
    replica.figures = account_figures{};
    replica.figures->state = "loading";
    replica.figures->load = load;
    account_status account;
    account.replicas = {replica};
    status_page page;
    page.accounts = {account};
    return write_status_reply(page).body;
  };
  const auto text = shown({120, 480, 1.5});
  BOOST_TEST(text.find(R"("rowsLoaded":120,"rowsTotal":480,"secondsLeft":5)") != std::string::npos, text);
  const auto begun = shown({0, 480, 1.5});
  BOOST_TEST(begun.find(R"("rowsLoaded":0,"rowsTotal":480)") != std::string::npos, begun);
  BOOST_TEST(begun.find("secondsLeft") == std::string::npos, begun);
  BOOST_TEST(shown({0, 0, 1.5}).find("rows") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_node_that_monitor_is_to_ask_is_no_destination) {
  const auto read = parse_request(
      R"({"namespace":"ha","command":"monitor","parameters":{"operation":"op","operation_host":"m2"}})");
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST(read->operation_host == "m2");
  BOOST_TEST(read->destination == "");
}

/// A node that is behind would refuse by what was true a moment ago ("its first epoch isn't active yet").
BOOST_AUTO_TEST_CASE(what_others_said_is_judged_by_control_as_they_knew_it) {
  control_view view(node_name("one"));
  BOOST_TEST(view.wait_until_folded(kafka_offset{0}, std::chrono::milliseconds(0)));
  BOOST_TEST(!view.wait_until_folded(kafka_offset{2}, std::chrono::milliseconds(0)));
  auto waiting = std::async(std::launch::async,
                            [&] { return view.wait_until_folded(kafka_offset{2}, std::chrono::minutes(1)); });
  control_record nothing;
  nothing.id = "one/1";
  view.fold(nothing, kafka_offset{0}, std::nullopt);
  BOOST_TEST((waiting.wait_for(std::chrono::seconds(0)) == std::future_status::timeout));
  nothing.id = "one/2";
  view.fold(nothing, kafka_offset{1}, std::nullopt);
  BOOST_TEST(waiting.get());
}
