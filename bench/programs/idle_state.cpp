// bench_idle_state: the stored state of a node that has many enrolled, idle accounts, as if they had been
// enrolled and activated on it one by one: control documents and what capture knows. The node must be
// stopped.
#include "events/control/control_codec.hpp"
#include "events/control/evolve.hpp"
#include "storage/state/control_store.hpp"
#include "storage/state/local_state.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <iostream>
#include <stdexcept>

using namespace understudy;

namespace {

constexpr std::uint32_t accounts_a_store = 20'000;

struct settings {
  std::string socket;
  std::string home, destination;
  std::uint32_t accounts = 10'000;
  std::uint32_t partitions = 8;
};

template <class T>
T value_of(result<T>&& got) {
  if (!got)
    throw std::runtime_error(got.error().what);
  return std::move(*got);
}
void done(const result<void>& outcome) {
  if (!outcome)
    throw std::runtime_error(outcome.error().what);
}

/// As bench/idle's rows of the registry table have it.
account_id id_of(std::uint32_t number) {
  return account_id(fmt::format("00000000-0000-4000-a000-{:012}", number));
}

std::string document_of(const settings& s, std::uint32_t number, partition_id partition) {
  control_state state;
  std::uint64_t records = 0;
  const auto id = id_of(number);
  const node_name home(s.home);
  const auto say = [&](const std::string& node, account_change_body body) {
    const auto* known = state.account(id);
    control_record record;
    record.from = {node_name(node), incarnation{1}};
    record.id = fmt::format("bench-{}", ++records);
    record.events = {account_change{id, known ? known->version : account_version{}, std::move(body)}};
    const auto outcome = evolve(state, record, state.next());
    if (!outcome.applied || !outcome.events.front().applied)
      throw std::runtime_error("control refuses: " + outcome.why);
  };
  say(s.home, enrolled{fmt::format("user{}@example.test", number), home, partition});
  say(s.home, destination_set{node_name(s.destination), 10});
  say(s.home, activated{epoch{1}, kafka_offset{-1}, sequence{}, ""});
  const auto requested = state.account(id)->destination(node_name(s.destination))->requested;
  say(s.destination, replica_ready{node_name(s.destination), requested,
                                   "11111111-2222-4333-8444-555555555555", sequence{5}});
  return encode_account(*state.account(id));
}

void run(const settings& s) {
  sql_options where;
  where.socket = s.socket;
  where.user = "root";
  where.setup = local_setup();
  auto opened = sql_session::open(where);
  if (!opened)
    throw std::runtime_error(opened.error().what);
  control_store control(*opened);
  auto local = value_of(local_state::open(*opened));
  const auto position = value_of(control.position());
  const auto checkpoint = value_of(local.capture());
  if (!position || !checkpoint)
    throw std::runtime_error("the node has stored nothing yet: start it once, then stop it");
  for (std::uint32_t first = 1; first <= s.accounts; first += accounts_a_store) {
    control_changes changes;
    changes.position = *position;
    std::vector<captured_account> captured;
    for (auto number = first; number <= s.accounts && number < first + accounts_a_store; ++number) {
      const partition_id partition(static_cast<std::int32_t>(number % s.partitions));
      changes.accounts[id_of(number)] = document_of(s, number, partition);
      captured.push_back(
          {id_of(number), mailbox_id(number), epoch{1}, account_role::source, sequence{5}, partition, true});
    }
    done(control.store(changes));
    done(local.store_capture(*checkpoint, captured));
  }
}

} // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app{"Stores the state of a node with many enrolled, idle accounts."};
  app.add_option("--socket", s.socket, "the node's MariaDB")->required();
  app.add_option("--home", s.home, "the node's name")->required();
  app.add_option("--destination", s.destination, "of every account")->required();
  app.add_option("--accounts", s.accounts)->capture_default_str();
  app.add_option("--partitions", s.partitions)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    run(s);
    return 0;
  } catch (const std::exception& failed) {
    std::cerr << "bench_idle_state: " << failed.what() << "\n";
    return 1;
  }
}
