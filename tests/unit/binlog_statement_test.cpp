// Which statements concern account tables, in whatever disguise.
#include "storage/binlog/statement_scan.hpp"
#include "tests/unit/binlog_support.hpp"

namespace understudy::binlog_test {
namespace {

using warning = sliced_transaction::warning;
const small_routing routing;

std::optional<warning> scan(std::string_view statement, std::string_view database = "mboxgroup7") {
  return scan_statement(statement, database, routing);
}

BOOST_AUTO_TEST_CASE(dml_in_disguise) {
  for (const auto* statement :
       {"UPDATE item SET n=1", "update`item`set n=1", "INSERT INTO `mboxgroup7`.`item` VALUES (1)",
        "/* a comment */ DELETE FROM item", "-- line\nDELETE FROM item", "# line\nDELETE FROM item",
        "/*!50000 DELETE */ FROM item", "/*M!100100 DELETE FROM item */", "REPLACE INTO item SELECT 1",
        "SET STATEMENT max_statement_time=1 FOR UPDATE item SET n=2", "WITH x AS (SELECT 1) DELETE FROM item",
        "UPDATE outside, item SET item.n=1", "LOAD DATA LOCAL INFILE 'x' INTO TABLE item",
        "DELETE outside FROM outside JOIN `item` USING (a)", "UPDATE \"item\" SET n=1",
        "ANALYZE FORMAT=JSON UPDATE item SET n=1", "ANALYZE DELETE FROM item"}) {
    const auto w = scan(statement);
    BOOST_REQUIRE_MESSAGE(w, statement);
    BOOST_TEST(int(w->what) == int(warning::kind::statement_dml), statement);
    BOOST_TEST(w->table == "item", statement);
    BOOST_TEST(w->rows_may_have_changed, statement);
  }
  BOOST_TEST(scan("UPDATE mboxgroup7 . item SET n=1", "other")->database == "mboxgroup7");
}

BOOST_AUTO_TEST_CASE(statements_about_other_things) {
  for (const auto* statement :
       {"UPDATE outside SET a='item'", "INSERT INTO outside VALUES ('it''s item')",
        "UPDATE other.item SET n=1", "ANALYZE TABLE item", "ANALYZE LOCAL TABLE item", "FLUSH TABLES",
        "GRANT SELECT ON item TO x", "OPTIMIZE TABLE item", "CREATE TEMPORARY TABLE item (a INT)",
        "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `item`", "DROP TABLE flush_enforcer",
        "CREATE DATABASE other", "", "/* item */", "'", "`", "/*", "\\"})
    BOOST_TEST(!scan(statement), statement);
  BOOST_TEST(!scan("UPDATE item SET n=1", "other"));
}

BOOST_AUTO_TEST_CASE(only_the_database_concerned_is_named_several_are_unknown) {
  BOOST_TEST(scan("TRUNCATE mboxgroup8.item")->database == "mboxgroup8");
  BOOST_TEST(scan("DROP TABLE item, uniq")->database == "mboxgroup7");
  BOOST_TEST(scan("DROP TABLE item, mboxgroup8.item")->database == "");
  BOOST_TEST(scan("UPDATE mboxgroup8.item a JOIN item b SET a.n=b.n")->database == "");
}

BOOST_AUTO_TEST_CASE(r35_a_table_that_every_host_prunes_needs_no_new_snapshot) {
  BOOST_TEST(!scan("TRUNCATE pruned")->rows_may_have_changed);
  BOOST_TEST(!scan("DELETE FROM mboxgroup8.pruned")->rows_may_have_changed);
  const auto both = scan("DELETE p, i FROM pruned p JOIN mboxgroup8.item i");
  BOOST_TEST(both->rows_may_have_changed);
  BOOST_TEST(both->table == "item");
  BOOST_TEST(both->database == "mboxgroup8");
  BOOST_TEST(scan("DELETE i, p FROM item i JOIN mboxgroup8.pruned p")->database == "mboxgroup7");
}

BOOST_AUTO_TEST_CASE(structure_and_whole_databases) {
  const auto rows_change = [](std::string_view statement) {
    const auto w = scan(statement);
    BOOST_REQUIRE_MESSAGE(w, statement);
    return w->rows_may_have_changed;
  };
  for (const auto* statement :
       {"TRUNCATE item", "DROP TABLE item", "DROP TABLE outside, `item`", "DROP DATABASE mboxgroup7",
        "DROP SCHEMA IF EXISTS `zimbra`", "ALTER TABLE item DROP COLUMN x",
        "ALTER TABLE item MODIFY n BIGINT", "ALTER TABLE item CONVERT TO CHARACTER SET utf8mb4",
        "ALTER TABLE item TRUNCATE PARTITION p", "RENAME TABLE item TO item2", "ALTER TABLE item RENAME TO x",
        "CREATE OR REPLACE TABLE item (a INT)", "ALTER IGNORE TABLE item ADD UNIQUE u (n)",
        "CREATE TABLE item AS SELECT * FROM outside"})
    BOOST_TEST(rows_change(statement), statement);
  for (const auto* statement :
       {"CREATE TABLE item (a INT)", "CREATE INDEX i ON item (n)", "ALTER TABLE item ADD INDEX i (n)",
        "ALTER TABLE item DROP INDEX i", "CREATE TABLE _item_gho LIKE item", "CREATE DATABASE mboxgroup7",
        "DROP TRIGGER item", "ALTER TABLE item ENGINE=InnoDB",
        "ALTER TABLE item ADD CONSTRAINT f FOREIGN KEY (n)"})
    BOOST_TEST(!rows_change(statement), statement);
  BOOST_TEST(scan("DROP DATABASE mboxgroup7", "")->table.empty());
}

/// A column may bear any keyword's name; one with a default differs from host to host, maybe.
BOOST_AUTO_TEST_CASE(a_quoted_name_is_no_keyword) {
  for (const auto* statement :
       {"ALTER TABLE item ADD `check` CHAR(36) NOT NULL DEFAULT uuid()", "ALTER TABLE item DROP `key`",
        "ALTER TABLE item ADD `Index` INT", "ALTER TABLE item DROP \"primary\"",
        "ALTER TABLE item ADD INDEX i (n), ADD `unique` INT", "DROP TABLE item, `temporary`"}) {
    const auto w = scan(statement);
    BOOST_REQUIRE_MESSAGE(w, statement);
    BOOST_TEST(int(w->what) == int(warning::kind::ddl), statement);
    BOOST_TEST(w->rows_may_have_changed, statement);
  }
  for (const auto* statement : {"ALTER TABLE item ADD INDEX `modify` (n)", "CREATE TABLE item (`select` INT)",
                                "ALTER TABLE item ADD INDEX i (`add`, n)"})
    BOOST_TEST(!scan(statement)->rows_may_have_changed, statement);
}

BOOST_AUTO_TEST_CASE(a_function_that_writes_says_not_where) {
  const auto w = scan("SELECT `other`.`f`(1)");
  BOOST_REQUIRE(w);
  BOOST_TEST(w->table.empty());
  BOOST_TEST(w->rows_may_have_changed);
}

BOOST_AUTO_TEST_CASE(long_statements_are_shown_in_short) {
  const auto w = scan("UPDATE item SET name='" + std::string(5'000'000, 'x') + "'");
  BOOST_REQUIRE(w);
  BOOST_TEST(w->statement.size() == 500U);
}

BOOST_AUTO_TEST_CASE(control_statements) {
  const auto role = [](std::string_view s) { return read_control_statement(s).role; };
  BOOST_TEST((role("COMMIT") == statement_role::commit));
  BOOST_TEST((role("ROLLBACK") == statement_role::rollback));
  BOOST_TEST((role("BEGIN") == statement_role::begin));
  BOOST_TEST((role("XA END X'7831',X'',1") == statement_role::xa));
  BOOST_TEST((role("UPDATE item SET n=1") == statement_role::other));
  BOOST_TEST((read_control_statement("SAVEPOINT `My``S`").savepoint == "my`s"));
  BOOST_TEST((read_control_statement("ROLLBACK TO `s`").savepoint == "s"));
  BOOST_TEST((role("ROLLBACK TO `s`") == statement_role::rollback_to));
  BOOST_TEST((role("SAVEPOINT `s`") == statement_role::savepoint));
}

} // namespace
} // namespace understudy::binlog_test
