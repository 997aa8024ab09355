#include "storage/profile/profile_routing.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace understudy;
using kind = table_route::kind;

namespace {

std::shared_ptr<const profile> rules() {
  auto loaded = load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml");
  BOOST_REQUIRE(loaded);
  return std::make_shared<const profile>(*loaded);
}

catalog_table table(std::string database, std::string name, std::vector<std::string> columns) {
  catalog_table out;
  out.database = std::move(database);
  out.name = std::move(name);
  for (auto& column : columns) {
    catalog_column made;
    made.name = std::move(column);
    made.nullable = false;
    out.columns.push_back(made);
  }
  return out;
}

void refer(catalog_table& child, const std::string& database, const std::string& parent) {
  catalog_foreign_key key;
  key.name = child.name + "_" + parent;
  key.referenced_database = database;
  key.referenced_table = parent;
  child.foreign_keys.push_back(key);
}

std::size_t place_of(const std::vector<account_table>& tables, std::string_view logical) {
  return static_cast<std::size_t>(
      std::find_if(tables.begin(), tables.end(), [&](const auto& t) { return t.logical_name == logical; }) -
      tables.begin());
}

} // namespace

BOOST_AUTO_TEST_CASE(by_names_alone_the_profile_routes_every_table) {
  const profile_routing routing(rules());
  const auto item = routing.route("mboxgroup7", "mail_item");
  BOOST_TEST((item.what == kind::account_rows));
  BOOST_TEST(item.logical_name == "mboxgroup/mail_item");
  BOOST_TEST(item.mailbox_column == "mailbox_id");
  BOOST_TEST(item.left_out_columns.empty());

  BOOST_TEST(!item.is_self_pruned);
  BOOST_TEST(routing.route("zimbra", "scheduled_task").is_self_pruned);

  const auto registry = routing.route("zimbra", "mailbox");
  BOOST_TEST((registry.what == kind::registry));
  BOOST_TEST(registry.mailbox_column == "id");
  BOOST_TEST(registry.account_column == "account_id");
  BOOST_TEST(registry.name_column == "comment");
  BOOST_TEST((registry.left_out_columns == std::vector<std::string>{"group_id", "index_volume_id"}));

  BOOST_TEST((routing.route("zimbra", "volume_blobs").left_out_columns == std::vector<std::string>{"id"}));
  BOOST_TEST((routing.route("understudy", "role").what == kind::own));
  BOOST_TEST((routing.route("zimbra", "volume").what == kind::ignored));
  BOOST_TEST((routing.route("zimbra", "new_table").what == kind::ignored));
  BOOST_TEST((routing.route("mysql", "user").what == kind::ignored));
  BOOST_TEST((routing.route("mboxgroup7", "_mail_item_gho").what == kind::ignored));
}

BOOST_AUTO_TEST_CASE(discovery_leaves_out_tables_without_the_mailbox_column) {
  schema_catalog catalog;
  catalog.add(table("mboxgroup7", "notes", {"id", "text"}));
  catalog.add(table("mboxgroup7", "mail_item", {"mailbox_id", "id"}));
  const profile_routing routing(rules(), catalog);
  BOOST_TEST((routing.route("mboxgroup7", "notes").what == kind::ignored));
  BOOST_TEST((routing.route("mboxgroup7", "mail_item").what == kind::account_rows));
}

BOOST_AUTO_TEST_CASE(m02_a_table_that_discovery_does_not_know_goes_by_its_name) {
  schema_catalog catalog;
  catalog.add(table("mboxgroup7", "mail_item", {"mailbox_id", "id"}));
  const profile_routing routing(rules(), catalog);
  BOOST_TEST((routing.route("mboxgroup7", "renamed_since").what == kind::account_rows));
  BOOST_TEST((routing.route("mboxgroup8", "mail_item").what == kind::account_rows));
}

BOOST_AUTO_TEST_CASE(databases_that_hold_accounts_are_known) {
  const profile_routing routing(rules());
  BOOST_TEST(routing.holds_accounts("mboxgroup1"));
  BOOST_TEST(routing.holds_accounts("zimbra"));
  BOOST_TEST(!routing.holds_accounts("mysql"));
  BOOST_TEST(!routing.holds_accounts("understudy"));
}

BOOST_AUTO_TEST_CASE(account_tables_come_parents_first) {
  schema_catalog catalog;
  auto tagged = table("mboxgroup7", "a_tagged", {"mailbox_id", "item_id"});
  refer(tagged, "mboxgroup7", "mail_item");
  auto item = table("mboxgroup7", "mail_item", {"mailbox_id", "id"});
  refer(item, "mboxgroup7", "mail_item");
  refer(item, "zimbra", "mailbox");
  auto metadata = table("zimbra", "mailbox_metadata", {"mailbox_id"});
  refer(metadata, "zimbra", "mailbox");
  catalog.add(tagged);
  catalog.add(item);
  catalog.add(metadata);
  catalog.add(table("zimbra", "mailbox", {"id", "account_id"}));
  catalog.add(table("zimbra", "config", {"name"}));
  catalog.add(table("mboxgroup8", "mail_item", {"mailbox_id", "id"}));
  catalog.add(table("mboxgroup7", "_mail_item_new", {"mailbox_id", "id"}));
  const auto tables = account_tables(*rules(), catalog, group_number(7));
  BOOST_REQUIRE(tables.size() == 4u);
  BOOST_TEST(place_of(tables, "zimbra/mailbox") == 0u);
  BOOST_TEST(place_of(tables, "mboxgroup/mail_item") < place_of(tables, "mboxgroup/a_tagged"));
  BOOST_TEST(tables[place_of(tables, "mboxgroup/mail_item")].definition->database == "mboxgroup7");
}

BOOST_AUTO_TEST_CASE(r40_a_row_key_is_primary_or_unique_over_whole_not_null_columns) {
  auto t = table("d", "t", {"mailbox_id", "a", "b"});
  BOOST_TEST(t.row_key() == nullptr);
  t.indexes.push_back({"i_prefix", true, {"mailbox_id", "a"}, {0, 10}});
  BOOST_TEST(t.row_key() == nullptr);
  t.columns[2].nullable = true;
  t.indexes.push_back({"i_null", true, {"mailbox_id", "b"}, {0, 0}});
  BOOST_TEST(t.row_key() == nullptr);
  t.indexes.push_back({"i_whole", true, {"a", "mailbox_id"}, {0, 0}});
  BOOST_TEST(t.row_key()->name == "i_whole");
  BOOST_TEST(t.index_beginning_with("mailbox_id")->name == "i_prefix");
  BOOST_TEST(t.index_beginning_with("b") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_database_is_read_again_after_ddl) {
  schema_catalog catalog;
  catalog.add(table("mboxgroup7", "old", {"mailbox_id"}));
  catalog.add(table("mboxgroup8", "kept", {"mailbox_id"}));
  schema_catalog fresh;
  fresh.add(table("mboxgroup7", "new", {"mailbox_id"}));
  catalog.replace_database("mboxgroup7", fresh);
  BOOST_TEST(catalog.find("mboxgroup7", "old") == nullptr);
  BOOST_TEST(catalog.find("mboxgroup7", "new") != nullptr);
  BOOST_TEST(catalog.find("mboxgroup8", "kept") != nullptr);
  BOOST_TEST((catalog.databases() == std::vector<std::string>{"mboxgroup7", "mboxgroup8"}));
}
