// What a snapshot makes of the fields that MariaDB gives (T06): nothing becomes another value unnoticed.
#include "storage/snapshot/snapshot_columns.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

column number_column(column_type type, bool is_unsigned = false) {
  column made;
  made.name = "n";
  made.type = type;
  made.is_unsigned = is_unsigned;
  return made;
}

} // namespace

BOOST_AUTO_TEST_CASE(p2_fields_of_numbers_are_taken_whole_or_are_an_error) {
  const auto whole = number_column(column_type::big);
  BOOST_TEST((snapshot_value(whole, "-9223372036854775808").value() == value(std::int64_t{INT64_MIN})));
  BOOST_TEST((snapshot_value(whole, std::nullopt).value() == value(null_value{})));
  const auto natural = number_column(column_type::big, true);
  BOOST_TEST((snapshot_value(natural, "18446744073709551615").value() == value(std::uint64_t{UINT64_MAX})));
  const auto members = number_column(column_type::set);
  const auto real = number_column(column_type::real);
  BOOST_TEST((snapshot_value(real, "-1.5").value() == value(literal_value{"-1.5"})));
  for (const auto& [about, field] :
       std::initializer_list<std::pair<column, const char*>>{{whole, ""},
                                                             {whole, "9223372036854775808"},
                                                             {whole, "1 "},
                                                             {natural, "-1"},
                                                             {members, "-9223372036854775808"},
                                                             {real, "1.5x"}}) {
    const auto read = snapshot_value(about, field);
    BOOST_TEST_CONTEXT(field) {
      BOOST_REQUIRE(!read);
      BOOST_TEST(read.error().what.find("for column `n`") != std::string::npos);
    }
  }
}
