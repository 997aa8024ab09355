// The mailstore's schema that tests load is the real one: compared with what was read of a real mailstore.
#include "tests/tools/fixture/mailstore_schema.hpp"
#include "tests/tools/fixture/private_mariadb.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>

using namespace understudy::fixture;

namespace {

std::vector<std::string> expected(const std::string& name) {
  std::ifstream in(fmt::format("{}/tests/data/mailstore/mailstore-{}.tsv", UNDERSTUDY_SOURCE_DIR, name));
  std::vector<std::string> lines;
  std::string line;
  std::getline(in, line); // the header
  while (std::getline(in, line))
    lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> found(const private_mariadb& server, const std::string& sql) {
  std::vector<std::string> lines;
  for (const auto& row : server.query(sql)) {
    std::string line;
    for (const auto& field : row) {
      line += line.empty() ? "" : "\t";
      line += field ? *field : "-";
    }
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

struct loaded {
  loaded() {
    server.load_mailstore();
    server.set_up(group_schema(1));
  }
  private_mariadb server{{.semi_sync = false}};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(mailstore_schema, loaded)

BOOST_AUTO_TEST_CASE(tables_columns_keys_and_foreign_keys_are_the_real_ones) {
  const auto columns = expected("columns");
  const auto loaded_columns = found(
      server, "SELECT table_schema, table_name, ordinal_position, column_name, column_type, is_nullable, "
              "character_set_name, collation_name, column_default, NULLIF(extra,'') "
              "FROM information_schema.columns WHERE table_schema IN ('zimbra','mboxgroup1')");
  BOOST_TEST(loaded_columns == columns, boost::test_tools::per_element());

  const auto indexes = expected("indexes");
  const auto loaded_indexes = found(
      server,
      "SELECT table_schema, table_name, index_name, IF(non_unique,'-','unique'), "
      "GROUP_CONCAT(column_name, IF(sub_part IS NULL,'',CONCAT('(',sub_part,')')) ORDER BY seq_in_index) "
      "FROM information_schema.statistics WHERE table_schema IN ('zimbra','mboxgroup1') GROUP BY 1,2,3,4");
  BOOST_TEST(loaded_indexes == indexes, boost::test_tools::per_element());

  const auto keys = expected("foreign-keys");
  const auto loaded_keys = found(
      server, "SELECT k.table_schema, k.table_name, GROUP_CONCAT(k.column_name ORDER BY k.ordinal_position), "
              "CONCAT(k.referenced_table_schema,'.',k.referenced_table_name), "
              "GROUP_CONCAT(k.referenced_column_name ORDER BY k.ordinal_position), r.delete_rule "
              "FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r "
              "ON r.constraint_schema=k.constraint_schema AND r.constraint_name=k.constraint_name "
              "AND r.table_name=k.table_name WHERE k.table_schema IN ('zimbra','mboxgroup1') "
              "AND k.referenced_table_name IS NOT NULL "
              "GROUP BY k.table_schema, k.table_name, k.constraint_name");
  BOOST_TEST(loaded_keys == keys, boost::test_tools::per_element());
  BOOST_TEST(server.value("SELECT engine FROM information_schema.tables WHERE table_name='service_status'") ==
             "MyISAM");
}

BOOST_AUTO_TEST_CASE(hosts_have_the_same_volumes_under_other_ids) {
  private_mariadb other({.semi_sync = false});
  other.load_mailstore(2);
  const std::string by_name = "SELECT name, path, type, metadata FROM zimbra.volume ORDER BY name";
  BOOST_TEST(found(server, by_name) == found(other, by_name), boost::test_tools::per_element());
  BOOST_TEST(server.value("SELECT message_volume_id FROM zimbra.current_volumes") !=
             other.value("SELECT message_volume_id FROM zimbra.current_volumes"));
}

BOOST_AUTO_TEST_SUITE_END()
