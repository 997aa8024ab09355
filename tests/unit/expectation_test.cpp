// The comparison can fail: doctored records and doctored rows are found.
#include "tests/tools/compare/expectation.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>

using namespace understudy;
using compare::judge;

namespace {

// A record in memory, by way of the writer and the reader that the tools use.
struct scenario {
  scenario()
      : file(std::filesystem::temp_directory_path() / "understudy-expectation-test.jsonl") {
    std::filesystem::remove(file);
  }
  ~scenario() { std::filesystem::remove(file); }

  void add(record::outcome told, const record::effects& rows) {
    record::record_writer writer(file);
    writer.intent("a-1", ++number, "op", rows);
    writer.result("a-1", number, told);
  }
  void deliver(record::outcome told, std::int64_t id) {
    record::effects rows;
    rows.inserted("mail_item", {id}, {{"uuid", "token-" + std::to_string(id)}, {"size", 5}});
    rows.inserted("tagged_item", {-10, id}, {{"tag_id", -10}, {"item_id", id}});
    add(told, rows);
  }
  record::recorded_account account() { return record::read_record({file}).at("a-1"); }

  static void put(compare::table_rows& actual, std::int64_t id) {
    actual["mail_item"][std::to_string(id)] = {
        .cells = {{"uuid", "token-" + std::to_string(id)}, {"size", "5"}}};
    actual["tagged_item"]["-10\x1f" + std::to_string(id)] = {
        .cells = {{"tag_id", "-10"}, {"item_id", std::to_string(id)}}};
  }

  std::filesystem::path file;
  std::uint64_t number = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(expectation, scenario)

BOOST_AUTO_TEST_CASE(p1_an_acknowledged_delivery_that_is_missing_is_lost) {
  deliver(record::outcome::ok, 257);
  deliver(record::outcome::ok, 258);
  compare::table_rows actual;
  put(actual, 257);
  const auto verdict = judge(account(), actual);
  BOOST_TEST(verdict.acknowledged == 2u);
  BOOST_TEST(verdict.lost == std::set<std::uint64_t>{2}, boost::test_tools::per_element());
  put(actual, 258);
  BOOST_TEST(judge(account(), actual).lost.empty());
  BOOST_TEST(judge(account(), std::nullopt).lost.size() == 2u); // no such mailbox at all
}

BOOST_AUTO_TEST_CASE(p1_a_wrong_value_or_a_missing_child_row_is_a_loss_too) {
  deliver(record::outcome::ok, 257);
  compare::table_rows actual;
  put(actual, 257);
  actual["mail_item"]["257"].cells["size"] = "6";
  BOOST_TEST(judge(account(), actual).lost.size() == 1u);
  put(actual, 257);
  actual["tagged_item"].clear();
  BOOST_TEST(judge(account(), actual).lost.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_later_write_succeeds_an_earlier_one_and_cascades_count_as_deleted) {
  deliver(record::outcome::ok, 257);
  record::effects update;
  update.updated("mail_item", {257}, {{"size", 9}});
  add(record::outcome::ok, update);
  compare::table_rows actual;
  put(actual, 257);
  BOOST_TEST(judge(account(), actual).lost == std::set<std::uint64_t>{2}, boost::test_tools::per_element());
  actual["mail_item"]["257"].cells["size"] = "9";
  BOOST_TEST(judge(account(), actual).lost.empty());

  record::effects deletion;
  deletion.deleted("mail_item", {257});
  add(record::outcome::ok, deletion);
  BOOST_TEST(judge(account(), actual).lost == std::set<std::uint64_t>{3}, boost::test_tools::per_element());
  actual["mail_item"].clear();
  BOOST_TEST(judge(account(), actual).lost.size() == 1u); // its tagged_item row should have cascaded
  actual["tagged_item"].clear();
  BOOST_TEST(judge(account(), actual).lost.empty());
}

BOOST_AUTO_TEST_CASE(p2_an_uncertain_transaction_is_there_or_not_but_never_by_halves) {
  deliver(record::outcome::ok, 257);
  deliver(record::outcome::lost, 258);
  compare::table_rows actual;
  put(actual, 257);
  auto verdict = judge(account(), actual);
  BOOST_TEST(verdict.uncertain_absent == 1u);
  BOOST_TEST((verdict.lost.empty() && verdict.torn.empty() && verdict.phantom.empty()));
  put(actual, 258);
  verdict = judge(account(), actual);
  BOOST_TEST(verdict.uncertain_present == 1u);
  BOOST_TEST((verdict.lost.empty() && verdict.torn.empty() && verdict.phantom.empty()));
  actual["tagged_item"].erase("-10\x1f"
                              "258");
  verdict = judge(account(), actual);
  BOOST_TEST(verdict.torn.size() + verdict.phantom.size() == 1u);
}

BOOST_AUTO_TEST_CASE(p2_uncertain_transactions_that_follow_each_other_are_judged_together) {
  record::effects created;
  created.inserted("mailbox", {}, {{"size_checkpoint", 1}});
  add(record::outcome::ok, created);
  record::effects delivered;
  delivered.updated("mailbox", {}, {{"size_checkpoint", 2}});
  delivered.inserted("mail_item", {258}, {{"size", 5}, {"unread", 1}});
  delivered.inserted("tagged_item", {-10, 258}, {{"tag_id", -10}, {"item_id", 258}});
  add(record::outcome::lost, delivered);
  record::effects read;
  read.updated("mail_item", {258}, {{"unread", 0}});
  read.deleted("tagged_item", {-10, 258});
  add(record::outcome::lost, read);

  compare::table_rows both;
  both["mailbox"][""] = {.cells = {{"size_checkpoint", "2"}}};
  both["mail_item"]["258"] = {.cells = {{"size", "5"}, {"unread", "0"}}};
  auto verdict = judge(account(), both);
  BOOST_TEST(verdict.uncertain_present == 2u);
  BOOST_TEST((verdict.lost.empty() && verdict.torn.empty() && verdict.phantom.empty()));

  compare::table_rows halves = both; // the second without the first
  halves["mailbox"][""].cells["size_checkpoint"] = "1";
  verdict = judge(account(), halves);
  BOOST_TEST(verdict.lost.size() + verdict.torn.size() + verdict.phantom.size() > 0u);
}

BOOST_AUTO_TEST_CASE(p2_a_row_without_a_key_that_was_applied_twice_is_torn) {
  record::effects deletion;
  deletion.inserted("tombstone", {7, 5}, {{"sequence", 7}, {"type", 5}, {"ids", "257"}});
  add(record::outcome::ok, deletion);
  compare::table_rows actual;
  auto& tombstone = actual["tombstone"]["7\x1f"
                                        "5"];
  tombstone.cells = {{"sequence", "7"}, {"type", "5"}, {"ids", "257"}};
  BOOST_TEST(judge(account(), actual).torn.empty());
  tombstone.copies = 2;
  const auto verdict = judge(account(), actual);
  BOOST_TEST(verdict.torn == std::set<std::uint64_t>{1}, boost::test_tools::per_element());
  BOOST_TEST((verdict.lost.empty() && verdict.phantom.empty()));
  add(record::outcome::ok, deletion); // written twice, it may be there twice
  BOOST_TEST(judge(account(), actual).torn.empty());
}

BOOST_AUTO_TEST_CASE(what_was_refused_must_not_be_there) {
  deliver(record::outcome::error, 257);
  compare::table_rows actual;
  BOOST_TEST(judge(account(), actual).phantom.empty());
  put(actual, 257);
  BOOST_TEST(judge(account(), actual).phantom.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_intent_without_answer_is_uncertain_and_a_doctored_record_is_refused) {
  deliver(record::outcome::ok, 257);
  {
    record::record_writer writer(file);
    writer.intent("a-1", 2, "op", {});
  }
  BOOST_TEST((account().transactions.at(1).told == record::outcome::lost));
  std::ofstream(file, std::ios::app) << R"({"a":"a-1","n":7,"op":"op","e":[]})" << "\n";
  BOOST_CHECK_THROW(account(), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(an_error_that_ends_within_a_character_is_recorded_all_the_same) {
  const std::string statement = "INSERT … 'Привет 日本語'";
  for (std::size_t shown = 0; shown <= statement.size(); ++shown) {
    record::record_writer writer(file);
    writer.intent("a-1", ++number, "op", {});
    writer.result("a-1", number, record::outcome::error, statement.substr(0, shown));
  }
  BOOST_TEST(account().transactions.size() == number);
}

BOOST_AUTO_TEST_SUITE_END()
