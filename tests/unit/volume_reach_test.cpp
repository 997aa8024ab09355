// R32: which of a source's volumes a destination reaches, by the rows of both and by what it found there.
#include "actors/supervisor/volume_reach.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

using clauses = std::vector<std::string>;

const node_name source("m1");
const node_name destination("m2");

mailstore_volume central(std::int64_t id, const std::string& name, const std::string& path) {
  mailstore_volume v;
  v.id = id;
  v.name = name;
  v.path = path;
  v.holds_blobs = true;
  v.is_centralised = true;
  return v;
}

/// The same volumes under other numbers, and one that only the destination has.
struct two_mailstores {
  std::vector<mailstore_volume> there{central(1, "message1", "/store"), central(2, "archive", "/archive")};
  std::vector<mailstore_volume> here{central(7, "message1", "/store"), central(8, "archive", "/archive"),
                                     central(9, "spare", "/spare")};
  volume_facts judge(const std::vector<volume_answer>& said) const {
    return judge_volumes(source, there, destination, here, said);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(volume_reach, two_mailstores)

BOOST_AUTO_TEST_CASE(r32_volumes_are_reached_if_the_destination_found_each_of_them) {
  const auto facts = judge({{7, "/store", true, ""}, {8, "/archive", true, ""}});
  BOOST_TEST((facts.reached() == true));
}

BOOST_AUTO_TEST_CASE(r32_one_that_is_not_found_is_named_with_its_path_and_the_reason) {
  const auto facts = judge({{7, "/store", true, ""}, {8, "/archive", false, "No such file or directory"}});
  BOOST_TEST((facts.reached() == false));
  BOOST_TEST((facts.missing == clauses{"volume archive: /archive: No such file or directory"}));
}

BOOST_AUTO_TEST_CASE(r32_what_the_destination_does_not_know_or_say_is_unknown) {
  const auto facts = judge({{7, "/store", std::nullopt, "no answer"}});
  BOOST_TEST(!facts.reached().has_value());
  BOOST_TEST((facts.unknown ==
              clauses{"volume message1: /store: no answer", "volume archive: /archive: m2 doesn't say"}));
  // Its row was changed since the others were told.
  BOOST_TEST(!judge({{7, "/elsewhere", true, ""}, {8, "/archive", true, ""}}).reached().has_value());
}

BOOST_AUTO_TEST_CASE(r32_a_source_that_announced_no_volume_is_not_reached_but_unknown) {
  there.clear();
  const auto facts = judge({{7, "/store", true, ""}});
  BOOST_TEST(!facts.reached().has_value());
  BOOST_TEST((facts.unknown == clauses{"m1 announced no volume that holds blobs"}));
}

BOOST_AUTO_TEST_CASE(r32_where_no_row_has_a_counterpart_all_are_missing) {
  for (auto& volume : here)
    volume.is_centralised = false;
  const auto facts = judge({});
  BOOST_TEST((facts.reached() == false));
  BOOST_TEST((facts.missing ==
              clauses{"volume message1: /store: m2 has no centralised volume of this name and path",
                      "volume archive: /archive: m2 has no centralised volume of this name and path"}));
  // One that has is enough: accounts with blobs on others couldn't have been replicated there.
  here[0].is_centralised = true;
  BOOST_TEST((judge({{7, "/store", true, ""}}).reached() == true));
}

BOOST_AUTO_TEST_SUITE_END()
