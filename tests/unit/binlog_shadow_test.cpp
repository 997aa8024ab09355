// M04: schema-change tools copy a table into a shadow and swap it in. The shadows have a mailbox column, too,
// but belong to nobody; the account's own changes come once, under the structure of the time of writing.
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
