#include "cli/account_list.hpp"
#include "cli/printable.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

std::vector<std::string> names(const account_list& list) {
  std::vector<std::string> all;
  for (const auto& account : list.accounts)
    all.push_back(account.name + ":" + std::to_string(account.place));
  return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_file_may_have_crlf_a_byte_order_mark_blank_lines_and_comments) {
  auto list = parse_account_file("\xef\xbb\xbf"
                                 "a@x\r\n\r\n# b@x\n  c@x \nd@x");
  BOOST_REQUIRE(list);
  BOOST_TEST(list->bad.empty());
  BOOST_TEST((names(*list) == std::vector<std::string>{"a@x:1", "c@x:4", "d@x:5"}));
}

BOOST_AUTO_TEST_CASE(bad_lines_are_reported_with_their_numbers) {
  auto list = parse_account_file("a@x\nnobody\na@x\njohn*@x\n");
  BOOST_REQUIRE(list);
  BOOST_TEST((names(*list) == std::vector<std::string>{"a@x:1"}));
  BOOST_TEST(describe(list->bad, "line") ==
             "line 2: \"nobody\" is neither an address (user@domain) nor a UUID; line 3: \"a@x\" was already "
             "named in line 1; line 4: \"john*@x\" is a pattern: name each account");
}

BOOST_AUTO_TEST_CASE(an_empty_a_binary_and_an_endless_file_are_refused) {
  BOOST_TEST(parse_account_file("").error().what == "names no account");
  BOOST_TEST(parse_account_file("\n# nothing\n\n").error().what == "names no account");
  BOOST_TEST(parse_account_file(std::string_view("\x7f"
                                                 "ELF\0\0",
                                                 6))
                 .error()
                 .what == "is binary, not a list of accounts");
}

BOOST_AUTO_TEST_CASE(as_many_lines_as_a_command_may_name_are_read_and_one_more_is_refused) {
  std::string text;
  for (std::size_t i = 0; i < most_accounts; ++i)
    text += "u" + std::to_string(i) + "@customer.tld\n";
  auto list = parse_account_file(text);
  BOOST_REQUIRE(list);
  BOOST_TEST(list->accounts.size() == most_accounts);
  BOOST_TEST(parse_account_file(text + "one@more.tld\n").error().what == "names more than 50000 accounts");
}

BOOST_AUTO_TEST_CASE(hostile_names_are_refused_and_never_steer_the_terminal) {
  using namespace std::string_literals;
  std::vector<std::string> hostile{
      "a\"b@x", "a;b@x", "a@x;drop", "a\0b@x"s, "a\xe2\x80\xae@x", "a\x1b[31m@x",    "a b@x",
      "a@@x",   "@x",    "a@",       "a\xff@x", "a\xc0\xaf@x",     "a\xed\xa0\x80@x"};
  hostile.emplace_back(10'240, 'a');
  for (const auto& name : hostile) {
    auto problem = account_name_problem(name);
    BOOST_TEST(!problem.empty());
    BOOST_TEST(is_printable(problem));
    BOOST_TEST(problem.size() < 300);
  }
  for (const auto& name :
       {"o'brien@x.tld"s, "j\xc3\xbcrgen@x.tld"s, "a+b=c%d@x.tld"s, "6F9619FF-8b86-d011-b42d-00cf4fc964ff"s})
    BOOST_TEST(account_name_problem(name) == "");
}

BOOST_AUTO_TEST_CASE(printable_cuts_between_characters) {
  BOOST_TEST(printable("j\xc3\xbcrgen", 2) == "j…");
  BOOST_TEST(printable("a\nb\xe2\x80\xaf") == "a?b\xe2\x80\xaf");
}
