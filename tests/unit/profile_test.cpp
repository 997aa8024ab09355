#include "storage/profile/glob.hpp"
#include "storage/profile/profile.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <sstream>

using namespace understudy;

namespace {

std::string shipped_text() {
  std::ifstream in(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml");
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

profile shipped() {
  auto loaded = load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml");
  BOOST_REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().what));
  return *loaded;
}

std::string error_of(const std::string& toml) {
  auto parsed = parse_profile(toml, "test.toml");
  BOOST_REQUIRE(!parsed);
  return parsed.error().what;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  BOOST_REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

} // namespace

BOOST_AUTO_TEST_CASE(the_shipped_profile_says_what_the_mail_server_does) {
  const profile p = shipped();
  BOOST_TEST(p.name == "carbonio");
  BOOST_TEST((p.mailbox_ids == mailbox_mode::own));
  BOOST_TEST(p.registry.account_column == "account_id");
  BOOST_TEST(p.registry.name_column == "comment");
  BOOST_TEST(p.shared_tables.size() == 5u);
  BOOST_TEST(p.is_never_replicated("zimbra/volume"));
  BOOST_TEST(p.is_never_replicated("zimbra/service_status"));
  BOOST_TEST(!p.is_never_replicated("zimbra/volume_blobs"));
  BOOST_TEST(p.is_self_pruned("zimbra/out_of_office"));
  BOOST_TEST(!p.is_self_pruned("zimbra/mailbox_metadata"));
  BOOST_TEST((p.policy_of("zimbra/mailbox", "group_id").policy == column_policy::own_group));
  BOOST_TEST((p.policy_of("mboxgroup/mail_item", "locator").policy == column_policy::mapped_volume));
  BOOST_TEST((p.policy_of("mboxgroup/mail_item", "subject").policy == column_policy::kept));
  BOOST_TEST(stays_at_home(p.policy_of("zimbra/volume_blobs", "id").policy));
  BOOST_TEST(!stays_at_home(p.policy_of("mboxgroup/mail_item", "index_id").policy));
}

BOOST_AUTO_TEST_CASE(a_mailbox_id_has_its_group_as_the_mail_server_counts) {
  const profile p = shipped();
  BOOST_TEST(p.group_of(mailbox_id(1)).value == 1u);
  BOOST_TEST(p.group_of(mailbox_id(100)).value == 100u);
  BOOST_TEST(p.group_of(mailbox_id(101)).value == 1u);
  BOOST_TEST(p.group_of(mailbox_id(4294967295u)).value == 95u);
  BOOST_TEST(p.group_database(group_number(17)) == "mboxgroup17");
}

BOOST_AUTO_TEST_CASE(only_a_group_database_is_taken_for_one) {
  const profile p = shipped();
  BOOST_TEST(p.group_in("mboxgroup17")->value == 17u);
  for (const auto* other : {"mboxgroup", "mboxgroup0", "mboxgroup07", "mboxgroup7x", "xmboxgroup7", "zimbra",
                            "mboxgroup-1", "mboxgroup99999999999", ""})
    BOOST_TEST(!p.group_in(other));
}

BOOST_AUTO_TEST_CASE(logical_names_go_there_and_back) {
  const profile p = shipped();
  BOOST_TEST(p.logical_name("mboxgroup17", "mail_item") == "mboxgroup/mail_item");
  BOOST_TEST(p.logical_name("zimbra", "mailbox") == "zimbra/mailbox");
  const auto there = p.physical_name("mboxgroup/mail_item", group_number(3));
  BOOST_TEST(there->database == "mboxgroup3");
  BOOST_TEST(there->table == "mail_item");
  BOOST_TEST(*p.quoted_name("zimbra/mailbox", group_number(3)) == "`zimbra`.`mailbox`");
  BOOST_TEST(*p.quoted_name("mboxgroup/a`b", group_number(3)) == "`mboxgroup3`.`a``b`");
  for (const auto* malformed : {"mail_item", "", "/mail_item", "zimbra/"})
    BOOST_TEST(!p.physical_name(malformed, group_number(1)));
}

BOOST_AUTO_TEST_CASE(a_group_pattern_may_have_a_suffix) {
  const auto p = *parse_profile(replaced(shipped_text(), "mboxgroup{group}", "box{group}_data"), "test.toml");
  BOOST_TEST(p.group_database(group_number(4)) == "box4_data");
  BOOST_TEST(p.group_in("box4_data")->value == 4u);
  BOOST_TEST(!p.group_in("box_data"));
  BOOST_TEST(p.logical_name("box4_data", "mail_item") == "box_data/mail_item");
  BOOST_TEST(p.physical_name("box_data/mail_item", group_number(9))->database == "box9_data");
}

BOOST_AUTO_TEST_CASE(m04_shadow_tables_of_schema_change_tools_belong_to_nobody) {
  const profile p = shipped();
  for (const auto* shadow : {"_mail_item_gho", "_mail_item_ghc", "_mail_item_del", "_mail_item_new",
                             "__mail_item_new", "_mail_item_old", "_mail_item_20260101000000_del"})
    BOOST_TEST(p.mailbox_column_of(std::string("mboxgroup/") + shadow).empty());
  BOOST_TEST(p.mailbox_column_of("mboxgroup/mail_item") == "mailbox_id");
  BOOST_TEST(p.mailbox_column_of("zimbra/mailbox") == "id");
  BOOST_TEST(p.mailbox_column_of("zimbra/config").empty());
  BOOST_TEST(p.mailbox_column_of("other/mail_item").empty());
}

BOOST_AUTO_TEST_CASE(a_faulty_profile_is_refused_with_the_place) {
  const std::string good = shipped_text();
  BOOST_TEST(error_of(replaced(good, "count = 100", "count = 0")).find("[groups]: 'count'") !=
             std::string::npos);
  BOOST_TEST(error_of(replaced(good, "count = 100", "cuont = 100")).find("[groups]") != std::string::npos);
  BOOST_TEST(error_of(replaced(good, "count = 100", "count = 100\nextra = 1")).find("unknown key 'extra'") !=
             std::string::npos);
  BOOST_TEST(error_of(replaced(good, "mboxgroup{group}", "mboxgroup")).find("{group}") != std::string::npos);
  BOOST_TEST(error_of(replaced(good, "\"own_group\"", "\"own_grup\"")).find("[[host_local]] 1: 'own_grup'") !=
             std::string::npos);
  BOOST_TEST(error_of(replaced(good, "mailbox_id = \"own\"", "mailbox_id = \"mine\"")).find("mine") !=
             std::string::npos);
  BOOST_TEST(error_of(replaced(good, "[registry]", "[regist")).find("test.toml:") != std::string::npos);
  BOOST_TEST(error_of("").find("test.toml: 'name'") != std::string::npos);
  BOOST_TEST(error_of(replaced(good, "\"zimbra/mailbox\"", "\"mailbox\"")).find("database/table") !=
             std::string::npos);
  BOOST_TEST(!load_profile("/nowhere/profile.toml"));
}

BOOST_AUTO_TEST_CASE(globs_match_as_shells_do) {
  BOOST_TEST(matches_glob("_mail_item_gho", "_*_gho"));
  BOOST_TEST(!matches_glob("mail_item_gho", "_*_gho"));
  BOOST_TEST(matches_glob("abcabc", "*abc"));
  BOOST_TEST(matches_glob("aXbXc", "a*b*c"));
  BOOST_TEST(!matches_glob("aXbX", "a*b*c"));
  BOOST_TEST(matches_glob("abc", "a?c"));
  BOOST_TEST(!matches_glob("ac", "a?c"));
  BOOST_TEST(matches_glob("", "*"));
  BOOST_TEST(matches_glob("", ""));
  BOOST_TEST(!matches_glob("a", ""));
}
