// What a mailstore's MariaDB says of itself: its tables, accounts, volumes, settings.
#include "storage/state/catalog_reader.hpp"
#include "storage/state/mailstore_queries.hpp"
#include "storage/state/server_checks.hpp"
#include "tests/integration/state_server.hpp"
#include "tests/tools/fixture/mailstore_schema.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::state_test;

BOOST_AUTO_TEST_CASE(the_catalog_shows_the_real_mailstores_keys) {
  server().set_up(fixture::group_schema(7));
  auto s = session();
  const auto p = rules();
  const auto catalog = need(read_catalog(s, *p));
  const auto* item = catalog.find("mboxgroup7", "mail_item");
  BOOST_REQUIRE(item != nullptr);
  BOOST_TEST(item->columns.size() == 25u);
  BOOST_TEST((item->row_key()->columns == std::vector<std::string>{"mailbox_id", "id"}));
  BOOST_TEST(item->indexes.front().name == "PRIMARY");
  BOOST_TEST(item->column("size")->is_unsigned);
  BOOST_TEST(item->column("blob_digest")->collation == "utf8mb3_bin");
  BOOST_TEST(item->foreign_keys.size() == 3u);
  BOOST_TEST(catalog.find("mboxgroup7", "tombstone")->row_key() == nullptr);
  BOOST_TEST(catalog.find("mboxgroup7", "tombstone")->index_beginning_with("mailbox_id")->name ==
             "i_sequence");
  BOOST_TEST(catalog.find("zimbra", "volume_blobs")->column("id")->auto_increment);
  bool cascades = false;
  for (const auto& key : catalog.find("mboxgroup7", "tagged_item")->foreign_keys)
    cascades |= key.referenced_table == "mail_item" && key.on_delete == reference_action::cascade &&
                key.referenced_columns == std::vector<std::string>{"mailbox_id", "id"};
  BOOST_TEST(cascades);
  BOOST_TEST(catalog.referring_to("mboxgroup7", "mail_item").size() >= 5u);
  BOOST_TEST(need(table_definition(s, {"mboxgroup7", "mail_item"})).starts_with("CREATE TABLE `mail_item`"));
}

BOOST_AUTO_TEST_CASE(the_mailstore_answers_by_the_profiles_names) {
  server().set_up(fixture::group_schema(1));
  server().set_up(
      "DELETE FROM mboxgroup1.mail_item; DELETE FROM zimbra.mailbox;"
      "INSERT INTO zimbra.mailbox(id,group_id,account_id,index_volume_id,comment) SELECT n, n, "
      "CONCAT('account-',n), (SELECT index_volume_id FROM zimbra.current_volumes), "
      "CONCAT('user',n,'@example.com') FROM (SELECT 1 n UNION SELECT 2 UNION SELECT 99) x;"
      "INSERT INTO mboxgroup1.mail_item(mailbox_id,id,type,date,size,mod_metadata,mod_content) VALUES "
      "(1,2,1,0,0,1,1),(1,300,5,0,0,1,1)");
  auto s = session();
  mailstore_queries queries(s, rules());
  std::vector<registered_account> all;
  need(queries.each_account([&](registered_account account) { all.push_back(account); }));
  BOOST_TEST(all.size() == 3u);
  const auto found = need(queries.find({"User1@example.com", "nobody@example.com", "it's", "ACCOUNT-99"}));
  BOOST_REQUIRE(found.size() == 2u);
  BOOST_TEST((found[0] == registered_account{account_id("account-1"), "user1@example.com", mailbox_id(1),
                                             group_number(1)}));
  BOOST_TEST(found[1].account.value == "account-99");
  // An input file's names: as many statements, of which each reads the whole registry, would take minutes.
  const auto asked = [&] {
    return std::stoi(need(s.query_value("SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE "
                                        "VARIABLE_NAME='COM_SELECT'"))
                         .value());
  };
  std::vector<std::string> many{"user2@example.com"};
  for (int i = 0; i < 5000; ++i)
    many.push_back(fmt::format("nobody{}@example.com", i));
  const auto before = asked();
  BOOST_TEST(need(queries.find(many)).size() == 1u);
  BOOST_TEST(asked() - before == 2); // with the one that asks
  BOOST_TEST(need(queries.find_by_id({account_id("account-2"), account_id("account-99")})).size() == 2u);
  BOOST_TEST(need(queries.find_by_id({})).empty());
  const auto items = need(queries.highest_items(all));
  BOOST_TEST(items.at(mailbox_id(1)) == 300u);
  BOOST_TEST(items.at(mailbox_id(99)) == 0u); // its group database isn't there

  const auto volumes = need(queries.volumes());
  BOOST_REQUIRE(volumes.size() == 3u);
  for (const auto& volume : volumes) {
    BOOST_TEST(volume.is_current);
    BOOST_TEST(volume.holds_blobs != volume.holds_index);
    BOOST_TEST(volume.is_centralised == volume.holds_blobs);
  }
  BOOST_TEST(need(queries.current_index_volume()) > 0);
  BOOST_TEST(need(queries.identity()).server_id == 5u);
}

BOOST_AUTO_TEST_CASE(mailbox_ids_are_taken_as_the_mail_server_takes_them) {
  server().set_up("UPDATE zimbra.current_volumes SET next_mailbox_id=200");
  auto s = session();
  mailstore_queries queries(s, rules());
  BOOST_TEST(need(queries.allocate_mailbox(s)).value == 200u);
  BOOST_TEST(need(queries.allocate_mailbox(s)).value == 201u);
  BOOST_TEST(!need(queries.binlog_position()).empty());
  BOOST_TEST(server().value("SELECT next_mailbox_id FROM zimbra.current_volumes") == "202");
  need(queries.reserve_mailbox(s, mailbox_id(150), account_id("x")));
  BOOST_TEST(server().value("SELECT next_mailbox_id FROM zimbra.current_volumes") == "202");
  need(queries.reserve_mailbox(s, mailbox_id(500), account_id("x")));
  BOOST_TEST(server().value("SELECT next_mailbox_id FROM zimbra.current_volumes") == "501");
  BOOST_TEST(!queries.reserve_mailbox(s, mailbox_id(1), account_id("x")));
  need(queries.reserve_mailbox(s, mailbox_id(1), account_id("account-1")));
}

BOOST_AUTO_TEST_CASE(r5_this_server_is_judged_as_it_is) {
  auto s = session();
  const auto checks = need(check_server(s, {}));
  BOOST_TEST(allows(checks, check_scope::capture));
  BOOST_TEST(allows(checks, check_scope::apply));
  BOOST_TEST(!allows(checks, check_scope::synchronous)); // started without semi-sync
  for (const auto& check : checks)
    BOOST_TEST_MESSAGE(check.name << ": " << check.found << "   " << check.remedy);
  BOOST_TEST(!need(read_semi_sync(s)).on);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_no_mailstore_of_the_profile_is_told_with_the_way_out) {
  auto s = session();
  need(mailstore_queries(s, rules()).look_for_tables());
  const auto refused = [&](auto change) {
    auto other = *rules();
    change(other);
    const auto there =
        mailstore_queries(s, std::make_shared<const profile>(std::move(other))).look_for_tables();
    BOOST_REQUIRE(!there);
    BOOST_TEST(!there.error().retryable);
    BOOST_TEST(there.error().todo.find("[mariadb] socket") != std::string::npos);
    return there.error().what;
  };
  BOOST_TEST(refused([](profile& p) {
               p.registry.table.table = "nothing";
             }).find("'zimbra.nothing' doesn't exist") != std::string::npos);
  BOOST_TEST(refused([](profile& p) { p.registry.table.database = "nothing"; }).find("nothing") !=
             std::string::npos);
  BOOST_TEST(refused([](profile& p) { p.registry.name_column = "nothing"; }).find("nothing") !=
             std::string::npos);
}
