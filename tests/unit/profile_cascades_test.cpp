#include "storage/profile/cascades.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

const profile& rules() {
  static const auto loaded = load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml");
  BOOST_REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().what));
  return *loaded;
}

catalog_foreign_key to_item(const std::string& database, reference_action on_delete) {
  return {"fk_item", {"mailbox_id", "item_id"},  database, "mail_item", {"mailbox_id", "id"},
          on_delete, reference_action::restrict_};
}

catalog_table tagged_item(const std::string& database, std::vector<catalog_foreign_key> keys) {
  catalog_table out;
  out.database = database;
  out.name = "tagged_item";
  out.foreign_keys = std::move(keys);
  return out;
}

/// What is said of this table in the 17th group, where the source's is in the 3rd.
result<void> compared(std::vector<catalog_foreign_key> there, std::vector<catalog_foreign_key> here) {
  schema_catalog catalog;
  catalog.add(tagged_item("mboxgroup17", std::move(here)));
  return compare_cascades({cascades_of(rules(), tagged_item("mboxgroup3", std::move(there)))}, rules(),
                          catalog, group_number(17));
}

const auto cascade = reference_action::cascade;

} // namespace

BOOST_AUTO_TEST_CASE(m02_foreign_keys_are_told_that_change_rows_by_themselves) {
  auto updates = to_item("mboxgroup3", reference_action::no_action);
  updates.columns = {"other"};
  updates.referenced_columns = {"id"};
  updates.on_update = reference_action::set_null;
  const auto told =
      cascades_of(rules(), tagged_item("mboxgroup3", {to_item("mboxgroup3", reference_action::restrict_),
                                                      updates, to_item("mboxgroup3", cascade)}));
  BOOST_TEST(told.table == "mboxgroup/tagged_item");
  const std::vector<std::string> keys{
      "(item_id, mailbox_id) to mboxgroup/mail_item (id, mailbox_id) ON DELETE CASCADE",
      "(other) to mboxgroup/mail_item (id) ON UPDATE SET NULL"};
  BOOST_TEST(told.keys == keys, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m02_keys_that_do_the_same_are_alike_in_any_group_under_any_name_in_any_order) {
  auto renamed = to_item("mboxgroup17", cascade);
  renamed.name = "other";
  std::swap(renamed.columns[0], renamed.columns[1]);
  std::swap(renamed.referenced_columns[0], renamed.referenced_columns[1]);
  BOOST_TEST(bool(compared({to_item("mboxgroup3", cascade)}, {renamed})));
  // One that only refuses is noticed by its refusal.
  BOOST_TEST(bool(compared({to_item("mboxgroup3", reference_action::restrict_)}, {})));
}

BOOST_AUTO_TEST_CASE(m02_a_key_of_one_side_only_is_refused_with_table_and_key) {
  const std::string key =
      "the foreign key (item_id, mailbox_id) to mboxgroup/mail_item (id, mailbox_id) ON DELETE ";
  const auto says = [](const result<void>& refused, const std::string& part) {
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().what.find("mboxgroup17.tagged_item") != std::string::npos);
    BOOST_TEST(refused.error().what.find(part) != std::string::npos, refused.error().what);
  };
  says(compared({to_item("mboxgroup3", cascade)}, {}), key + "CASCADE isn't here");
  says(compared({}, {to_item("mboxgroup17", cascade)}), key + "CASCADE is only here");
  const auto other =
      compared({to_item("mboxgroup3", cascade)}, {to_item("mboxgroup17", reference_action::set_null)});
  says(other, key + "CASCADE isn't here");
  says(other, key + "SET NULL is only here");
}

BOOST_AUTO_TEST_CASE(m02_what_was_not_told_or_is_not_here_is_not_compared) {
  schema_catalog catalog;
  BOOST_TEST(bool(compare_cascades({{"mboxgroup/tagged_item", {"(a) to b (c) ON DELETE CASCADE"}}}, rules(),
                                   catalog, group_number(17))));
  catalog.add(tagged_item("mboxgroup17", {to_item("mboxgroup17", cascade)}));
  BOOST_TEST(bool(compare_cascades({}, rules(), catalog, group_number(17))));
}
