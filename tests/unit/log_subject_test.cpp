// What a log line says it is about: fields of its own where lines are JSON.
#include "actors/node/log.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

BOOST_AUTO_TEST_CASE(p8_a_line_about_an_account_names_it) {
  BOOST_TEST(subject_of("account 0aa47105-6b0c-4d0b-9d0a-000000000007: active here in epoch 3").account ==
             "0aa47105-6b0c-4d0b-9d0a-000000000007");
  BOOST_TEST(subject_of("account anna is parked: memory").account == "");
  BOOST_TEST(subject_of("accounts without an enrolment can't be counted now: x").account == "");
  BOOST_TEST(subject_of("the account anna: x").account == "");
  BOOST_TEST(subject_of("account ").account == "");
}

/// A void record and a snapshot that failed concern an account as much as what happens to it alone.
BOOST_AUTO_TEST_CASE(p8_a_line_that_begins_otherwise_names_its_account_too) {
  const std::string id = "0aa47105-6b0c-4d0b-9d0a-000000000007";
  BOOST_TEST(subject_of("control, offset 7: event 0 of ms1 is void: account " + id + ": it isn't enrolled")
                 .account == id);
  BOOST_TEST(subject_of("snapshot s-1 of account " + id + " failed: its source is away").account == id);
  BOOST_TEST(
      subject_of("Kafka has transaction 0-1-9 of account " + id + ", its binlog ends before that").account ==
      id);
}

BOOST_AUTO_TEST_CASE(p8_a_line_about_an_operation_names_it) {
  const std::string id = "5a2c8d0e-0d0c-4b57-8d62-0b8a4f0d3c11";
  BOOST_TEST(subject_of("operation " + id + ": over, 3 done, 0 failed").operation == id);
  BOOST_TEST(subject_of("operation " + id + " goes on at ms2").operation == id);
  const auto line = "account a1: active here in epoch 3 (by admin, operation " + id + ")";
  const auto both = subject_of(line);
  BOOST_TEST(both.operation == id);
  BOOST_TEST(both.account == "a1");
  BOOST_TEST(subject_of("an operation is under way").operation == "");
  BOOST_TEST(subject_of("operation ").operation == "");
}
