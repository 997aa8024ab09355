// What becomes of a row on its way to this host (DESIGN 4.4), and when a local table is refused (M02, A06).
#include "storage/apply/destination_schema.hpp"
#include "storage/apply/local_shape.hpp"
#include "storage/apply/localize.hpp"
#include "storage/apply/row_tokens.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

std::shared_ptr<const profile> rules() {
  auto loaded = load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml");
  BOOST_REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().what));
  return std::make_shared<const profile>(std::move(*loaded));
}

catalog_column integer(const char* name, bool nullable = false) {
  catalog_column c;
  c.name = name;
  c.data_type = "int";
  c.column_type = "int(10) unsigned";
  c.is_unsigned = true;
  c.nullable = nullable;
  return c;
}

catalog_column varchar(const char* name) {
  catalog_column c;
  c.name = name;
  c.data_type = "varchar";
  c.column_type = "varchar(100)";
  c.charset = "utf8mb3";
  c.collation = "utf8mb3_general_ci";
  return c;
}

catalog_table mail_item() {
  catalog_table t;
  t.database = "mboxgroup17";
  t.name = "mail_item";
  t.engine = "InnoDB";
  t.columns = {integer("mailbox_id"), integer("id"), integer("index_id", true), varchar("locator")};
  t.indexes = {{"PRIMARY", true, {"mailbox_id", "id"}, {0, 0}}};
  return t;
}

const account_placement where{account_id("acc"), mailbox_id(3), 17, 9,
                              std::make_shared<volume_map>(volume_map{{1, 5}, {2, 6}})};

shape shape_of(const catalog_table& t, const std::string& logical) {
  auto made = local_shape(t, logical, *rules(), {});
  BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().what));
  return *made;
}

result<std::shared_ptr<const destination_table>> match(const shape& source, const catalog_table& local) {
  schema_catalog catalog;
  catalog.add(local);
  return match_table(source, local, *rules(), catalog);
}

} // namespace

BOOST_AUTO_TEST_CASE(volumes_are_mapped_and_the_index_is_this_hosts_own) {
  const auto local = mail_item();
  const auto about = std::make_shared<const shape>(shape_of(local, "mboxgroup/mail_item"));
  const auto target = *match(*about, local);
  row_change change{about, change_kind::insert,
                    false, false,
                    {},    {{1, std::uint64_t{5}}, {2, std::uint64_t{5}}, {3, text_value{"2"}}}};
  auto row = localize(change, target, where);
  BOOST_REQUIRE(row);
  BOOST_TEST((*cell_value((*row)->after, 3) == value(text_value{"6"})));
  BOOST_TEST((*cell_value((*row)->after, 2) == value(std::int64_t{0})));
  change.after[1].content = null_value{}; // never to be indexed, here neither
  change.after[2].content = text_value{"bucket/2"};
  row = localize(change, target, where);
  BOOST_TEST((*cell_value((*row)->after, 2) == value(null_value{})));
  BOOST_TEST((*cell_value((*row)->after, 3) == value(text_value{"bucket/2"})));
  change.after[2].content = text_value{"77"};
  row = localize(change, target, where);
  BOOST_REQUIRE(!row);
  BOOST_TEST(row.error().what.find("volume 77") != std::string::npos);
  BOOST_TEST(row.error().retryable); // its host may have yet to announce it
}

BOOST_AUTO_TEST_CASE(where_no_volume_has_a_counterpart_a_row_that_names_one_is_refused) {
  const auto local = mail_item();
  const auto about = std::make_shared<const shape>(shape_of(local, "mboxgroup/mail_item"));
  const auto target = *match(*about, local);
  row_change change{about, change_kind::insert,
                    false, false,
                    {},    {{1, std::uint64_t{5}}, {2, std::uint64_t{5}}, {3, text_value{"1"}}}};
  auto nowhere = where;
  nowhere.volumes = std::make_shared<volume_map>();
  const auto row = localize(change, target, nowhere);
  BOOST_REQUIRE(!row); // that number is another volume here
  BOOST_TEST(row.error().what == "column locator of mboxgroup/mail_item names volume 1 of the source, which "
                                 "has no counterpart here");
  change.after[2].content = null_value{};
  BOOST_TEST(bool(localize(change, target, nowhere)));
  nowhere.volumes = nullptr; // one host's own data
  change.after[2].content = text_value{"1"};
  BOOST_TEST(bool(localize(change, target, nowhere)));
}

BOOST_AUTO_TEST_CASE(the_registry_row_gets_the_local_id_group_and_index_volume) {
  catalog_table local;
  local.database = "zimbra";
  local.name = "mailbox";
  local.engine = "InnoDB";
  local.columns = {integer("id"), integer("group_id"), varchar("account_id"), integer("index_volume_id")};
  local.indexes = {{"PRIMARY", true, {"id"}, {0}}};
  const auto about = std::make_shared<const shape>(shape_of(local, "zimbra/mailbox"));
  const auto target = *match(*about, local);
  BOOST_TEST(target->registry);
  const auto row =
      localize({about, change_kind::insert, false, false, {}, {{2, text_value{"acc"}}}}, target, where);
  BOOST_REQUIRE_MESSAGE(row, (row ? "" : row.error().what));
  BOOST_TEST((*cell_value((*row)->after, 1) == value(std::uint64_t{17})));
  BOOST_TEST((*cell_value((*row)->after, 3) == value(std::uint64_t{9})));
  BOOST_TEST((cell_value((*row)->after, 0) == nullptr));
}

BOOST_AUTO_TEST_CASE(a_key_whose_columns_are_in_another_order_than_the_tables_is_found) {
  catalog_table local;
  local.database = "zimbra";
  local.name = "scheduled_task";
  local.engine = "InnoDB";
  local.columns = {varchar("class_name"), varchar("name"), integer("mailbox_id"),
                   integer("interval_millis", true)};
  local.indexes = {{"PRIMARY", true, {"name", "mailbox_id", "class_name"}, {0, 0, 0}}};
  const auto about = std::make_shared<const shape>(shape_of(local, "zimbra/scheduled_task"));
  const auto row = localize({about,
                             change_kind::update,
                             false,
                             false,
                             {{1, text_value{"reminder"}}, {0, text_value{"task"}}},
                             {{3, std::uint64_t{1}}}},
                            *match(*about, local), where);
  BOOST_REQUIRE_MESSAGE(row, (row ? "" : row.error().what));
  BOOST_TEST((*cell_value((*row)->before, 0) == value(text_value{"task"})));
  BOOST_TEST((*cell_value((*row)->before, 1) == value(text_value{"reminder"})));
}

BOOST_AUTO_TEST_CASE(r37_an_insert_that_lacks_a_column_is_refused) {
  const auto local = mail_item();
  const auto about = std::make_shared<const shape>(shape_of(local, "mboxgroup/mail_item"));
  const auto row = localize({about, change_kind::insert, false, false, {}, {{1, std::uint64_t{5}}}},
                            *match(*about, local), where);
  BOOST_REQUIRE(!row);
  BOOST_TEST(row.error().todo.find("binlog_row_image") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(m02_a_table_that_differs_is_refused_with_every_difference_named) {
  const auto about = shape_of(mail_item(), "mboxgroup/mail_item");
  auto local = mail_item();
  local.columns[1].is_unsigned = false;
  local.columns[3].charset = "latin1";
  local.columns.erase(local.columns.begin() + 2);
  local.columns.push_back(integer("extra"));
  local.triggers = {"audit"};
  local.engine = "Aria";
  const auto refused = match(about, local);
  BOOST_REQUIRE(!refused);
  for (const auto* part : {"column id is signed", "index_id is missing", "locator has character set latin1",
                           "column extra exists only here", "trigger audit", "engine is Aria"})
    BOOST_TEST(refused.error().what.find(part) != std::string::npos, part);
  local = mail_item();
  local.columns[3].column_type = "varchar(50)";
  BOOST_TEST(!match(about, local));
  local.columns[3].column_type = "varchar(200)"; // more room does no harm
  BOOST_TEST(match(about, local).has_value());
}
