// SQL literals, statements, and what becomes of values on their way to this host.
#include "storage/apply/literal.hpp"
#include "storage/apply/local_shape.hpp"
#include "storage/apply/statement_text.hpp"
#include "tests/unit/apply_model.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace understudy::apply_test;

namespace {

std::string literal(const column& about, const value& content) {
  std::string out;
  append_literal(out, about, content);
  return out;
}

const account_placement where{account_id("acc"), mailbox_id(3), 17, 9,
                              std::make_shared<volume_map>(volume_map{{1, 5}, {2, 6}})};

/// One event of these changes as a plan's statements.
std::vector<std::string> statements(const apply_model& model, std::vector<row_change> changes,
                                    plan_limits limits = {}) {
  transaction_event event;
  event.number = sequence(4);
  event.changes = std::move(changes);
  const std::vector<account_work> batch{{&where, {&event}}};
  const auto plan = make_plan(batch, model.resolver(), limits);
  std::vector<std::string> out;
  for (const auto& refused : plan.refused)
    out.push_back("refused: " + refused.why.what);
  for (const auto& statement : plan.statements)
    out.push_back(statement_text(statement, batch));
  return out;
}

const value no_mailbox = std::int64_t{0};

std::vector<value> item(std::int64_t id, std::int64_t size = 0) {
  return {no_mailbox, id, null_value{}, null_value{}, size, null_value{}};
}

} // namespace

BOOST_AUTO_TEST_CASE(literals_read_the_same_in_every_sql_mode) {
  const auto text = column_of(column_type::varchar, "utf8mb3");
  BOOST_TEST(literal(text, text_value{"it's"}) == "'it''s'");
  BOOST_TEST(literal(text, text_value{"a\\b"}) == "_utf8mb4 x'615c62'");
  BOOST_TEST(literal(text, text_value{std::string("\0a\0", 3)}) == "_utf8mb4 x'006100'");
  BOOST_TEST(literal(column_of(column_type::varchar, "latin1"), bytes_value{"\xe4"}) == "_latin1 x'e4'");
  BOOST_TEST(literal(column_of(column_type::blob, "binary"), bytes_value{std::string("\0\xff", 2)}) ==
             "x'00ff'");
  BOOST_TEST(literal(column_of(column_type::geometry), bytes_value{""}) == "x''");
  BOOST_TEST(literal(text, null_value{}) == "NULL");
  BOOST_TEST(literal(column_of(column_type::big), std::uint64_t{18446744073709551615U}) ==
             "18446744073709551615");
  BOOST_TEST(literal(column_of(column_type::decimal), literal_value{"-0.0001"}) == "-0.0001");
  BOOST_TEST(literal(column_of(column_type::single), literal_value{"0.1"}) == "0.10000000149011612e0");
  BOOST_TEST(literal(column_of(column_type::real), literal_value{"5e-324"}) == "5e-324");
  BOOST_TEST(literal(column_of(column_type::real), literal_value{"-0"}) == "'-0'");
  BOOST_TEST(literal(column_of(column_type::datetime), literal_value{"0000-00-00 00:00:00"}) ==
             "'0000-00-00 00:00:00'");
}

BOOST_AUTO_TEST_CASE(t06_members_go_by_number_and_the_error_value_needs_a_lenient_session) {
  auto about = column_of(column_type::enumeration, "utf8mb4");
  about.members = {"a", "b,'", ""};
  BOOST_TEST(literal(about, text_value{"b,'"}) == "2");
  BOOST_TEST(literal(about, text_value{""}) == "3");
  BOOST_TEST(literal(about, std::uint64_t{0}) == "0");
  BOOST_TEST(needs_lenient_mode(about, std::uint64_t{0}));
  BOOST_TEST(!needs_lenient_mode(about, text_value{""}));
  BOOST_TEST((members_of("enum('a','b,''','')") == about.members));
}

BOOST_AUTO_TEST_CASE(t06_a_set_of_64_members_is_compared_by_its_members_or_unsigned) {
  auto about = column_of(column_type::set, "utf8mb4");
  for (int i = 1; i <= 64; ++i)
    about.members.push_back("s" + std::to_string(i));
  constexpr std::uint64_t first_and_last = 0x8000000000000001U;
  const auto key = [&](std::uint64_t mask) {
    std::string out;
    append_key_literal(out, about, {}, mask);
    return out;
  };
  BOOST_TEST(literal(about, first_and_last) == "9223372036854775809");
  BOOST_TEST(key(first_and_last) == "'s1,s64'");
  BOOST_TEST(key(0) == "''");
  std::string image;
  append_exact_match(image, "`s`", about, first_and_last);
  BOOST_TEST(image == "CAST(`s` AS UNSIGNED) <=> 9223372036854775809");
  about.members.resize(3);
  BOOST_TEST(key(9) == "9"); // of a member that nobody knows
}

BOOST_AUTO_TEST_CASE(a10_an_image_is_compared_byte_by_byte_and_null_safe) {
  std::string out;
  append_exact_match(out, "`ids`", column_of(column_type::blob, "utf8mb3"), text_value{"A"});
  BOOST_TEST(out == "CAST(`ids` AS BINARY) <=> x'41'");
  out.clear();
  append_exact_match(out, "`f`", column_of(column_type::single), literal_value{"0.1"});
  BOOST_TEST(out == "`f` <=> 0.10000000149011612e0");
  out.clear();
  append_exact_match(out, "`x`", column_of(column_type::varchar, "utf8mb3"), null_value{});
  BOOST_TEST(out == "`x` <=> NULL");
  const apply_model model;
  const auto sql = statements(model, {model.described({apply_model::log,
                                                       change_kind::remove,
                                                       false,
                                                       {no_mailbox, std::int64_t{1}, text_value{"x"}},
                                                       {}})});
  BOOST_TEST(sql.at(0) ==
             "DELETE FROM log WHERE `mailbox_id` = 3 AND `n` <=> 1 AND CAST(`ids` AS BINARY) <=> "
             "x'78' LIMIT 1");
}

BOOST_AUTO_TEST_CASE(statements_are_inserts_updates_and_deletes_never_upserts) {
  const apply_model model;
  auto sql =
      statements(model, {model.described({apply_model::item, change_kind::insert, false, {}, item(5)}),
                         model.described({apply_model::item, change_kind::insert, false, {}, item(6, 1)})});
  BOOST_TEST(sql.at(0) == "INSERT INTO item (`mailbox_id`,`id`,`folder`,`name`,`size`,`unread`) VALUES "
                          "(3,5,NULL,NULL,0,NULL),(3,6,NULL,NULL,1,NULL)");
  sql = statements(model,
                   {model.described({apply_model::item, change_kind::update, false, item(5), item(5, 9)})});
  BOOST_TEST(sql.at(0) == "UPDATE item SET `size` = 9 WHERE `mailbox_id` = 3 AND `id` = 5");
  sql = statements(model,
                   {model.described({apply_model::item, change_kind::update, false, item(5), item(5, 9)}),
                    model.described({apply_model::item, change_kind::update, false, item(6), item(6, 8)})});
  BOOST_TEST(sql.at(0) ==
             "UPDATE item t FORCE INDEX (`PRIMARY`) STRAIGHT_JOIN (SELECT NULL AS m,NULL AS k0,NULL AS v0 "
             "FROM DUAL WHERE FALSE UNION ALL VALUES (3,5,9),(3,6,8)) d ON t.`mailbox_id` = d.m AND t.`id` = "
             "d.k0 SET t.`size` = d.v0 WHERE (t.`mailbox_id`,t.`id`) IN ((3,5),(3,6))");
  sql = statements(model, {model.described({apply_model::item, change_kind::remove, false, item(5), {}}),
                           model.described({apply_model::item, change_kind::remove, false, item(6), {}}),
                           model.described({apply_model::item, change_kind::remove, false, item(4), {}})});
  BOOST_REQUIRE(sql.size() == 2u); // ascending keys share a statement: a child may have the higher one
  BOOST_TEST(sql[0] ==
             "DELETE FROM item WHERE (`mailbox_id`,`id`) IN ((3,5),(3,6)) ORDER BY `mailbox_id`,`id`");
  BOOST_TEST(sql[1] == "DELETE FROM item WHERE `mailbox_id` = 3 AND `id` = 4");
}

BOOST_AUTO_TEST_CASE(a08_statements_keep_to_the_limits_and_a_row_that_cant_fit_is_refused_with_both_sizes) {
  const apply_model model;
  std::vector<row_change> changes;
  for (std::int64_t i = 1; i <= 10; ++i)
    changes.push_back(model.described({apply_model::item, change_kind::insert, false, {}, item(i)}));
  plan_limits limits;
  limits.rows = 4;
  BOOST_TEST(statements(model, changes, limits).size() == 3u);
  limits = {};
  limits.bytes = 600; // two rows at the most that each may take
  BOOST_TEST(statements(model, changes, limits).size() == 5u);
  auto large = item(11);
  large[3] = text_value{std::string(100'000, 'x')};
  limits = {};
  limits.max_packet = 50'000;
  const auto refused = statements(
      model, {model.described({apply_model::item, change_kind::insert, false, {}, large})}, limits);
  BOOST_REQUIRE(refused.size() == 1u);
  BOOST_TEST(refused[0].find("max_allowed_packet is 50000") != std::string::npos, refused[0]);
  BOOST_TEST(refused[0].find("it takes 108") != std::string::npos, refused[0]);
}

BOOST_AUTO_TEST_CASE(a04_flags_of_the_source_session_keep_rows_apart) {
  const apply_model model;
  auto off = model.described({apply_model::item, change_kind::insert, true, {}, item(6)});
  const auto on = model.described({apply_model::item, change_kind::insert, false, {}, item(5)});
  BOOST_TEST(statements(model, {on, off}).size() == 2u);
}

BOOST_AUTO_TEST_CASE(zero_copies_of_a_self_pruned_row_are_forgiven_and_a_surplus_one_removed) {
  apply_model model;
  auto pruned = std::make_shared<destination_table>(*model.at(apply_model::tag).target);
  pruned->self_pruned = true;
  transaction_event event;
  event.changes = {model.described({apply_model::tag,
                                    change_kind::insert,
                                    false,
                                    {},
                                    {no_mailbox, std::int64_t{1}, text_value{"t"}, std::int64_t{0}}})};
  const auto plan = make_plan({{&where, {&event}}},
                              [&](const std::shared_ptr<const shape>&,
                                  std::uint32_t) -> result<std::shared_ptr<const destination_table>> {
                                return std::shared_ptr<const destination_table>(pruned);
                              },
                              {});
  BOOST_REQUIRE(plan.statements.size() == 2u);
  BOOST_TEST((plan.statements[0].like().kind == change_kind::remove));
  BOOST_TEST(plan.statements[0].like().forgiven);
  BOOST_TEST((plan.statements[1].like().kind == change_kind::insert));
  BOOST_TEST(!plan.statements[1].like().forgiven);
}

BOOST_AUTO_TEST_CASE(r38_an_update_of_a_self_pruned_row_writes_it_whole_whether_it_is_here_or_not) {
  const apply_model model;
  auto pruned = std::make_shared<destination_table>(*model.at(apply_model::tag).target);
  pruned->self_pruned = true;
  pruned->referenced.clear();
  const auto planned = [&](std::vector<cell> before, std::vector<cell> after) {
    transaction_event event;
    event.changes = {{model.at(apply_model::tag).about, change_kind::update, false, false, std::move(before),
                      std::move(after)}};
    const std::vector<account_work> batch{{&where, {&event}}};
    const auto plan = make_plan(batch,
                                [&](const std::shared_ptr<const shape>&,
                                    std::uint32_t) -> result<std::shared_ptr<const destination_table>> {
                                  return std::shared_ptr<const destination_table>(pruned);
                                },
                                {});
    std::vector<std::string> out;
    for (const auto& statement : plan.statements)
      out.push_back((statement.like().forgiven ? "forgiven: " : "") + statement_text(statement, batch));
    return out;
  };
  using lines = std::vector<std::string>;
  const std::string row = "INSERT INTO tag (`mailbox_id`,`id`,`name`,`unread`) VALUES (3,";
  const value one = std::int64_t{1};
  BOOST_TEST(planned({{1, one}}, {{2, text_value{"t"}}, {3, one}}) ==
                 (lines{"forgiven: DELETE FROM tag WHERE `mailbox_id` = 3 AND `id` = 1", row + "1,'t',1)"}),
             boost::test_tools::per_element());
  // Its key changes: neither the old nor the new one may be left.
  BOOST_TEST(planned({{1, one}}, {{1, std::int64_t{2}}, {2, text_value{"t"}}, {3, one}}) ==
                 (lines{"forgiven: DELETE FROM tag WHERE (`mailbox_id`,`id`) IN ((3,1),(3,2)) ORDER BY "
                        "`mailbox_id`,`id`",
                        row + "2,'t',1)"}),
             boost::test_tools::per_element());
  const lines update{"forgiven: UPDATE tag SET `unread` = 1 WHERE `mailbox_id` = 3 AND `id` = 1"};
  BOOST_TEST(planned({{1, one}}, {{3, one}}) == update, boost::test_tools::per_element());
  pruned->referenced.push_back({0, 1});
  BOOST_TEST(planned({{1, one}}, {{2, text_value{"t"}}, {3, one}}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(r38_a_self_pruned_row_without_a_key_is_known_whole_by_its_before_image) {
  const apply_model model;
  auto pruned = std::make_shared<destination_table>(*model.at(apply_model::log).target);
  pruned->self_pruned = true;
  transaction_event event;
  event.changes = {{model.at(apply_model::log).about,
                    change_kind::update,
                    false,
                    false,
                    {{1, std::int64_t{4}}, {2, null_value{}}},
                    {{2, text_value{"x"}}}}};
  const std::vector<account_work> batch{{&where, {&event}}};
  const auto plan = make_plan(batch,
                              [&](const std::shared_ptr<const shape>&,
                                  std::uint32_t) -> result<std::shared_ptr<const destination_table>> {
                                return std::shared_ptr<const destination_table>(pruned);
                              },
                              {});
  BOOST_REQUIRE(plan.statements.size() == 2u);
  BOOST_TEST(plan.statements[0].like().forgiven);
  BOOST_TEST(statement_text(plan.statements[0], batch) ==
             "DELETE FROM log WHERE `mailbox_id` = 3 AND `n` <=> 4 AND `ids` <=> NULL LIMIT 1");
  BOOST_TEST(statement_text(plan.statements[1], batch) ==
             "INSERT INTO log (`mailbox_id`,`n`,`ids`) VALUES (3,4,'x')");
}
