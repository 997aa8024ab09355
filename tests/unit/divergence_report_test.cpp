// What is kept of a foreign write (R35).
#include "actors/supervisor/divergence_report.hpp"
#include "tests/tools/fixture/temp_dir.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <sstream>

using namespace understudy;

namespace {

foreign_write one_of_each() {
  auto made = std::make_shared<shape>();
  made->table = "mboxgroup/mail_item";
  for (const auto* name : {"id", "subject", "digest", "size"}) {
    column c;
    c.name = name;
    made->columns.push_back(c);
  }
  made->key = {0};
  auto rows = std::make_shared<std::vector<row_change>>();
  rows->push_back({made,
                   change_kind::insert,
                   false,
                   false,
                   {},
                   {{0, std::uint64_t{18446744073709551615U}},
                    {1, text_value{"a \"quoted\"\nsubject"}},
                    {2, bytes_value{std::string("\0\xff", 2)}},
                    {3, null_value{}}}});
  rows->push_back(
      {made, change_kind::update, false, false, {{0, std::int64_t{-7}}}, {{3, literal_value{"1.50"}}}});
  rows->push_back({made, change_kind::remove, false, false, {{0, std::int64_t{8}}}, {}});
  return {account_id("acc"), gtid{0, 1, 42}, rows};
}

} // namespace

BOOST_AUTO_TEST_CASE(r35_a_foreign_write_is_reported_row_by_row) {
  std::istringstream lines(divergence_lines(one_of_each(), 1'700'000'000'123));
  std::vector<boost::json::object> rows;
  for (std::string line; std::getline(lines, line);)
    rows.push_back(boost::json::parse(line).as_object());
  BOOST_REQUIRE(rows.size() == 3u);
  BOOST_TEST(rows[0].at("found") == "2023-11-14T22:13:20.123Z");
  BOOST_TEST(rows[0].at("account") == "acc");
  BOOST_TEST(rows[0].at("gtid") == "0-1-42");
  BOOST_TEST(rows[0].at("table") == "mboxgroup/mail_item");
  BOOST_TEST(rows[0].at("kind") == "insert");
  BOOST_TEST(rows[0].at("row").at("id").as_uint64() == 18446744073709551615U);
  BOOST_TEST(rows[0].at("row").at("subject") == "a \"quoted\"\nsubject");
  BOOST_TEST(rows[0].at("row").at("digest").at("base64") == "AP8=");
  BOOST_TEST(rows[0].at("row").at("size").is_null());
  BOOST_TEST(rows[1].at("key").at("id") == -7);
  BOOST_TEST(rows[1].at("row").at("size") == "1.50");
  BOOST_TEST(rows[2].at("kind") == "delete");
  BOOST_TEST(!rows[2].contains("row"));
}

BOOST_AUTO_TEST_CASE(r35_p7_a_foreign_write_too_large_to_keep_is_one_line_that_says_so) {
  const auto line = divergence_lines({account_id("acc"), gtid{0, 1, 42}, nullptr}, 1'700'000'000'123);
  BOOST_TEST(line == "{\"found\":\"2023-11-14T22:13:20.123Z\",\"account\":\"acc\",\"gtid\":\"0-1-42\","
                     "\"not_kept\":\"its rows are more than [limits] memory allows\"}\n");
}

BOOST_AUTO_TEST_CASE(r35_the_report_grows_and_only_its_owner_reads_it) {
  const fixture::temp_dir dir;
  divergence_report report(dir.path() / "divergence.jsonl");
  BOOST_TEST(report.add("one\n").has_value());
  BOOST_TEST(report.add("two\n").has_value());
  std::ifstream in(report.file());
  std::stringstream text;
  text << in.rdbuf();
  BOOST_TEST(text.str() == "one\ntwo\n");
  using std::filesystem::perms;
  BOOST_TEST(
      (std::filesystem::status(report.file()).permissions() == (perms::owner_read | perms::owner_write)));
}

BOOST_AUTO_TEST_CASE(r35_a_report_that_cannot_be_kept_is_said) {
  divergence_report report("/nowhere/divergence.jsonl");
  const auto kept = report.add("one\n");
  BOOST_REQUIRE(!kept);
  BOOST_TEST(kept.error().what.find("/nowhere/divergence.jsonl can't be opened") == 0u);
}
