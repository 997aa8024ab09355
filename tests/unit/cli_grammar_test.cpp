#include "cli/grammar.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <sstream>

using namespace understudy;
namespace json = boost::json;

namespace {

std::string parsed(std::vector<std::string> arguments, const std::string& operation = {}) {
  auto made = parse_arguments(arguments);
  return made ? json::serialize(command_json(*made, operation)) : "error: " + made.error().what;
}

std::string problem(std::vector<std::string> arguments) {
  auto made = parse_arguments(arguments);
  return made ? "" : made.error().what + " / " + made.error().todo;
}

void refused(std::vector<std::string> arguments, std::string_view part) {
  auto text = problem(arguments);
  BOOST_TEST_CONTEXT(text) BOOST_TEST((text.find(part) != std::string::npos));
}

} // namespace

BOOST_AUTO_TEST_CASE(each_command_of_design_6_becomes_its_wire_form) {
  BOOST_TEST(
      parsed({"ha", "setAccountDestination", "m2.example.com", "10", "accounts", "a@x.y,b@x.y"}, "id") ==
      R"({"namespace":"ha","command":"setAccountDestination","operation":"id","parameters":)"
      R"({"destination":"m2.example.com","priority":10,"accounts":["a@x.y","b@x.y"]}})");
  BOOST_TEST(parsed({"MailReplica", "removeAccountDestination", "m2", "accounts", "a@x.y"}) ==
             R"({"namespace":"ha","command":"removeAccountDestination","parameters":)"
             R"({"destination":"m2","accounts":["a@x.y"]}})");
  BOOST_TEST(parsed({"ha", "getAccountStatus"}) ==
             R"({"namespace":"ha","command":"getAccountStatus","parameters":{}})");
  BOOST_TEST(parsed({"ha", "getAccountStatus", "mailHost", "h", "replicaServer", "r", "accounts", "a@x",
                     "domains", "d,e", "accountStatus", "active", "replicaStatus", "unavailable"}) ==
             R"({"namespace":"ha","command":"getAccountStatus","parameters":{"mailHost":"h",)"
             R"("replicaServer":"r","domains":["d","e"],"accountStatus":"active",)"
             R"("replicaStatus":"unavailable","accounts":["a@x"]}})");
  BOOST_TEST(parsed({"ha", "promoteAccounts", "source_mail_host", "h", "destination", "d", "threads", "4",
                     "--dry-run", "--accept-loss", "a@x,b@x"}) ==
             R"({"namespace":"ha","command":"promoteAccounts","parameters":{"dry_run":true,)"
             R"("accept_loss":["a@x","b@x"],"source_mail_host":"h","destination":"d","threads":4}})");
  BOOST_TEST(parsed({"--json", "ha", "pauseReplicas", "accounts", "a@x", "--skip-invalid"}) ==
             R"({"namespace":"ha","command":"pauseReplicas","parameters":{"accounts":["a@x"],)"
             R"("skip_invalid":true}})");
  BOOST_TEST(parsed({"ha", "restartReplicas", "accounts", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}) ==
             R"({"namespace":"ha","command":"restartReplicas","parameters":)"
             R"({"accounts":["6f9619ff-8b86-d011-b42d-00cf4fc964ff"]}})");
  BOOST_TEST(parsed({"ha", "monitor", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "m1"}) ==
             R"({"namespace":"ha","command":"monitor","parameters":)"
             R"({"operation":"6f9619ff-8b86-d011-b42d-00cf4fc964ff","operation_host":"m1"}})");
}

BOOST_AUTO_TEST_CASE(r34_the_old_primary_can_be_left_out) {
  BOOST_TEST(parsed({"ha", "promoteAccounts", "accounts", "a@x", "--no-return"}) ==
             R"({"namespace":"ha","command":"promoteAccounts","parameters":{"no_return":true,)"
             R"("accounts":["a@x"]}})");
  auto made = parse_arguments({"ha", "promoteAccounts", "--no-return", "--no-wait", "accounts", "a@x"});
  BOOST_REQUIRE(made);
  BOOST_TEST((made->no_wait && !made->dry_run()));
  refused({"ha", "promoteAccounts", "accounts", "a@x", "--no-return=1"}, "--no-return takes no value");
  refused({"ha", "removeAccountDestination", "m2", "accounts", "a@x", "--no-return"},
          "removeAccountDestination has no option --no-return");
}

BOOST_AUTO_TEST_CASE(monitor_takes_its_words_with_their_names_too) {
  const std::string id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  const auto bare = parsed({"ha", "monitor", id, "m1"});
  BOOST_TEST(parsed({"ha", "monitor", "operation", id, "operation_host", "m1"}) == bare);
  BOOST_TEST(parsed({"ha", "monitor", "operation", id}) == parsed({"ha", "monitor", id}));
  refused({"ha", "monitor", "operation"}, "must be a UUID");
}

BOOST_AUTO_TEST_CASE(an_input_file_is_named_not_read) {
  auto made = parse_arguments({"ha", "pauseReplicas", "input_file", "/tmp/none"});
  BOOST_REQUIRE(made);
  BOOST_TEST(made->input_file->string() == "/tmp/none");
  BOOST_TEST(!made->accounts);
}

BOOST_AUTO_TEST_CASE(global_options_stand_anywhere) {
  auto made = parse_arguments({"--node", "127.0.0.1:1", "ha", "--config=c.toml", "getAccountStatus", "--node",
                               "[::1]:2", "--progress", "--yes"});
  BOOST_REQUIRE(made);
  BOOST_TEST(made->global.nodes.size() == 2);
  BOOST_TEST(made->global.nodes[1].text() == "[::1]:2");
  BOOST_TEST(made->global.config.string() == "c.toml");
  BOOST_TEST((made->global.progress && made->global.yes && !made->global.json));
}

BOOST_AUTO_TEST_CASE(o06_wrong_usage_names_the_argument_and_its_place) {
  refused({}, "no command is given");
  refused({"hi", "x"}, "argument 1 (\"hi\"): there is no such namespace");
  refused({"ha"}, "the command behind ha is missing");
  refused({"ha", "promoteAcounts"}, "did you mean promoteAccounts?");
  refused({"ha", "getAccountStatus", "mailHost", "h", "colour", "red"}, "argument 5 (\"colour\"): ");
  refused({"ha", "getAccountStatus", "mailhost", "h"}, "did you mean mailHost?");
  refused({"ha", "getAccountStatus", "mailHost", "h", "mailHost", "h"},
          "argument 5 (\"mailHost\"): mailHost is given twice");
  refused({"ha", "getAccountStatus", "mailHost"}, "mailHost is missing its value");
  refused({"ha", "getAccountStatus", "accountStatus", "asleep"}, "must be active or paused");
  refused({"ha", "setAccountDestination", "h"}, "missing its PRIORITY");
  refused({"ha", "setAccountDestination", "h", "-1", "accounts", "a@x"},
          "argument 4 (\"-1\"): PRIORITY must be");
  refused({"ha", "setAccountDestination", "h", "1.5", "accounts", "a@x"}, "argument 4");
  refused({"ha", "setAccountDestination", "h", "10"}, "needs accounts or input_file");
  refused({"ha", "pauseReplicas", "accounts", "a@x", "input_file", "f"}, "takes only one of");
  refused({"ha", "promoteAccounts", "accounts", "a@x", "threads", "0"}, "from 1 to 64");
  refused({"ha", "monitor", "not-a-uuid"}, "must be a UUID");
  refused({"ha", "monitor", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "h", "more"}, "one word too many");
  refused({"--nod", "x", "ha"}, "did you mean --node?");
  refused({"--node"}, "missing its value");
  const std::vector<std::string> promotion{"ha", "promoteAccounts", "accounts", "a@x", "--accept-loss"};
  refused(promotion, "--accept-loss ACCOUNTS is missing its value");
  auto dry = promotion;
  dry.emplace_back("--dry-run");
  refused(dry, "--accept-loss ACCOUNTS is missing its value");
  refused({"--node", "host", "ha", "getAccountStatus"}, "the port is missing");
  refused({"--json=1", "ha", "getAccountStatus"}, "takes no value");
  refused({"--json", "--json", "ha", "getAccountStatus"}, "given twice");
  refused({"ha", "getAccountStatus", "--dry-run"}, "has no option --dry-run");
}

BOOST_AUTO_TEST_CASE(o06_account_lists) {
  BOOST_TEST(parsed({"ha", "pauseReplicas", "accounts", "a@x, b@x"}) ==
             R"({"namespace":"ha","command":"pauseReplicas","parameters":{"accounts":["a@x","b@x"]}})");
  refused({"ha", "pauseReplicas", "accounts", "a@x,,b@x,"},
          "argument 4 (\"a@x,,b@x,\"): entry 2: is empty; entry 4");
  refused({"ha", "pauseReplicas", "accounts", "a@x,", "b@x"}, "nothing was done; correct it");
  refused({"ha", "pauseReplicas", "accounts", "a@x,b@x,A@X"},
          "entry 3: \"A@X\" was already named in entry 1");
  refused({"ha", "pauseReplicas", "accounts", "john*@x"}, "\"john*@x\" is a pattern");
  refused({"ha", "pauseReplicas", "accounts", "?ohn@x"}, "\"?ohn@x\" is a pattern");
  refused({"ha", "pauseReplicas", "a@x"}, "accounts are one word behind accounts: accounts a@x,b@y");
  refused({"ha", "pauseReplicas", "accounts", "a@x", "b@x"}, "accounts are one word behind accounts");
  refused({"ha", "getAccountStatus", "domains", "x,*.y"}, "entry 2 of domains (\"*.y\") isn't a domain");
  refused({"ha", "pauseReplicas", "accounts", ""}, "is empty");
  refused({"ha", "pauseReplicas", "accounts", "john*@x", "--skip-invalid"}, "is a pattern");
  BOOST_TEST(
      parsed({"ha", "pauseReplicas", "accounts", "a@x,john*@x", "--skip-invalid"}) ==
      R"({"namespace":"ha","command":"pauseReplicas","parameters":{"accounts":["a@x"],"skip_invalid":true}})");
}

BOOST_AUTO_TEST_CASE(r32_whose_loss_is_accepted_is_never_left_out_silently) {
  for (const auto* list : {"b@x,john*@x", "b@x,B@X", "b@x,"})
    refused({"ha", "promoteAccounts", "accounts", "a@x,b@x", "--accept-loss", list, "--skip-invalid"},
            "entry 2");
}

BOOST_AUTO_TEST_CASE(help_and_version_need_nothing_else) {
  BOOST_TEST(parse_arguments({"--version"})->global.version);
  BOOST_TEST(parse_arguments({"--help"})->global.help);
  BOOST_TEST(parse_arguments({"ha", "--help"})->global.help);
  BOOST_TEST(parse_arguments({"ha", "promoteAccounts", "-h"})->global.help);
  auto one = parse_arguments({"ha", "promoteAccounts", "--help"});
  BOOST_REQUIRE((one && one->command));
  auto text = help_text(*one->command);
  for (auto part : {"accounts a@x,b@y | input_file FILE | source_mail_host HOST", "[destination HOST]",
                    "[threads N]", "four at most", "--accept-loss", "--no-return"})
    BOOST_TEST_CONTEXT(part) BOOST_TEST((text.find(part) != std::string::npos));
}

BOOST_AUTO_TEST_CASE(every_command_and_field_is_in_the_documentation) {
  std::ifstream file(UNDERSTUDY_SOURCE_DIR "/docs/cli.md");
  std::stringstream text;
  text << file.rdbuf();
  auto documented = [&](std::string_view name) {
    return text.str().find("`" + std::string(name) + "`") != std::string::npos;
  };
  for (const auto& row : command_table()) {
    BOOST_TEST_CONTEXT(row.name) BOOST_TEST(documented(row.name));
    for (const auto* words : {&row.words, &row.keywords})
      for (const auto& w : *words)
        BOOST_TEST_CONTEXT(w.field) BOOST_TEST(documented(w.field));
  }
}

BOOST_AUTO_TEST_CASE(every_row_is_in_the_help_and_its_example_parses) {
  auto text = help_text();
  for (const auto& row : command_table()) {
    BOOST_TEST((text.find(row.name) != std::string::npos));
    std::vector<std::string> words;
    std::string example(row.example);
    for (std::size_t from = example.find(' ') + 1; from < example.size();) {
      auto blank = std::min(example.find(' ', from), example.size());
      words.push_back(example.substr(from, blank - from));
      from = blank + 1;
    }
    auto made = parse_arguments(words);
    BOOST_TEST_CONTEXT(example) BOOST_TEST((made && made->command == &row));
  }
}
