// mailsim: a workload like the mail server's on a mailstore's MariaDB, with a record of what each client was
// told.
#include "tests/tools/mailsim/provisioning.hpp"
#include "tests/tools/mailsim/workload.hpp"
#include "tests/tools/record/record_reader.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <iostream>

using namespace understudy;

namespace {

std::atomic<bool> stop_requested = false;

constexpr int ended_server_lost = 4;

struct settings {
  mailsim::workload_options workload;
  std::string record_file;
  std::string continued;
  std::string accounts_file;
  std::string names_file;
  std::string prefix = "user";
  std::string domain = "example.test";
  std::string mix = "full";
  unsigned accounts = 10;
  unsigned first = 1;
  std::uint64_t seed = 1;
  std::uint32_t start_id = 0;
  unsigned delete_mailboxes = 0;
  bool create = false;
};

void declare(CLI::App& app, settings& s) {
  auto& w = s.workload;
  app.add_option("--socket", w.server.socket, "the mailstore's MariaDB")->required();
  app.add_option("--user", w.server.user)->capture_default_str();
  app.add_option("--password", w.server.password);
  app.add_option("--accounts", s.accounts, "how many: PREFIX1@DOMAIN and so on")->capture_default_str();
  app.add_option("--first", s.first, "number of the first of them")->capture_default_str();
  app.add_option("--accounts-file", s.accounts_file, "instead: account names, one a line");
  app.add_option("--prefix", s.prefix)->capture_default_str();
  app.add_option("--domain", s.domain)->capture_default_str();
  app.add_option("--threads", w.threads)->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--seed", s.seed)->capture_default_str();
  app.add_option("--transactions", w.transactions, "end after so many over all accounts");
  app.add_option("--duration", w.duration_seconds, "end after so many seconds")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--rate", w.rate, "transactions/s over all threads; default: as fast as they go")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--reconnect", w.reconnect_seconds, "seconds to try again when the server is lost")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--mix", s.mix)->check(CLI::IsMember({"full", "deliver-only"}))->capture_default_str();
  app.add_flag("--create", s.create, "make the mailboxes that aren't there");
  app.add_option("--start-id", s.start_id, "mailbox ids from here on (raises next_mailbox_id)");
  app.add_option("--delete-mailboxes", s.delete_mailboxes,
                 "at the end, delete the last N accounts' mailboxes");
  app.add_option("--names", s.names_file, "write the accounts' names here, one a line");
  auto* record = app.add_option("--record", s.record_file, "a new record of what each client was told");
  app.add_option("--continue", s.continued, "go on with this record and its accounts, e.g. after a promotion")
      ->excludes(record);
  app.add_flag("!--quiet", w.progress, "no progress lines");
}

std::vector<std::string> account_names(const settings& s) {
  std::vector<std::string> names;
  if (s.accounts_file.empty()) {
    for (unsigned number = s.first; number < s.first + s.accounts; ++number)
      names.push_back(fmt::format("{}{}@{}", s.prefix, number, s.domain));
    return names;
  }
  std::ifstream in(s.accounts_file);
  if (!in)
    throw std::runtime_error("can't read " + s.accounts_file);
  for (std::string line; std::getline(in, line);)
    if (!line.empty())
      names.push_back(line);
  return names;
}

std::vector<mailsim::account_driver> make_accounts(const settings& s, record::record_writer& record) {
  std::vector<mailsim::account_driver> accounts;
  if (!s.continued.empty()) {
    for (const auto& [id, known] : record::read_record({s.continued}))
      if (known.transactions.empty() || known.transactions.back().operation != "delete_mailbox")
        accounts.emplace_back(known.name, s.seed, known.transactions.size() + 1, record);
    return accounts;
  }
  for (auto& name : account_names(s))
    accounts.emplace_back(std::move(name), s.seed, 1, record);
  return accounts;
}

mailsim::statistics delete_mailboxes(const settings& s, std::vector<mailsim::account_driver>& accounts) {
  mailsim::statistics counted;
  auto sql = mailsim::connect(s.workload.server);
  for (unsigned count = 0; count < s.delete_mailboxes && !accounts.empty(); ++count, accounts.pop_back()) {
    const auto result = accounts.back().remove(sql);
    (result.told == record::outcome::ok ? counted.committed : counted.errors) += 1;
    counted.last_error = result.error;
  }
  return counted;
}

int run(settings& s) {
  if (!s.record_file.empty() && std::filesystem::exists(s.record_file))
    throw std::runtime_error("the record " + s.record_file +
                             " exists already: take another name, or --continue it");
  s.workload.mix = s.mix == "full" ? mailsim::all_operations() : mailsim::deliveries();
  record::record_writer record(!s.continued.empty()     ? s.continued
                               : !s.record_file.empty() ? s.record_file
                                                        : "/dev/null");
  auto accounts = make_accounts(s, record);
  mailsim::prepare(s.workload, accounts, s.create, s.start_id);
  if (!s.names_file.empty()) {
    std::ofstream names(s.names_file);
    for (const auto& account : accounts)
      names << account.name() << "\n";
    if (!names.flush())
      throw std::runtime_error("can't write " + s.names_file);
  }
  // Not before: preparing has nothing to bring to an end, and may wait in a COMMIT that nobody acknowledges.
  std::signal(SIGTERM, [](int) { stop_requested = true; });
  std::signal(SIGINT, [](int) { stop_requested = true; });
  mailsim::workload_result result;
  if (s.workload.transactions > 0 || s.workload.duration_seconds > 0)
    result = mailsim::run_workload(s.workload, accounts, stop_requested);
  if (!result.server_lost)
    result.counted.add(delete_mailboxes(s, accounts));
  auto& counted = result.counted;
  std::string last_error;
  record::append_json_string(last_error, counted.last_error);
  std::cout << fmt::format(
      R"({{"accounts":{},"committed":{},"errors":{},"connection_lost":{},"seconds":{:.3f},"per_second":{:.1f},)"
      R"("commit_ms_p50":{:.3f},"commit_ms_p99":{:.3f},"server_lost":{},"last_error":{}}})"
      "\n",
      accounts.size(), counted.committed, counted.errors, counted.lost, result.seconds,
      result.seconds > 0 ? static_cast<double>(counted.committed) / result.seconds : 0.0,
      counted.commit_percentile(0.5), counted.commit_percentile(0.99), result.server_lost, last_error);
  return result.server_lost ? ended_server_lost : 0;
}

} // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app{
      "A workload like the mail server's. Without --transactions and --duration it only prepares.\n"
      "Exit status: 0 done, 1 failed, 4 the server was lost on the way (what was told is in the record)."};
  declare(app, s);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? 0 : 1;
  }
  try {
    return run(s);
  } catch (const std::exception& failed) {
    std::cerr << "mailsim: " << failed.what() << "\n";
    return 1;
  }
}
