// R9: whether a server's history is the one in Kafka.
#include "actors/source/tail_check.hpp"
#include "events/codec/encode.hpp"
#include "events/model/account_event.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

const account_id anna("anna"), bert("bert");

std::shared_ptr<const shape> table(const char* name) {
  auto made = std::make_shared<shape>();
  made->table = "mboxgroup/mail_item";
  column id;
  id.name = "id";
  column subject;
  subject.name = name;
  subject.type = column_type::varchar;
  subject.charset = "utf8mb4";
  made->columns = {id, subject};
  made->key = {0};
  return made;
}
const auto items = table("subject");

std::vector<row_change> rows(std::int64_t id, const std::string& subject,
                             const std::shared_ptr<const shape>& of = items) {
  return {{of, change_kind::insert, false, false, {}, {{0, id}, {1, text_value{subject}}}}};
}

std::string written(const account_id& account, const gtid& id, std::vector<row_change> changes) {
  const auto text =
      encode({{node_name("one"), incarnation(1)},
              transaction_event{account, epoch(1), sequence(7), id, 12345, std::move(changes)}});
  BOOST_REQUIRE(text);
  return *text;
}

struct tail {
  tail_check check;
  const std::vector<row_change> one = rows(1, "one"), two = rows(2, "two");

  tail() {
    check.expect(anna, {0, 1, 10}, written(anna, {0, 1, 10}, one));
    check.expect(bert, {0, 1, 10}, written(bert, {0, 1, 10}, two));
    check.expect(anna, {0, 1, 12}, written(anna, {0, 1, 12}, two));
  }
};

gtid_position position(const char* text) {
  return *gtid_position::parse(text);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(r9_the_same_history_is_recognised_whatever_lies_between, tail) {
  BOOST_TEST(check.missing_behind(position("0-1-12")) == "");
  BOOST_TEST(check.read({0, 1, 9}, {}) == "");
  BOOST_TEST(check.read({0, 1, 10}, {{anna, &one}, {bert, &two}}) == "");
  BOOST_TEST(check.read({5, 1, 700}, {{anna, &one}}) == ""); // of another domain
  BOOST_TEST(check.read({0, 1, 11}, {}) == "");
  BOOST_TEST(!check.done());
  BOOST_TEST(check.read({0, 1, 12}, {{anna, &two}, {bert, &one}}) == ""); // bert's isn't in Kafka yet
  BOOST_TEST(check.done());
}

BOOST_FIXTURE_TEST_CASE(p6_r9_an_account_that_was_removed_meanwhile_proves_nothing, tail) {
  const auto is_bert = [](const account_id& account) { return account == bert; };
  BOOST_TEST(check.read({0, 1, 10}, {{anna, &one}}, is_bert) == "");
  BOOST_TEST(check.read({0, 1, 12}, {}, is_bert) != ""); // anna is captured
}

BOOST_FIXTURE_TEST_CASE(r9_a_server_that_lost_its_tail_is_told_before_anything_is_read, tail) {
  BOOST_TEST(check.missing_behind(position("0-1-11")) ==
             "Kafka has transaction 0-1-12 of account anna, the server's binlog ends before it");
  BOOST_TEST(check.missing_behind(position("5-1-99")) != "");
}

BOOST_FIXTURE_TEST_CASE(r9_the_same_number_with_other_rows_is_another_history, tail) {
  const auto other = rows(1, "onE");
  BOOST_TEST(check.read({0, 1, 10}, {{anna, &other}, {bert, &two}}) ==
             "transaction 0-1-10 changed other rows of account anna here than Kafka has of it");
  BOOST_TEST(check.read({0, 1, 10}, {{anna, &one}}) != ""); // nothing of bert
  const auto altered = rows(1, "one", table("title"));
  BOOST_TEST(check.read({0, 1, 10}, {{anna, &altered}, {bert, &two}}) != "");
}

BOOST_FIXTURE_TEST_CASE(r9_rows_that_cant_be_told_prove_nothing_and_what_follows_is_compared, tail) {
  check.pass_over({0, 1, 9});
  check.pass_over({0, 2, 10}); // another server's
  BOOST_TEST(check.read({0, 1, 11}, {}) != "");
  check.pass_over({0, 1, 10});
  BOOST_TEST(check.read({0, 1, 11}, {}) == "");
  BOOST_TEST(!check.done());
  BOOST_TEST(check.read({0, 1, 12}, {{anna, &one}}) != "");
}

BOOST_FIXTURE_TEST_CASE(r9_a_transaction_that_is_passed_over_is_missed, tail) {
  BOOST_TEST(check.read({0, 1, 11}, {}) ==
             "Kafka has transaction 0-1-10 of account anna where the server's binlog has 0-1-11");
  BOOST_TEST(check.read({0, 2, 10}, {{anna, &one}, {bert, &two}}) != ""); // another server's
}
