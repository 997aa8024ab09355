#include "storage/state/sql_error.hpp"
#include "storage/state/sql_text.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(text_is_written_so_that_no_mode_can_change_it) {
  BOOST_TEST(sql_text("plain") == "'plain'");
  BOOST_TEST(sql_text("O'Neil; DROP TABLE x--") == "'O''Neil; DROP TABLE x--'");
  BOOST_TEST(sql_text("a\\'b") == "_utf8mb4 x'615c2762'");
  BOOST_TEST(sql_text(std::string("a\0b", 3)) == "_utf8mb4 x'610062'");
  BOOST_TEST(sql_text("") == "''");
  BOOST_TEST(sql_bytes(std::string("\0\xff", 2)) == "x'00ff'");
  BOOST_TEST(sql_bytes("") == "''");
  BOOST_TEST(sql_table("d`b", "t") == "`d``b`.`t`");
}

BOOST_AUTO_TEST_CASE(a07_errors_are_sorted_by_what_to_do) {
  BOOST_TEST((classify_sql_error(1213, "") == sql_failure::deadlock));
  BOOST_TEST((classify_sql_error(1205, "") == sql_failure::lock_wait));
  BOOST_TEST((classify_sql_error(2013, "") == sql_failure::connection_lost));
  BOOST_TEST((classify_sql_error(1290, "running with the --read-only option") == sql_failure::read_only));
  BOOST_TEST((classify_sql_error(1290, "running with the --secure-file-priv option") == sql_failure::other));
  BOOST_TEST((classify_sql_error(1026, "Error writing file (Errcode: 28)") == sql_failure::disk_full));
  BOOST_TEST(is_retryable(sql_failure::deadlock));
  BOOST_TEST(!is_retryable(sql_failure::duplicate_key));
  const auto made =
      make_sql_error(1153, "Got a packet bigger than 'max_allowed_packet' bytes", "load account a");
  BOOST_TEST((made.kind == sql_failure::packet_too_large));
  BOOST_TEST(made.what.find("load account a") != std::string::npos);
  BOOST_TEST(!made.todo.empty());
  BOOST_TEST(!made.retryable);
}
