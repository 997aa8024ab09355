#include "tests/tools/mailsim/workload.hpp"

#include "tests/tools/fixture/eventually.hpp"

#include <fmt/format.h>

#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

namespace understudy::mailsim {

namespace {

using clock = std::chrono::steady_clock;
using fixture::sql_client;
using fixture::sql_error;

std::chrono::duration<double> seconds(double count) {
  return std::chrono::duration<double>(count);
}

// What all threads of a run share.
struct shared_run {
  const workload_options& options;
  const std::atomic<bool>& stop;
  clock::time_point start = clock::now();
  std::atomic<std::uint64_t> begun = 0;
  std::atomic<std::uint64_t> committed = 0;
  std::atomic<unsigned> alive = 0;
  std::atomic<bool> server_lost = false;

  bool over() {
    if (stop || (options.duration_seconds > 0 && clock::now() - start >= seconds(options.duration_seconds)))
      return true;
    return options.transactions > 0 && begun.fetch_add(1) >= options.transactions;
  }
};

// Keeps to its share of the rate: the k-th transaction isn't begun before k/rate.
class pace {
public:
  explicit pace(const workload_options& options)
      : interval_(options.rate > 0 ? options.threads / options.rate : 0) {}
  void wait(const std::atomic<bool>& stop) {
    if (interval_.count() == 0)
      return;
    next_ += std::chrono::duration_cast<clock::duration>(interval_);
    fixture::eventually(std::chrono::minutes(1), [&] { return stop || clock::now() >= next_; });
  }

private:
  std::chrono::duration<double> interval_;
  clock::time_point next_ = clock::now();
};

std::optional<sql_client> connect_again(shared_run& run) {
  std::optional<sql_client> sql;
  fixture::eventually(
      std::chrono::duration_cast<std::chrono::milliseconds>(seconds(run.options.reconnect_seconds)), [&] {
        if (run.stop)
          return true;
        try {
          sql = connect(run.options.server);
        } catch (const sql_error&) {
        }
        return sql.has_value();
      });
  return sql;
}

void count(statistics& counted, const drive_result& result, shared_run& run) {
  switch (result.told) {
  case record::outcome::ok:
    counted.committed += 1;
    run.committed += 1;
    counted.commit_microseconds.push_back(static_cast<std::uint32_t>(result.commit_time.count()));
    return;
  case record::outcome::error:
    counted.errors += 1;
    break;
  case record::outcome::lost:
    counted.lost += 1;
    break;
  }
  counted.last_error = result.error;
}

void drive(shared_run& run, std::vector<account_driver*> accounts, unsigned thread, statistics& counted) {
  std::optional<sql_client> sql = connect_again(run);
  seeded_random random(thread);
  pace rate(run.options);
  while (sql && !accounts.empty() && !run.over()) {
    rate.wait(run.stop);
    const auto result = random.pick(accounts)->step(*sql, run.options.mix);
    count(counted, result, run);
    if (result.connection_lost) {
      sql.reset();
      sql = connect_again(run);
    }
  }
  if (!sql && !accounts.empty() && !run.stop)
    run.server_lost = true;
  run.alive -= 1;
}

void show_progress(shared_run& run) {
  std::uint64_t before = 0;
  while (!fixture::eventually(std::chrono::seconds(1), [&] { return run.alive == 0; })) {
    const auto now = run.committed.load();
    if (run.options.progress)
      std::cerr << fmt::format("mailsim: {:5.1f} s  {:>8} committed  {:>6}/s\n",
                               std::chrono::duration<double>(clock::now() - run.start).count(), now,
                               now - before);
    before = now;
  }
}

} // namespace

sql_client connect(const fixture::sql_options& server) {
  sql_client sql(server);
  sql.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  sql.query("SET autocommit=0");
  return sql;
}

void prepare(const workload_options& options, std::vector<account_driver>& accounts, bool create,
             std::uint32_t start_id) {
  auto sql = connect(options.server);
  auto shown = clock::now();
  std::size_t done = 0;
  for (auto& account : accounts) {
    if (!account.load(sql)) {
      if (!create)
        throw sql_error(0, "no mailbox of " + account.name() + " here (--create makes it)");
      const auto made = account.create(sql, start_id);
      if (made.told != record::outcome::ok)
        throw sql_error(0, "creating " + account.name() + ": " + made.error);
    }
    ++done;
    if (options.progress && clock::now() - shown >= std::chrono::seconds(1)) {
      shown = clock::now();
      std::cerr << fmt::format("mailsim: {} of {} mailboxes ready\n", done, accounts.size());
    }
  }
}

workload_result run_workload(const workload_options& options, std::vector<account_driver>& accounts,
                             const std::atomic<bool>& stop) {
  shared_run run{.options = options, .stop = stop};
  std::vector<statistics> parts(options.threads);
  std::vector<std::thread> threads;
  run.alive = options.threads;
  for (unsigned thread = 0; thread < options.threads; ++thread) {
    std::vector<account_driver*> mine;
    for (std::size_t index = thread; index < accounts.size(); index += options.threads)
      mine.push_back(&accounts[index]);
    threads.emplace_back(
        [&run, &parts, thread, mine = std::move(mine)] { drive(run, mine, thread, parts[thread]); });
  }
  show_progress(run);
  workload_result result;
  for (unsigned thread = 0; thread < options.threads; ++thread) {
    threads[thread].join();
    result.counted.add(parts[thread]);
  }
  result.seconds = std::chrono::duration<double>(clock::now() - run.start).count();
  result.server_lost = run.server_lost;
  return result;
}

} // namespace understudy::mailsim
