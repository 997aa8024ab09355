// What a replica costs a node while nothing happens to its account: its actor, what the reader and the
// appliers keep of it, and its figures.
#include "actors/replica/apply_queue.hpp"
#include "actors/replica/replica_actor.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>
#include <malloc.h>

using namespace understudy;

namespace {

constexpr std::size_t accounts = 4000;
constexpr std::size_t most_actor_bytes = 1500;
constexpr std::size_t most_bytes = 3000;

/// Of all threads' heaps.
std::size_t bytes_in_use() {
  const auto now = mallinfo2();
  return now.uordblks + now.hblkhd;
}

struct idle_sink final : reading_sink {
  void deliver(const account_id&, queued_item) override {}
  void marker(marker_met) override {}
  void halted(const account_id&, halt, error, std::uint64_t) override {}
  std::optional<replay_point> withdraw(const account_id&) override { return std::nullopt; }
  void close(const account_id&) override {}
  bool is_stuck(const account_id&) const override { return false; }
  bool idle(const account_id&) const override { return true; }
  std::size_t backlog(const account_id&) const override { return 0; }
  std::optional<replay_point> applied(const account_id&) const override { return std::nullopt; }
};

struct nothing_decided final : decision_source {
  kafka_offset folded() const override { return kafka_offset(10); }
  answer about(const account_id&) const override { return {}; }
};

account_id account(std::size_t number) {
  return account_id{fmt::format("00000000-0000-4000-a000-{:012}", number)};
}

/// What `make` leaves behind for each account.
template <class Make>
std::size_t bytes_each(Make make) {
  const auto before = bytes_in_use();
  for (std::size_t i = 0; i < accounts; ++i)
    make(account(i));
  return (bytes_in_use() - before) / accounts;
}

} // namespace

BOOST_AUTO_TEST_CASE(p7_a_replica_at_rest_takes_at_most_3000_bytes_of_which_its_actor_has_half) {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system(config);
  replica_side::options options;
  options.system = &system;
  options.sql.socket = "/nowhere";
  options.rules = std::make_shared<const profile>();
  auto services = std::make_shared<replica_services>(options);
  std::vector<caf::actor> actors;
  actors.reserve(accounts);
  const replay_point at{epoch(1), sequence(7), kafka_offset(7)};

  const auto actor = bytes_each([&](const account_id& id) {
    actors.push_back(system.spawn<replica_actor>(services, id, partition_id(0)));
  });
  replica_board board;
  const auto figures = bytes_each([&](const account_id& id) {
    replica_board::entry made;
    made.what.account = id;
    made.what.name = id.value.substr(24) + "@customer.example.com";
    made.now.state = "ready";
    board.add(id, std::move(made));
  });
  apply_queue queue({});
  const auto applying = bytes_each([&](const account_id& id) {
    account_placement where;
    where.account = id;
    queue.open(where, at);
  });
  idle_sink sink;
  nothing_decided decided;
  partition_reading reading(sink, decided, nullptr, {});
  reading.begin(kafka_offset(0), {});
  const auto read = bytes_each([&](const account_id& id) { reading.place(id, at); });

  const auto all = actor + figures + applying + read;
  BOOST_TEST_MESSAGE("bytes a replica: " << all << " (actor " << actor << ", figures " << figures
                                         << ", applying " << applying << ", reading " << read << ")");
  BOOST_TEST(actor <= most_actor_bytes);
  BOOST_TEST(all <= most_bytes);
  for (const auto& each : actors)
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
}
