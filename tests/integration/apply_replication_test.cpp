// Cases as files (tests/data/cases): SQL on the source, then the same rows on the destination.
#include "tests/integration/replicated_pair.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace understudy;
using namespace understudy::apply_test;

namespace {

/// `-- S` and `-- D` begin a section for that side, `-- both` for both group databases (structure), `-- sync`
/// replicates, `-- stops TEXT`: replicating then stops the account with TEXT in its error.
struct step {
  std::string kind;
  std::string argument;
  std::string sql;
};

std::vector<step> read_case(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<step> steps;
  for (std::string line; std::getline(in, line);) {
    const auto word = line.starts_with("-- ") ? line.substr(3, line.find(' ', 3) - 3) : "";
    if (word == "S" || word == "D" || word == "both" || word == "sync" || word == "stops")
      steps.push_back({word, line.size() > 4 + word.size() ? line.substr(4 + word.size()) : "", ""});
    else if (!steps.empty() && !line.starts_with("--"))
      steps.back().sql += line + "\n";
  }
  return steps;
}

std::vector<std::filesystem::path> case_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(UNDERSTUDY_SOURCE_DIR "/tests/data/cases/apply"))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void check_replicated(replicated_pair& pair, const step& expected, bool together) {
  const auto outcome = pair.replicate(together).front();
  if (expected.kind == "stops") {
    BOOST_REQUIRE_MESSAGE(outcome.stopped, "the account should have stopped");
    BOOST_TEST(outcome.stopped->what.find(expected.argument) != std::string::npos, outcome.stopped->what);
    return;
  }
  BOOST_REQUIRE_MESSAGE(!outcome.stopped, (outcome.stopped ? outcome.stopped->what : ""));
  const auto differences = pair.differences();
  BOOST_TEST(differences.empty(), differences);
}

/// A destination that would make numbers of its own, other than the source's (A06).
const std::vector<std::string> own_numbers{"--auto-increment-increment=10", "--auto-increment-offset=3"};

void run_case(const std::filesystem::path& file, bool together) {
  replicated_pair pair(own_numbers);
  const auto steps = read_case(file);
  const bool early = !steps.empty() && steps.front().kind == "both";
  if (early)
    pair.source().set_up("USE mboxgroup7; " + steps.front().sql);
  pair.initialise();
  auto source = pair.source().connect("mboxgroup7");
  for (std::size_t i = early ? 1 : 0; i < steps.size(); ++i) {
    const auto& next = steps[i];
    if (next.kind == "S")
      source.script(next.sql);
    else if (next.kind == "D")
      pair.destination().connect("mboxgroup3").script("SET sql_log_bin=0; " + next.sql);
    else
      check_replicated(pair, next, together);
  }
  // The same rows by a fresh snapshot (same(): "both after live replication and after a fresh snapshot").
  if (steps.empty() || steps.back().kind != "stops") {
    pair.initialise(3);
    const auto differences = pair.differences();
    BOOST_TEST(differences.empty(), differences);
  }
}

} // namespace

BOOST_DATA_TEST_CASE(a_case_replicates_as_one_backlog, case_files(), file) {
  run_case(file, true);
}

BOOST_DATA_TEST_CASE(a_case_replicates_event_by_event, case_files(), file) {
  run_case(file, false);
}
