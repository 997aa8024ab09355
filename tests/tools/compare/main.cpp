// compare: is everything that clients were promised on the promoted mailstore? Are two mailstores' rows the
// same? It knows the record and the servers' sockets, nothing of Understudy.
#include "tests/tools/compare/same.hpp"
#include "tests/tools/compare/server_rows.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iostream>

using namespace understudy;

namespace {

struct settings {
  fixture::sql_options server; ///< of `record`, and A of `same`
  std::string other_socket;
  std::vector<std::filesystem::path> records;
  std::string only;
  std::vector<std::string> names;
  std::vector<std::string> accounts;
  std::vector<std::string> skipped;
  bool quiet = false;
};

std::set<std::string> names_in(const std::string& file) {
  std::set<std::string> names;
  std::ifstream in(file);
  if (!in)
    throw std::runtime_error("can't read " + file);
  for (std::string line; std::getline(in, line);)
    if (!line.empty())
      names.insert(line);
  if (names.empty()) // none would mean all
    throw std::runtime_error(file + " names no accounts");
  return names;
}

std::string json_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const auto& text : texts) {
    list += list.size() > 1 ? "," : "";
    record::append_json_string(list, text);
  }
  return list + "]";
}

struct totals {
  std::uint64_t accounts = 0, acknowledged = 0, refused = 0, present = 0, absent = 0, rows = 0;
  std::uint64_t lost = 0, torn = 0, phantom = 0;
  std::vector<std::string> findings;

  void add(const compare::account_verdict& verdict) {
    constexpr std::size_t most_findings = 20;
    accounts += 1;
    acknowledged += verdict.acknowledged;
    refused += verdict.refused;
    present += verdict.uncertain_present;
    absent += verdict.uncertain_absent;
    rows += verdict.rows_checked;
    lost += verdict.lost.size();
    torn += verdict.torn.size();
    phantom += verdict.phantom.size();
    for (const auto& finding : verdict.findings)
      if (findings.size() < most_findings)
        findings.push_back(finding);
  }
};

int compare_record(const settings& s) {
  const auto record = record::read_record(s.records);
  auto only = s.only.empty() ? std::set<std::string>{} : names_in(s.only);
  only.insert(s.names.begin(), s.names.end());
  fixture::sql_client sql(s.server);
  totals all;
  for (const auto& name : only)
    if (std::none_of(record.begin(), record.end(),
                     [&](const auto& entry) { return entry.second.name == name; }))
      throw std::runtime_error("the record doesn't speak of " + name);
  for (const auto& [id, account] : record)
    if (only.empty() || only.contains(account.name))
      all.add(compare::judge(account, compare::read_account(sql, id, account)));
  if (all.accounts == 0)
    throw std::runtime_error("the record speaks of none of these accounts: nothing was compared");
  std::cout << fmt::format(
      R"({{"accounts":{},"acknowledged":{},"lost":{},"uncertain":{{"present":{},"absent":{}}},)"
      R"("refused":{},"torn":{},"phantom":{},"rows_checked":{},"findings":{}}})"
      "\n",
      all.accounts, all.acknowledged, all.lost, all.present, all.absent, all.refused, all.torn, all.phantom,
      all.rows, json_list(all.findings));
  const bool right = all.lost == 0 && all.torn == 0 && all.phantom == 0;
  std::cerr << fmt::format(
      "compare: {} of {} acknowledged transactions of {} accounts are there ({} rows checked); "
      "lost: {}; uncertain when the connection broke: {} there, {} not{}\n",
      all.acknowledged - all.lost, all.acknowledged, all.accounts, all.rows, all.lost, all.present,
      all.absent, right ? "" : fmt::format("; torn: {}; there although refused: {}", all.torn, all.phantom));
  for (const auto& finding : all.findings)
    std::cerr << "  " << finding << "\n";
  return right ? 0 : 1;
}

int compare_same(const settings& s) {
  fixture::sql_client a(s.server);
  auto options = s.server;
  options.socket = s.other_socket;
  fixture::sql_client b(options);
  std::vector<std::string> differences;
  std::uint64_t rows = 0, count = 0;
  for (const auto& account : s.accounts) {
    auto found = compare::same_account(a, b, account, {s.skipped.begin(), s.skipped.end()});
    rows += found.rows;
    count += found.difference_count;
    for (auto& difference : found.differences)
      differences.push_back(account + ": " + difference);
  }
  std::cout << fmt::format(R"({{"accounts":{},"rows":{},"differences":{},"findings":{}}})"
                           "\n",
                           s.accounts.size(), rows, count, json_list(differences));
  std::cerr << fmt::format("compare: {} rows of {} accounts, {} differences\n", rows, s.accounts.size(),
                           count);
  for (const auto& difference : differences)
    std::cerr << "  " << difference << "\n";
  return count == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app{
      "Compares row by row. Exit status: 0 nothing is missing (the same), 1 something is, 2 it couldn't be "
      "compared."};
  app.require_subcommand(1);
  auto* record = app.add_subcommand("record", "what clients were promised against the promoted mailstore");
  record->add_option("--socket", s.server.socket, "the promoted mailstore's MariaDB")->required();
  record->add_option("--user", s.server.user)->capture_default_str();
  record->add_option("--password", s.server.password);
  record->add_option("--only", s.only, "a file of account names: compare only these");
  record->add_option("--accounts", s.names, "account names, a@x,b@y: compare only these")->delimiter(',');
  record->add_option("records", s.records, "record files of mailsim, in order")->required();
  auto* same = app.add_subcommand("same", "two mailstores' rows of an account, byte for byte");
  std::vector<std::string> sockets;
  same->add_option("--socket", sockets, "A, then B")->required()->expected(2);
  same->add_option("--user", s.server.user)->capture_default_str();
  same->add_option("--password", s.server.password);
  same->add_option("--skip-table", s.skipped, "tables to leave out");
  same->add_option("--account", s.accounts, "account ids (UUID)")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? 0 : 2;
  }
  try {
    if (*record)
      return compare_record(s);
    s.server.socket = sockets.at(0);
    s.other_socket = sockets.at(1);
    return compare_same(s);
  } catch (const std::exception& failed) {
    std::cerr << "compare: " << failed.what() << "\n";
    return 2;
  }
}
