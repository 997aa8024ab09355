#include "cli/session.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace understudy;

namespace {

/// A supervisor that answers from a list, and remembers what it was asked.
struct scripted {
  std::deque<result<reply>> replies;
  std::vector<boost::json::object> asked;
  std::ostringstream out, err;
  std::string typed;
  bool terminal = false;
  bool sent = false;
  std::string farewell;

  exit_status run(std::vector<std::string> arguments) {
    auto parsed = parse_arguments(arguments);
    BOOST_REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.error().what));
    session_ports ports{.out = out, .err = err};
    ports.in_is_terminal = terminal;
    ports.read_line = [&] { return typed; };
    ports.ask = [&](const std::string& command) -> result<reply> {
      asked.push_back(boost::json::parse(command).as_object());
      if (replies.empty())
        return failure("no supervisor could be reached", "start one");
      auto next = replies.front();
      replies.pop_front();
      return next;
    };
    ports.has_sent = [&] { return sent; };
    ports.new_operation_id = [] { return "the-id"; };
    ports.pause = [] {};
    ports.goes_on = [&](const std::string& text) { farewell = text; };
    return run_session(*parsed, ports);
  }
};

reply ok(std::string body, int status = 0, std::string more = {}) {
  return {status, std::move(body), std::move(more)};
}

struct input_file {
  std::string path = "/tmp/understudy-cli-XXXXXX";
  explicit input_file(std::string_view text) {
    int descriptor = ::mkstemp(path.data());
    BOOST_REQUIRE(descriptor >= 0);
    ::close(descriptor);
    std::ofstream(path) << text;
  }
  ~input_file() { std::filesystem::remove(path); }
};

constexpr auto one_account =
    R"({"accounts":[{"accountId":"u1","accountName":"a@x","accountMailHost":"m1","paused":false,"mailboxId":17,
    "sequence":5123,"itemId":2711,"protected":false,"unprotectedReason":"no room","unprotectedSince":5101,
    "replicas":[{"accountId":"u1","itemId":"unknown","sequence":5123,"mailboxId":9,"destination":"m2",
    "available":true,"priority":10,"canConnectToKafka":true,"state":"following","lag":0}]}],"unreachable":["m3"]})";

} // namespace

BOOST_AUTO_TEST_CASE(get_account_status_prints_the_layout_of_design_6) {
  scripted s;
  s.replies = {ok(one_account)};
  BOOST_CHECK(s.run({"ha", "getAccountStatus"}) == exit_status::done);
  BOOST_TEST(s.out.str() ==
             "accountId: u1\naccountName: a@x\naccountMailHost: m1\npaused: false\nmailboxId: 17\n"
             "sequence: 5123\nitemId: 2711\nprotected: false\nunprotectedReason: no room\n"
             "unprotectedSince: 5101\nreplicas\n    accountId: u1\n    itemId: unknown\n"
             "    sequence: 5123\n    mailboxId: 9\n    destination: m2\n    available: true\n"
             "    priority: 10\n    canConnectToKafka: true\n    state: following\n    lag: 0\n\n"
             "no answer from: m3\n");
}

BOOST_AUTO_TEST_CASE(pages_are_asked_for_and_printed_one_by_one) {
  scripted s;
  s.replies = {ok(R"({"accounts":[{"accountName":"a@x"}]})", 0, "after a"), ok(R"({"accounts":[]})", 3)};
  BOOST_CHECK(s.run({"ha", "getAccountStatus", "--json"}) == exit_status::partly);
  BOOST_TEST(s.out.str() == "{\"accounts\":[{\"accountName\":\"a@x\"}]}\n{\"accounts\":[]}\n");
  BOOST_REQUIRE(s.asked.size() == 2);
  BOOST_TEST(!s.asked[0].contains("continue"));
  BOOST_TEST(s.asked[1].at("continue").as_string() == "after a");
}

BOOST_AUTO_TEST_CASE(the_exit_status_is_of_all_pages) {
  const auto status_of = [](std::vector<int> pages) {
    scripted s;
    for (std::size_t i = 0; i < pages.size(); ++i)
      s.replies.push_back(ok(R"({"accounts":[]})", pages[i], i + 1 < pages.size() ? "more" : ""));
    return s.run({"ha", "getAccountStatus"});
  };
  BOOST_CHECK(status_of({0, 0}) == exit_status::done);
  BOOST_CHECK(status_of({3, 0}) == exit_status::partly);
  BOOST_CHECK(status_of({1, 0}) == exit_status::partly);
  BOOST_CHECK(status_of({0, 1, 0}) == exit_status::partly);
  BOOST_CHECK(status_of({1, 1}) == exit_status::failed);
}

BOOST_AUTO_TEST_CASE(a_listing_whose_pages_are_all_empty_says_so_once) {
  const auto empty = R"({"accounts":[],"unreachable":[]})";
  scripted s;
  s.replies = {
      ok(empty, 0, "after a"), ok(empty, 0, "after b"),
      ok(R"({"accounts":[],"unreachable":[],"statement":"no accounts with replicaStatus unavailable"})")};
  BOOST_CHECK(s.run({"ha", "getAccountStatus", "replicaStatus", "unavailable"}) == exit_status::done);
  BOOST_TEST(s.out.str() == "no accounts with replicaStatus unavailable\n");
  BOOST_REQUIRE(s.asked.size() == 3);
  BOOST_TEST(s.asked[2].at("continue").as_string() == "after b");
}

BOOST_AUTO_TEST_CASE(errors_are_one_sentence_on_stderr_and_unreachable_is_4) {
  scripted s;
  BOOST_CHECK(s.run({"ha", "getAccountStatus"}) == exit_status::unreachable);
  BOOST_TEST(s.err.str() == "understudy: no supervisor could be reached: start one\n");
  scripted t;
  t.replies = {ok(R"({"error":"control isn't read to its end","todo":"wait"})", 1)};
  BOOST_CHECK(t.run({"ha", "getAccountStatus"}) == exit_status::failed);
  BOOST_TEST(t.err.str() == "understudy: control isn't read to its end: wait\n");
  scripted u;
  u.replies = {ok("not JSON")};
  BOOST_CHECK(u.run({"ha", "getAccountStatus"}) == exit_status::failed);
}

BOOST_AUTO_TEST_CASE(a_bad_line_stops_everything_unless_skip_invalid) {
  input_file file("a@x\n\njohn*@x\n");
  scripted s;
  BOOST_CHECK(s.run({"ha", "pauseReplicas", "input_file", file.path}) == exit_status::wrong_usage);
  BOOST_TEST(s.asked.empty());
  BOOST_TEST((s.err.str().find(" line 3: \"john*@x\" is a pattern") != std::string::npos));
  scripted t;
  t.replies = {
      ok(R"({"operation":"the-id","accounts":[{"account":"a@x","outcome":"refused","reason":"gone"}]})", 1)};
  BOOST_CHECK(t.run({"ha", "pauseReplicas", "input_file", file.path, "--skip-invalid"}) ==
              exit_status::failed);
  BOOST_TEST(t.asked.at(0).at("operation").as_string() == "the-id");
  BOOST_TEST((t.out.str().find(file.path + " line 1: a@x: refused: gone") != std::string::npos));
  scripted u;
  u.replies = {ok(R"({"accounts":[{"account":"a@x","outcome":"done"}]})")};
  BOOST_CHECK(u.run({"ha", "pauseReplicas", "input_file", file.path, "--skip-invalid"}) ==
              exit_status::partly);
}

BOOST_AUTO_TEST_CASE(input_files_that_are_none_are_wrong_usage) {
  namespace fs = std::filesystem;
  input_file fifo("");
  fs::remove(fifo.path);
  BOOST_REQUIRE_EQUAL(::mkfifo(fifo.path.c_str(), 0600), 0);
  input_file empty("");
  for (const auto& path : {std::string("/tmp/understudy-none"), std::string("/tmp"), fifo.path, empty.path}) {
    scripted s;
    BOOST_CHECK(s.run({"ha", "pauseReplicas", "input_file", path}) == exit_status::wrong_usage);
    BOOST_TEST(s.asked.empty());
    BOOST_TEST((s.err.str().find(path) != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(promote_accounts_follows_the_operation_to_its_end) {
  scripted s;
  s.replies = {ok(R"({"operation":"op","accounts":[{"account":"a@x","outcome":"accepted"}]})"),
               ok(R"({"operation":"op","done":0,"total":1,"finished":false})"),
               ok(R"({"operation":"op","done":1,"total":1,"finished":true})", 1),
               ok(R"({"operation":"op","finished":true,"accounts":[{"account":"a@x","state":"decided",)"
                  R"("outcome":"failed","reason":"m2 died"}]})",
                  1)};
  BOOST_CHECK(s.run({"ha", "promoteAccounts", "accounts", "a@x", "--progress"}) == exit_status::failed);
  BOOST_REQUIRE(s.asked.size() == 4);
  BOOST_TEST(s.asked[1].at("parameters").at("summary").as_bool());
  BOOST_TEST((s.out.str().find("a@x: failed (decided): m2 died") != std::string::npos));
  BOOST_TEST((s.err.str().find("0 of 1 accounts") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(what_an_interrupted_command_line_began_can_be_asked_for) {
  scripted s;
  s.replies = {ok(R"({"operation":"op","accounts":[{"account":"a@x","outcome":"accepted"}]})")};
  BOOST_CHECK(s.run({"ha", "promoteAccounts", "accounts", "a@x"}) == exit_status::unreachable);
  BOOST_TEST(s.farewell == "understudy: the operation goes on: see understudy ha monitor op\n");
  BOOST_TEST((s.err.str() == "understudy: no supervisor could be reached: start one\n" + s.farewell));
  scripted silent; // it may have been taken
  silent.sent = true;
  silent.run({"ha", "pauseReplicas", "accounts", "a@x"});
  BOOST_TEST((silent.err.str().find("ha monitor the-id\n") != std::string::npos), silent.err.str());
  scripted nobody;
  nobody.run({"ha", "pauseReplicas", "accounts", "a@x"});
  BOOST_TEST((nobody.err.str().find("monitor") == std::string::npos), nobody.err.str());
  scripted refused;
  refused.replies = {ok(R"({"operation":"op","accounts":[{"account":"a@x","outcome":"refused"}]})", 1)};
  refused.run({"ha", "promoteAccounts", "accounts", "a@x"});
  BOOST_TEST(refused.farewell == "");
}

BOOST_AUTO_TEST_CASE(accounts_that_a_promotion_leaves_out_are_listed) {
  const std::string begun =
      R"({"operation":"op","accounts":[{"account":"a@x","outcome":"accepted"},)"
      R"({"account":"gone@x","outcome":"refused","reason":"no mailstore has it","left_out":true}]})";
  const std::string ended =
      R"({"operation":"op","finished":true,"accounts":[{"account":"a@x","outcome":"done"}]})";
  scripted s;
  s.replies = {ok(begun, 3), ok(R"({"finished":true})"), ok(ended)};
  BOOST_CHECK(s.run({"--skip-invalid", "ha", "promoteAccounts", "accounts", "a@x,gone@x"}) ==
              exit_status::partly);
  BOOST_TEST(s.out.str() ==
             "gone@x: refused: no mailstore has it\noperation: op\nfinished: true\na@x: done\n");
  scripted json;
  json.replies = {ok(begun, 3), ok(R"({"finished":true})"), ok(ended)};
  json.run({"--json", "--skip-invalid", "ha", "promoteAccounts", "accounts", "a@x,gone@x"});
  BOOST_TEST((json.out.str() == begun + "\n" + ended + "\n"));
}

BOOST_AUTO_TEST_CASE(promote_accounts_refused_as_a_whole_is_shown_with_the_winner) {
  scripted s;
  s.replies = {ok(R"({"operation":"op","accounts":[{"account":"a@x","outcome":"refused","reason":"too late",)"
                  R"("winner":{"operation":"op2","by":"admin","node":"m3"}}]})",
                  1)};
  BOOST_CHECK(s.run({"ha", "promoteAccounts", "accounts", "a@x"}) == exit_status::failed);
  BOOST_TEST(s.asked.size() == 1);
  BOOST_TEST(
      (s.out.str().find("a@x: refused: too late (by admin on m3, operation op2)") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(many_accounts_change_hands_only_after_a_question) {
  std::vector<std::string> words{"ha", "promoteAccounts", "source_mail_host", "m1", "--no-wait"};
  const auto total = ok(R"({"dry_run":true,"accounts":[],"total":20})");
  scripted script;
  script.replies = {total};
  BOOST_CHECK(script.run(words) == exit_status::wrong_usage);
  scripted no;
  no.terminal = true;
  no.typed = "no";
  no.replies = {total};
  BOOST_CHECK(no.run(words) == exit_status::failed);
  BOOST_TEST_REQUIRE(no.asked.size() == 1u);
  BOOST_TEST(no.asked[0].at("parameters").at("summary").as_bool()); // nothing but a look
  BOOST_TEST(no.asked[0].at("parameters").at("dry_run").as_bool());
  BOOST_TEST((no.err.str().find("Promote all 20 accounts of m1?") != std::string::npos));
  scripted yes;
  yes.terminal = true;
  yes.typed = "yes";
  yes.replies = {total, ok(R"({"operation":"op","accounts":[]})")};
  BOOST_CHECK(yes.run(words) == exit_status::done);
  words.push_back("--yes");
  scripted given;
  given.replies = {ok(R"({"operation":"op","accounts":[]})")};
  BOOST_CHECK(given.run(words) == exit_status::done);
}

BOOST_AUTO_TEST_CASE(nobody_is_asked_about_a_mailstore_that_is_not_there) {
  for (const bool terminal : {false, true}) {
    scripted s;
    s.terminal = terminal;
    s.typed = "yes";
    s.replies = {ok(R"({"error":"no node named m9 is known","todo":"correct the name"})", 1)};
    BOOST_CHECK(s.run({"ha", "promoteAccounts", "source_mail_host", "m9"}) == exit_status::failed);
    BOOST_TEST(s.asked.size() == 1u);
    BOOST_TEST(s.err.str() == "understudy: no node named m9 is known: correct the name\n");
  }
}

BOOST_AUTO_TEST_CASE(an_outcome_is_said_once) {
  scripted s;
  s.replies = {ok(R"({"operation":"op","done":2,"failed":1,"total":3,"finished":false,"accounts":[)"
                  R"({"account":"a@x","state":"done","outcome":"done","reason":"it is active on m2"},)"
                  R"({"account":"b@x","state":"failed","outcome":"failed","reason":"m2 died"},)"
                  R"({"account":"c@x","state":"waiting","outcome":"pending","reason":"not decided yet"}]})",
                  3)};
  BOOST_CHECK(s.run({"ha", "monitor", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}) == exit_status::partly);
  BOOST_TEST((s.out.str().find("a@x: done: it is active on m2\nb@x: failed: m2 died\n"
                               "c@x: pending (waiting): not decided yet\n") != std::string::npos));
  BOOST_TEST((s.out.str().find("done: 2\nfailed: 1\ntotal: 3\n") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(p10_a_dry_run_shows_the_statement_and_each_gate) {
  scripted s;
  s.replies = {ok(
      R"({"dry_run":true,"accounts":[{"account":"a@x","from":"m1","to":"m2","kind":"planned",)"
      R"("allowed":false,"gates":[{"name":"snapshot ready","passed":false,"figures":"the copy isn't whole"},)"
      R"({"name":"not paused","passed":true,"figures":"its replicas aren't paused"},)"
      R"({"name":"mailbox not in memory","passed":"unknown","figures":"nobody knows"}],)"
      R"("acknowledged":5,"inLog":5,"applied":4,"volumesReachable":"unknown"}]})",
      1)};
  BOOST_CHECK(s.run({"ha", "promoteAccounts", "accounts", "a@x", "--dry-run"}) == exit_status::failed);
  BOOST_TEST(s.out.str() ==
             "a@x: would be refused (planned from m1 to m2)\n    acknowledged: 5\n    inLog: 5\n"
             "    applied: 4\n    volumesReachable: unknown\n    blocked the copy isn't whole\n"
             "    passed  its replicas aren't paused\n    unknown nobody knows\n");
}

BOOST_AUTO_TEST_CASE(a_gate_that_time_opens_is_not_shown_as_a_refusal) {
  scripted s;
  s.replies = {
      ok(R"({"dry_run":true,"accounts":[{"account":"a@x","from":"m1","to":"m2","kind":"unplanned",)"
         R"("allowed":true,"gates":[{"name":"claim ready","passed":false,"figures":"m1 isn't claimed)"
         R"( yet"}]}]})")};
  BOOST_CHECK(s.run({"ha", "promoteAccounts", "accounts", "a@x", "--dry-run"}) == exit_status::done);
  BOOST_TEST(s.out.str() ==
             "a@x: would be done (unplanned from m1 to m2)\n    waits   m1 isn't claimed yet\n");
}

BOOST_AUTO_TEST_CASE(p10_a_dry_run_says_what_would_be_done_and_who_is_not_taken) {
  scripted s;
  s.replies = {
      ok(R"({"dry_run":true,"accounts":[{"account":"a@x","allowed":true,"text":"not replicated any)"
         R"( more: m2 was its last destination","gates":[]},{"account":"b@x","from":"m1","to":"m3",)"
         R"("kind":"planned","allowed":true,"text":"promoted to m3 in epoch 2","gates":[)"
         R"({"name":"passed over","passed":true,"figures":"m2 isn't up: its lease doesn't run"}]}]})")};
  BOOST_CHECK(s.run({"ha", "promoteAccounts", "accounts", "a@x,b@x", "--dry-run"}) == exit_status::done);
  BOOST_TEST(s.out.str() == "a@x: would be done: not replicated any more: m2 was its last destination\n"
                            "b@x: would be done (planned from m1 to m3)\n"
                            "    skipped m2 isn't up: its lease doesn't run\n");
}

/// Whoever gave a file of thousands finds there what is wrong, whatever the command and the form.
BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_its_line_in_the_file) {
  input_file file("a@x\n# who left\ngone@x\n");
  const auto run = [&](const std::vector<std::string>& command, const std::string& answer) {
    scripted s;
    s.replies = {ok(answer, 3)};
    auto words = command;
    words.insert(words.end(), {"input_file", file.path});
    s.run(words);
    return s.out.str();
  };
  const std::string status =
      R"({"accounts":[{"accountName":"a@x"},{"accountName":"gone@x","error":"nobody has it"}]})";
  BOOST_TEST(run({"ha", "getAccountStatus"}, status) ==
             "accountName: a@x\n\naccountName: gone@x\nerror: " + file.path + " line 3: nobody has it\n\n");
  BOOST_TEST(
      run({"--json", "ha", "getAccountStatus"}, status) ==
      R"({"accounts":[{"accountName":"a@x"},{"accountName":"gone@x","error":"nobody has it","line":3}]})"
      "\n");
  BOOST_TEST(
      run({"--json", "ha", "pauseReplicas"},
          R"({"accounts":[{"account":"a@x","outcome":"done"},{"account":"gone@x","outcome":"refused"}]})") ==
      R"({"accounts":[{"account":"a@x","outcome":"done"},)"
      R"({"account":"gone@x","outcome":"refused","line":3}]})"
      "\n");
  BOOST_TEST(
      run({"--json", "ha", "promoteAccounts", "--dry-run"},
          R"({"accounts":[{"account":"a@x","allowed":true},{"account":"gone@x","allowed":false}]})") ==
      R"({"accounts":[{"account":"a@x","allowed":true},{"account":"gone@x","allowed":false,"line":3}]})"
      "\n");
}
