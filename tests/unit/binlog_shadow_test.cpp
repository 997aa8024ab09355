// M04: schema-change tools copy a table into a shadow and swap it in. The shadows have a mailbox column, too,
// but belong to nobody; the account's own changes come once, under the structure of the time of writing.
#include "storage/binlog/prepared_table.hpp"
#include "storage/profile/profile_routing.hpp"
#include "tests/unit/binlog_support.hpp"

namespace understudy::binlog_test {
namespace {

std::shared_ptr<const table_routing> real_routing() {
  auto rules = load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml");
  BOOST_REQUIRE(rules);
  return std::make_shared<profile_routing>(std::make_shared<const profile>(std::move(*rules)));
}

BOOST_AUTO_TEST_CASE(m04_a_table_swapped_by_a_tool_brings_each_change_once) {
  run_of_events run(real_routing());
  BOOST_REQUIRE_MESSAGE(run.feed_file("shadow.binlog"), run.failed->what);
  std::vector<std::string> changes;
  for (const auto& t : run.transactions)
    for (const auto& line : shown(t))
      changes.push_back(line);
  const std::vector<std::string> wanted{
      "7 insert mboxgroup/mail_item [] {id=n:1 name=t:one}",
      "7 insert mboxgroup/mail_item [] {id=n:2 name=t:two}",
      "7 insert mboxgroup/mail_item [] {id=n:3 name=t:three}",
      "7 insert mboxgroup/mail_item [] {id=n:4 name=t:four}",
      "7 update mboxgroup/mail_item [id=n:2] {name=t:TWO}",
      "7 remove mboxgroup/mail_item [id=n:1] {}",
      "7 insert mboxgroup/mail_item [] {x=n:10 id=n:5 name=t:five}",
      "7 insert mboxgroup/mail_item [] {x=n:10 id=n:6 name=t:six}",
      "7 update mboxgroup/mail_item [id=n:5] {name=t:FIVE}",
      "7 remove mboxgroup/mail_item [id=n:3] {}",
      "7 insert mboxgroup/mail_item [] {x=n:10 id=n:7 name=t:seven y=n:12}",
  };
  BOOST_TEST(changes == wanted, boost::test_tools::per_element());
}

/// Nor are rows of a table without the mailbox column anybody's: nothing of an account changed unseen.
BOOST_AUTO_TEST_CASE(b07_a_table_of_a_group_database_without_a_mailbox_is_nobodys) {
  auto map = std::make_shared<table_map>();
  map->database = "mboxgroup7";
  map->table = "notes";
  map->columns.resize(2);
  map->columns[0].about.name = "id";
  const auto routing = real_routing();
  const auto unnamed = prepare_table(map, *routing); // of such a server's binlog nothing is known
  BOOST_TEST((unnamed.route.what == table_route::kind::account_rows));
  BOOST_TEST(!unnamed.unreadable.empty());
  map->columns[1].about.name = "note";
  BOOST_TEST((prepare_table(map, *routing).route.what == table_route::kind::ignored));
  map->columns[1].about.name = "mailbox_id";
  BOOST_TEST((prepare_table(map, *routing).route.what == table_route::kind::account_rows));
}

/// The swap itself is never overlooked: rows may be others behind it, so it asks for new snapshots.
BOOST_AUTO_TEST_CASE(m04_the_swap_is_said) {
  run_of_events run(real_routing());
  BOOST_REQUIRE_MESSAGE(run.feed_file("shadow.binlog"), run.failed->what);
  std::size_t swaps = 0;
  for (const auto& t : run.transactions)
    for (const auto& w : t.unseen)
      swaps += w.statement.starts_with("RENAME TABLE") && w.rows_may_have_changed;
  BOOST_TEST(swaps == 2U);
}

} // namespace
} // namespace understudy::binlog_test
