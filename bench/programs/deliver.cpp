// bench_deliver: client threads that deliver mail, one delivery a transaction; rate and commit latency as
// JSON.
#include "bench/programs/mailbox_writer.hpp"
#include "bench/programs/samples.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <atomic>
#include <iostream>
#include <thread>

using namespace understudy;
using bench::steady;

namespace {

struct settings {
  std::string socket;
  unsigned clients = 8;
  unsigned accounts = 0;
  double seconds = 5;
  double warm_up = 0.5;
  double rate = 0;
  std::uint64_t transactions = 0;
};

struct shared_run {
  explicit shared_run(const settings& s)
      : options(s) {}
  const settings& options;
  steady::time_point begin = steady::now();
  std::atomic<std::uint64_t> begun = 0;

  steady::time_point after(double seconds) const {
    return begin + std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(seconds));
  }
};

struct counted {
  bench::samples commits; ///< the COMMIT statement alone
  bench::samples whole;   ///< from the first statement on
  std::string error;
};

// The k-th transaction of all isn't begun before k/rate: clients don't fall into step with each other.
bool next_turn(shared_run& run) {
  const auto number = run.begun.fetch_add(1);
  const auto& s = run.options;
  if (s.transactions > 0 && number >= s.transactions)
    return false;
  if (s.rate > 0)
    std::this_thread::sleep_until(run.after(static_cast<double>(number) / s.rate));
  return s.transactions > 0 || steady::now() < run.after(s.warm_up + s.seconds);
}

void drive(shared_run& run, std::vector<bench::mailbox_writer*> mailboxes, counted& result) try {
  fixture::sql_client sql(std::filesystem::path(run.options.socket));
  sql.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  sql.query("SET autocommit=0");
  const auto measured_from = run.after(run.options.transactions > 0 ? 0 : run.options.warm_up);
  const auto measured_to = run.options.transactions > 0
                               ? steady::time_point::max()
                               : run.after(run.options.warm_up + run.options.seconds);
  for (std::size_t turn = 0; next_turn(run); ++turn) {
    const auto start = steady::now();
    mailboxes[turn % mailboxes.size()]->deliver(sql);
    const auto commit = steady::now();
    sql.query("COMMIT");
    const auto end = steady::now();
    if (end < measured_from || end > measured_to)
      continue;
    result.commits.add(end - commit);
    result.whole.add(end - start);
  }
} catch (const std::exception& failed) {
  result.error = failed.what();
}

int run(const settings& s) {
  fixture::sql_client sql(std::filesystem::path(s.socket));
  auto mailboxes = bench::mailbox_writer::load(sql);
  if (s.accounts > 0 && s.accounts < mailboxes.size())
    mailboxes.erase(mailboxes.begin() + s.accounts, mailboxes.end());
  if (mailboxes.size() < s.clients)
    throw std::runtime_error(
        fmt::format("{} mailboxes are too few for {} clients", mailboxes.size(), s.clients));
  std::vector<std::vector<bench::mailbox_writer*>> shares(s.clients);
  for (std::size_t index = 0; index < mailboxes.size(); ++index)
    shares[index % s.clients].push_back(&mailboxes[index]);
  std::vector<counted> results(s.clients);
  shared_run shared(s);
  std::vector<std::thread> threads;
  for (unsigned client = 0; client < s.clients; ++client)
    threads.emplace_back([&, client] { drive(shared, shares[client], results[client]); });
  for (auto& thread : threads)
    thread.join();
  const std::chrono::duration<double> took = steady::now() - shared.begin;
  counted all;
  for (const auto& one : results) {
    all.commits.add(one.commits);
    all.whole.add(one.whole);
    if (!one.error.empty())
      throw std::runtime_error(one.error);
  }
  const auto seconds = s.transactions > 0 ? took.count() : s.seconds;
  const auto count = all.commits.count();
  std::cout << fmt::format(
      R"({{"committed":{},"seconds":{:.3f},"per_second":{:.1f},"commit":{{{}}},"whole":{{{}}}}})"
      "\n",
      count, seconds, static_cast<double>(count) / seconds, all.commits.json_fields(),
      all.whole.json_fields());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app{"Delivers mail to the mailboxes of a mailstore, one delivery a transaction, and prints rate "
               "and latency."};
  app.add_option("--socket", s.socket, "the mailstore's MariaDB")->required();
  app.add_option("--clients", s.clients)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--accounts", s.accounts, "deliver to the first N mailboxes only");
  app.add_option("--seconds", s.seconds, "measured, after --warm-up")->capture_default_str();
  app.add_option("--warm-up", s.warm_up, "seconds that don't count")->capture_default_str();
  app.add_option("--transactions", s.transactions,
                 "instead of a time: so many over all clients, all of them count");
  app.add_option("--rate", s.rate, "deliveries/s over all clients; default: as fast as they go");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(s);
  } catch (const std::exception& failed) {
    std::cerr << "bench_deliver: " << failed.what() << "\n";
    return 1;
  }
}
