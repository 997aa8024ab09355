// What an administrator types wrong, against a live node: one sentence, the exit status of DESIGN §6, nothing
// changed.
#include "tests/integration/node_world.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>

using namespace understudy;
using namespace understudy::testing;

namespace {

using words = std::vector<std::string>;

enrolled_world& shared_world() {
  static enrolled_world one("typed", 2);
  return one;
}

struct with_world {
  enrolled_world& e = shared_world();
  node_world& world = e.world;
  mailstore& node = world.at(0);
  const std::string one = e.names[0], two = e.names[1], here = node.name, there = world.at(1).name;

  std::string file(const std::string& name, const std::string& text) {
    const auto path = world.dir() / name;
    std::ofstream(path) << text;
    return path;
  }
  std::string everything() {
    return boost::json::serialize(node.whole_status(one)) + boost::json::serialize(node.whole_status(two));
  }
  void refused(const words& command, int status, const std::string& sentence) {
    const auto before = everything();
    const auto answer = node.cli(command);
    BOOST_TEST_CONTEXT(fmt::format("{}: {}", fmt::join(command, " "), answer.text)) {
      BOOST_TEST(answer.status == status);
      BOOST_TEST(answer.says(sentence));
      BOOST_TEST(everything() == before);
    }
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(node_input, with_world)

BOOST_AUTO_TEST_CASE(accounts_that_nobody_has_are_answered_alike_by_every_command) {
  const std::string nobody = "nobody@example.test";
  const std::string lone = world.create_accounts(0, "lone", 1)[0]; // there, but not replicated
  const auto everywhere = [&](const std::string& account, int status, const std::string& sentence) {
    refused({"ha", "promoteAccounts", "accounts", account}, status, sentence);
    refused({"ha", "promoteAccounts", "accounts", account, "--dry-run"}, status, sentence);
    refused({"ha", "removeAccountDestination", there, "accounts", account}, status, sentence);
    refused({"ha", "pauseReplicas", "accounts", account}, status, sentence);
    refused({"ha", "restartReplicas", "accounts", account}, status, sentence);
    refused({"ha", "getAccountStatus", "accounts", account}, status, sentence);
  };
  everywhere(nobody, 1, "\"no mailstore has this account (one mailbox is meant");
  refused({"ha", "setAccountDestination", there, "10", "accounts", nobody}, 1,
          "\"no mailstore has this account (one mailbox is meant");
  everywhere(lone, 1, "\"it isn't replicated: setAccountDestination first\"");
  refused({"ha", "getAccountStatus", "accounts", one + "," + nobody}, 3, "no mailstore has this account");
  const auto shown = node.cli({"ha", "getAccountStatus", "accounts", one + "," + nobody});
  BOOST_TEST(shown.says(one));
}

BOOST_AUTO_TEST_CASE(one_bad_entry_stops_the_good_ones_and_that_is_said) {
  const words list{"ha", "pauseReplicas", "accounts", one + "," + two + ",nobody@example.test"};
  refused(list, 1, "nothing was done for the other 2 accounts either");
  refused({"ha", "pauseReplicas", "accounts", one + ",nobody*@example.test"}, 2, "nothing was done");
  BOOST_TEST(!node.cli({"ha", "pauseReplicas", "accounts", "nobody@example.test"}).says("nothing was done"));
}

BOOST_AUTO_TEST_CASE(one_account_by_address_and_by_uuid_is_a_duplicate) {
  const auto both = one + "," + world.id_of(one);
  refused({"ha", "pauseReplicas", "accounts", both}, 1, "it is the same account as " + one);
  refused({"ha", "promoteAccounts", "accounts", both, "--dry-run"}, 1, "it is the same account as " + one);
  const std::string fresh = world.create_accounts(0, "fresh", 1)[0];
  refused({"ha", "setAccountDestination", there, "10", "accounts", fresh + "," + world.id_of(fresh)}, 1,
          "it is the same account as");
  refused({"ha", "getAccountStatus", "accounts", fresh}, 1, "it isn't replicated");
}

BOOST_AUTO_TEST_CASE(an_address_that_two_accounts_have_is_told_with_their_uuids) {
  const auto twin = world.create_accounts(0, "twin", 1)[0];
  const std::string other = "00000000-0000-4000-8000-000000000990";
  node.db.query(fmt::format(
      "INSERT INTO zimbra.mailbox (id, group_id, account_id, index_volume_id, item_id_checkpoint, "
      "comment) SELECT 990, 90, '{}', index_volume_id, 10, '{}' FROM zimbra.current_volumes",
      other, twin));
  const words command{"ha", "setAccountDestination", there, "10", "accounts", twin};
  refused(command, 1, "two accounts have this address");
  refused(command, 1, other);
  refused(command, 1, world.id_of(twin));
}

/// Deleted and made anew, an account has another UUID: "done" was said of the one that is no more, and nobody
/// replicated the other.
BOOST_AUTO_TEST_CASE(an_address_that_went_to_another_account_is_told_with_both_uuids) {
  const auto heir = world.create_accounts(0, "heir", 1)[0];
  world.enrol({heir}, 0, 1);
  const std::string second = "00000000-0000-4000-8000-000000000991";
  node.db.query(fmt::format(
      "INSERT INTO zimbra.mailbox (id, group_id, account_id, index_volume_id, item_id_checkpoint, "
      "comment) SELECT 991, 91, '{}', index_volume_id, 10, '{}' FROM zimbra.current_volumes",
      second, heir));
  const words enrol{"ha", "setAccountDestination", there, "20", "accounts", heir};
  refused(enrol, 1, "two accounts have this address");
  refused(enrol, 1, second);
  refused(enrol, 1, world.id_of(heir));
  BOOST_TEST(node.cli({"ha", "setAccountDestination", there, "20", "accounts", second}).status == 0);
  refused({"ha", "promoteAccounts", "accounts", heir}, 1, "two accounts have this address");
  BOOST_TEST(node.cli({"ha", "removeAccountDestination", there, "accounts", second}).status == 0);
}

BOOST_AUTO_TEST_CASE(r32_a_loss_is_accepted_for_accounts_of_the_promotion_and_nobody_else) {
  const auto promote = [&](words more, const std::string& sentence) {
    words command{"ha", "promoteAccounts"};
    command.insert(command.end(), more.begin(), more.end());
    refused(command, 1, sentence);
    command.push_back("--dry-run");
    refused(command, 1, sentence);
  };
  for (const auto& other : {two, std::string("nobody@example.test")})
    promote({"accounts", one, "--accept-loss", other},
            fmt::format("--accept-loss names {}, which isn't among the accounts to promote", other));
  promote({"accounts", one, "--accept-loss", one + "," + world.id_of(one)}, "twice");
  // Nobody is asked about a whole mailstore before.
  promote({"source_mail_host", here, "--accept-loss", "nobody@example.test"}, "isn't among the accounts");
}

BOOST_AUTO_TEST_CASE(what_a_reply_calls_an_operation_can_be_monitored) {
  const std::string nobody = "nobody@example.test";
  BOOST_TEST(node.cli({"ha", "pauseReplicas", "accounts", one + "," + nobody}).operation() == "");
  BOOST_TEST(node.cli({"ha", "promoteAccounts", "accounts", nobody}).operation() == "");
  // Decided, though against it: that is on record.
  for (const auto& command : {words{"ha", "promoteAccounts", "accounts", one, "destination", here},
                              words{"ha", "restartReplicas", "accounts", one}}) {
    const auto answer = node.cli(command);
    BOOST_TEST_CONTEXT(answer.text) {
      BOOST_REQUIRE(answer.operation() != "");
      BOOST_TEST(!node.cli({"ha", "monitor", answer.operation()}).says("isn't known"));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_was_done_is_said_alike_by_the_reply_and_by_monitor) {
  const auto answer = node.cli({"ha", "restartReplicas", "accounts", one});
  const std::string told = "it wasn't paused; what stopped of it is tried again";
  BOOST_TEST_CONTEXT(answer.text) {
    BOOST_TEST(answer.status == 0);
    BOOST_TEST(answer.says(told));
  }
  const auto ended = [&] { return node.cli({"ha", "monitor", answer.operation()}).says(told); };
  BOOST_TEST(fixture::eventually(patience, ended));
}

BOOST_AUTO_TEST_CASE(nodes_that_nobody_has) {
  const std::string nowhere = "nowhere.example.test";
  const auto unknown = fmt::format("no node named {} is known", nowhere);
  const std::vector<words> commands{
      {"ha", "getAccountStatus", "mailHost", nowhere},
      {"ha", "getAccountStatus", "replicaServer", nowhere},
      {"ha", "setAccountDestination", nowhere, "10", "accounts", one},
      {"ha", "removeAccountDestination", nowhere, "accounts", one},
      {"ha", "promoteAccounts", "accounts", one, "destination", nowhere},
      {"ha", "promoteAccounts", "source_mail_host", nowhere},
      {"ha", "promoteAccounts", "source_mail_host", nowhere, "--dry-run"},
  };
  for (const auto& command : commands) {
    refused(command, 1, unknown);
    refused(command, 1, here); // one of the known ones
  }
  refused({"ha", "promoteAccounts", "source_mail_host", there}, 1,
          "is the mail host of no replicated account");
  refused({"ha", "monitor", "0b0c7a4e-6f5e-4a8c-9d7c-1f2a3b4c5d6e"}, 1, "isn't known");
  refused({"ha", "monitor", "operation", "0b0c7a4e-6f5e-4a8c-9d7c-1f2a3b4c5d6e"}, 1, "isn't known");
  refused({"ha", "monitor", "0b0c7a4e-6f5e-4a8c-9d7c-1f2a3b4c5d6e", nowhere}, 1, unknown);
}

BOOST_AUTO_TEST_CASE(a_listing_of_nothing_says_so) {
  refused({"ha", "getAccountStatus", "domains", "nowhere.test"}, 1,
          "no replicated account is in this domain");
  const auto some = node.cli({"ha", "getAccountStatus", "domains", "example.test,nowhere.test"});
  BOOST_TEST_CONTEXT(some.text) {
    BOOST_TEST(some.status == 3);
    BOOST_TEST(some.says(one));
    BOOST_TEST(some.says("no replicated account is in this domain"));
  }
  refused({"ha", "getAccountStatus", "mailHost", there}, 0, "no accounts with mailHost " + there);
  refused({"ha", "getAccountStatus", "replicaServer", here}, 0, "no accounts with replicaServer " + here);
  refused({"ha", "getAccountStatus", "accounts", one, "mailHost", there}, 0, "no accounts with mailHost");
  refused({"ha", "getAccountStatus", "domains", "example.test", "accountStatus", "paused"}, 0,
          "no accounts with domains example.test and accountStatus paused");
}

BOOST_AUTO_TEST_CASE(host_names_have_no_case) {
  const auto upper = [](std::string text) {
    for (auto& c : text)
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
  };
  BOOST_TEST(node.cli({"ha", "getAccountStatus", "mailHost", upper(here)}).says(one));
  BOOST_TEST(node.cli({"ha", "getAccountStatus", "replicaServer", upper(there)}).says(one));
  const auto shown = node.cli(
      {"ha", "promoteAccounts", "source_mail_host", upper(here), "destination", upper(there), "--dry-run"});
  BOOST_TEST_CONTEXT(shown.text) {
    BOOST_TEST(shown.status == 0);
    BOOST_TEST((shown.about(one).at("to") == boost::json::value(there)));
  }
  const auto set = node.cli({"ha", "setAccountDestination", upper(there), "10", "accounts", one});
  BOOST_TEST_CONTEXT(set.text) BOOST_TEST(set.status == 0);
  BOOST_TEST(node.status(one).at("replicas").as_array().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_dry_run_of_another_command_shows_what_applies_to_it) {
  const auto shown = node.cli({"ha", "removeAccountDestination", there, "accounts", one, "--dry-run"});
  BOOST_TEST_CONTEXT(shown.text) {
    BOOST_TEST(shown.status == 0);
    BOOST_TEST(shown.says(there + " is a destination of this account"));
    for (const auto* figure : {"from", "to", "kind", "acknowledged", "inLog", "applied", "volumesReachable"})
      BOOST_TEST(!shown.about(one).contains(figure), figure);
  }
  BOOST_TEST((node.status(one).at("replicas").as_array().size() == 1u));
}

BOOST_AUTO_TEST_CASE(a_dry_run_lists_whom_a_real_run_would_leave_out) {
  const std::string nobody = "nobody@example.test";
  for (words command : {words{"ha", "promoteAccounts"}, words{"ha", "removeAccountDestination", there}}) {
    for (const auto& word : {std::string("accounts"), one + "," + nobody, std::string("--dry-run")})
      command.push_back(word);
    refused(command, 1, "nothing would be done for the other account either");
    command.emplace_back("--skip-invalid");
    const auto shown = node.cli(command);
    BOOST_TEST_CONTEXT(shown.text) {
      BOOST_TEST(shown.status == 3);
      BOOST_TEST((shown.about(one).at("allowed") == true));
      BOOST_TEST((shown.about(nobody).at("allowed") == false));
      BOOST_TEST((shown.about(nobody).at("text") ==
                  "no mailstore has this account (one mailbox is meant: a distribution list has none)"));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_destination_that_is_the_source) {
  refused({"ha", "setAccountDestination", here, "10", "accounts", one}, 1, here + " is its source");
  refused({"ha", "promoteAccounts", "accounts", one, "destination", here}, 1,
          here + " is its source already");
  refused({"ha", "removeAccountDestination", here, "accounts", one}, 1,
          here + " is not a destination of this account");
}

/// Be its source known to control, or only to the mailstore that has its mailbox.
BOOST_AUTO_TEST_CASE(one_account_of_the_destinations_own_stops_the_others_and_is_told_with_its_line) {
  const std::string away = world.create_accounts(1, "away", 1)[0];
  const std::string near = world.create_accounts(0, "near", 1)[0];
  const auto stops = [&](const std::string& to, const std::string& good, const std::string& bad) {
    const words command{
        "ha", "setAccountDestination", to, "10", "input_file", file("own", good + "\n" + bad + "\n")};
    for (const auto& told : {to + " is its source: choose another destination", std::string("\"line\":2"),
                             std::string("nothing was done for the other account either")})
      refused(command, 1, told);
    refused({"ha", "getAccountStatus", "accounts", good}, 1, "it isn't replicated");
  };
  stops(here, away, one);
  stops(there, near, away);
}

BOOST_AUTO_TEST_CASE(lists_and_files_with_the_place_of_what_is_wrong) {
  refused({"ha", "setAccountDestination", there, "11", "accounts", one + "," + two + "," + one}, 2,
          "was already named in entry 1");
  refused({"ha", "setAccountDestination", there, "11", "accounts", "typed*@example.test"}, 2, "is a pattern");
  refused({"ha", "setAccountDestination", there, "11", "accounts", one + ",,"}, 2, "is empty");
  refused({"ha", "setAccountDestination", there, "eleven", "accounts", one}, 2, "eleven");
  refused({"ha", "setAccountDestination", there, "11"}, 2, "accounts");
  const auto in = [&](const std::string& path) {
    return words{"ha", "setAccountDestination", there, "11", "input_file", path};
  };
  refused(in("/nowhere/accounts"), 2, "/nowhere/accounts");
  refused(in(world.dir()), 2, "it's a directory");
  refused(in(file("empty", "")), 2, "names no account");
  refused(in(file("comments", "# nothing\n\n")), 2, "names no account");
  refused(in(file("binary", one + "\n" + std::string("\0\1\2", 3))), 2, "is binary");
  refused(in(file("bad_line", "# accounts\n" + one + "\n\nnot an address\n")), 2, "line 4");
  refused(in(file("twice", one + "\r\n" + two + "\r\n" + one + "\r\n")), 2, "line 3");
  const auto unknown_line = file("unknown_line", one + "\nnobody@example.test\n");
  const words asks{"ha", "getAccountStatus", "input_file", unknown_line};
  refused(in(unknown_line), 1, "no mailstore has this account");
  refused(in(unknown_line), 1, "\"line\":2");
  refused(asks, 3, "\"line\":2");
  for (const auto& command : {in(unknown_line), asks}) {
    const auto read = node.plain(command);
    BOOST_TEST((read.find(unknown_line + " line 2: ") != std::string::npos), read);
  }
}

BOOST_AUTO_TEST_CASE(no_node_to_ask) {
  refused({"--node", "127.0.0.1:1", "ha", "getAccountStatus"}, 4, "127.0.0.1:1");
}

BOOST_AUTO_TEST_CASE(skip_invalid_does_the_good_ones_and_lists_the_rest) {
  const auto mixed = file("mixed", one + "\nnobody@example.test\n");
  const auto done =
      node.cli({"ha", "setAccountDestination", there, "12", "input_file", mixed, "--skip-invalid"});
  BOOST_TEST_CONTEXT(done.text) {
    BOOST_TEST(done.status == 3);
    BOOST_TEST(done.says("no mailstore has this account"));
  }
  BOOST_TEST(fixture::eventually(patience,
                                 [&] { return node.status(one).at("replicas").at(0).at("priority") == 12; }));
  BOOST_TEST((node.status(two).at("replicas").at(0).at("priority") == 10));
}

/// It keeps its connections, so that nobody hears of it: what is typed mustn't be carried out whenever it
/// goes on.
BOOST_AUTO_TEST_CASE(p8_a_kafka_that_stands_still_is_as_good_as_away) {
  world.kafka.suspend();
  const bool away =
      fixture::eventually(patience, [&] { return node.metric("understudy_kafka_connected") == 0; });
  const auto answer = node.cli({"ha", "pauseReplicas", "accounts", one});
  world.kafka.resume();
  BOOST_TEST(away);
  BOOST_TEST_CONTEXT(answer.text) {
    BOOST_TEST(answer.status == 1);
    BOOST_TEST(answer.says("can't reach Kafka"));
  }
  BOOST_TEST(fixture::eventually(patience, [&] { return node.metric("understudy_kafka_connected") == 1; }));
  BOOST_TEST(fixture::eventually(patience, [&] { return world.follows(e.names, 1, 0); }));
  BOOST_TEST(node.status(one).at("paused") == false);
}

BOOST_AUTO_TEST_SUITE_END()
