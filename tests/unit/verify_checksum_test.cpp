// An account's checksum: as text, compared, and which rows it is of (R29).
#include "storage/verify/checksum_difference.hpp"
#include "storage/verify/checksum_plan.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

catalog_table account_rows(std::string database, std::string name, std::string mailbox_column,
                           std::vector<catalog_column> columns) {
  catalog_table out;
  out.database = std::move(database);
  out.name = std::move(name);
  out.columns.push_back({mailbox_column, "int", "int(10) unsigned", true, false, false, false, "", ""});
  out.columns.insert(out.columns.end(), columns.begin(), columns.end());
  out.indexes.push_back({"PRIMARY", true, {mailbox_column}, {0}});
  return out;
}

catalog_column column(std::string name, std::string type = "int") {
  return {std::move(name), type, type, false, true, false, false, "", ""};
}

} // namespace

BOOST_AUTO_TEST_SUITE(verify_checksum)

BOOST_AUTO_TEST_CASE(its_text_says_all_of_it) {
  const account_checksum all{{"mboxgroup/mail_item", 5000, 0xfedcba9876543210U}, {"odd/a b", 0, 0}};
  BOOST_TEST(text_of(all) == "mboxgroup/mail_item 5000 fedcba9876543210\nodd/a b 0 0000000000000000");
  const auto again = parse_account_checksum(text_of(all));
  BOOST_TEST_REQUIRE(again.has_value());
  BOOST_TEST((*again == all));
  BOOST_TEST(parse_account_checksum("").value().empty());
  for (const auto* wrong : {"mboxgroup/tag", "mboxgroup/tag 5", "mboxgroup/tag x 0", "mboxgroup/tag 5 xyz",
                            " 5 0", "5 0", " ", "mboxgroup/tag 5 0 ", "mboxgroup/tag -1 0"})
    BOOST_TEST_CONTEXT(wrong) BOOST_TEST(!parse_account_checksum(wrong).has_value());
}

BOOST_AUTO_TEST_CASE(r29_a_difference_names_the_table_and_both_counts) {
  const account_checksum source{{"a/one", 3, 7}, {"a/three", 0, 0}, {"a/two", 2, 9}};
  BOOST_TEST(difference_of(source, source).empty());
  BOOST_TEST(difference_of({}, source).empty()); // nothing to be compared with
  auto here = source;
  here[2].hash = 8;
  BOOST_TEST(difference_of(source, here) == "the 2 rows of a/two aren't the source's");
  here[0].rows = 4;
  BOOST_TEST(difference_of(source, here) ==
             "a/one has 3 rows at the source and 4 here, and 1 more table differs");
  here[1] = {"a/three", 1, 5};
  BOOST_TEST(difference_of(source, here) ==
             "a/one has 3 rows at the source and 4 here, and 2 more tables differ");
  BOOST_TEST(difference_of(source, {{"a/two", 2, 9}}) == "a/one has 3 rows at the source and 0 here");
  BOOST_TEST(rows_of(source) == 5u);
}

BOOST_AUTO_TEST_CASE(r29_what_hosts_keep_for_themselves_is_not_compared) {
  const auto rules = load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml").value();
  schema_catalog catalog;
  auto made = column("made");
  made.generated = true;
  catalog.add(account_rows("zimbra", "mailbox", "id",
                           {column("group_id"), column("comment", "varchar"), column("account_id", "varchar"),
                            column("index_volume_id"), made}));
  catalog.add(
      account_rows("zimbra", "out_of_office", "mailbox_id", {column("user", "varchar")})); // self-pruned
  catalog.add(account_rows("mboxgroup7", "watch", "mailbox_id", {column("target")}));      // unguarded
  auto unkeyed = account_rows("mboxgroup7", "event", "mailbox_id", {column("ts", "bigint")});
  unkeyed.indexes.clear(); // the guard can't cover it either
  catalog.add(std::move(unkeyed));
  catalog.add(account_rows(
      "mboxgroup7", "mail_item", "mailbox_id",
      {column("size", "double"), column("locator", "varchar"), column("index_id"), column("id")}));
  catalog.add(account_rows("mboxgroup8", "mail_item", "mailbox_id", {column("id")})); // another group's
  const auto plan = plan_checksum(rules, catalog, {account_id("a"), "a@x", mailbox_id(7), group_number(7)});
  BOOST_TEST_REQUIRE(plan.size() == 2u);
  BOOST_TEST(plan[0].logical_name == "mboxgroup/mail_item");
  BOOST_TEST(plan[0].rows == "SELECT `id`, `locator`, `size` * 1e0 FROM `mboxgroup7`.`mail_item` FORCE INDEX "
                             "(`PRIMARY`) WHERE `mailbox_id`=7");
  BOOST_TEST((plan[0].volumes == std::vector<std::size_t>{1}));
  BOOST_TEST(plan[1].logical_name == "zimbra/mailbox");
  BOOST_TEST((plan[1].columns == std::vector<std::string>{"account_id", "comment"}));
}

BOOST_AUTO_TEST_SUITE_END()
