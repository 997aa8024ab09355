// Which inserts go as values of a prepared statement, and which only literals can say (R37).
#include "storage/apply/bound_insert.hpp"
#include "tests/unit/apply_model.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::apply_test;

namespace {

/// Forty rows (mailbox_id, c), of two accounts by turns; `content` gives the value of each.
struct forty_rows {
  account_placement first{account_id("first"), mailbox_id(3), 17, 9, std::make_shared<volume_map>()};
  account_placement second{account_id("second"), mailbox_id(4), 17, 9, std::make_shared<volume_map>()};
  std::vector<account_work> batch{{&first, {}}, {&second, {}}};
  std::vector<planned_row> rows;
  planned_statement statement;

  template <class Content>
  forty_rows(column about, Content content) {
    auto table = std::make_shared<shape>();
    table->columns = {column_of(column_type::integer), std::move(about)};
    table->columns.front().name = "mailbox_id";
    auto target = std::make_shared<destination_table>();
    target->sql_name = "`mboxgroup3`.`t`";
    rows.resize(40);
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
      rows[i].account = i % 2;
      rows[i].table = table;
      rows[i].target = target;
      rows[i].after = {{1, content(i)}};
      statement.rows.push_back(&rows[i]);
    }
    statement.expected = rows.size();
  }
  std::optional<bound_insert> bound() const { return bind_insert(statement, batch); }
};

const auto number = [](std::uint32_t i) { return value(std::int64_t{i}); };

} // namespace

BOOST_AUTO_TEST_CASE(r37_rows_of_several_accounts_are_bound_with_their_own_mailbox) {
  const forty_rows rows(column_of(column_type::integer), [](std::uint32_t i) {
    return i < 3 ? value(null_value{}) : value(std::int64_t{-5});
  });
  const auto bound = rows.bound();
  BOOST_REQUIRE(bound);
  BOOST_TEST(bound->statement == "INSERT INTO `mboxgroup3`.`t` (`mailbox_id`,`c`) VALUES (?,?)");
  BOOST_REQUIRE(bound->columns.size() == 2u);
  BOOST_TEST(bound->columns[0].numbers()[0] == 3u);
  BOOST_TEST(bound->columns[0].numbers()[1] == 4u);
  const auto& values = bound->columns[1];
  BOOST_TEST(values.rows() == 40u);
  BOOST_TEST((values.holds() == bound_column::kind::signed_number));
  BOOST_TEST(values.is_null(2));
  BOOST_TEST(!values.is_null(3));
  BOOST_TEST(static_cast<std::int64_t>(values.numbers()[3]) == -5);
}

BOOST_AUTO_TEST_CASE(r37_what_only_a_literal_says_goes_as_text) {
  const auto bound = [](column about, auto content) { return forty_rows(std::move(about), content).bound(); };
  const auto bytes = [](std::uint32_t) { return value(bytes_value{"\xe4"}); };
  const auto text = [](std::uint32_t) { return value(text_value{"a"}); };
  BOOST_TEST(bound(column_of(column_type::blob, "binary"), bytes).has_value());
  BOOST_TEST(!bound(column_of(column_type::varchar, "latin1"), bytes).has_value());
  BOOST_TEST(!bound(column_of(column_type::geometry), bytes).has_value());
  BOOST_TEST(!bound(column_of(column_type::fixed_bytes, "binary"), bytes).has_value());
  BOOST_TEST(bound(column_of(column_type::varchar, "utf8mb4"), text).has_value());
  BOOST_TEST(!bound(column_of(column_type::enumeration, "utf8mb4"), text).has_value());
  const auto real = [](std::uint32_t) { return value(literal_value{"0.1"}); };
  BOOST_TEST(bound(column_of(column_type::real), real).has_value());
  BOOST_TEST(!bound(column_of(column_type::single), real).has_value());
  // Text that isn't all UTF-8: some rows text, some bytes.
  BOOST_TEST(!bound(column_of(column_type::varchar, "utf8mb4"), [](std::uint32_t i) {
                return i == 39 ? value(bytes_value{"\xff"}) : value(text_value{"a"});
              }).has_value());
}

BOOST_AUTO_TEST_CASE(few_rows_and_other_kinds_go_as_text) {
  forty_rows rows(column_of(column_type::integer), number);
  BOOST_TEST(rows.bound().has_value());
  rows.statement.rows.resize(5);
  BOOST_TEST(!rows.bound().has_value());
  forty_rows updates(column_of(column_type::integer), number);
  for (auto& row : updates.rows)
    row.kind = change_kind::update;
  BOOST_TEST(!updates.bound().has_value());
}
