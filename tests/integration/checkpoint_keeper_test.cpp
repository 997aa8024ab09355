// A checkpoint is stored whole or not at all, and what a failed one had to say is in the next.
#include "actors/node/checkpoint_keeper.hpp"
#include "storage/state/local_state.hpp"
#include "tests/integration/state_server.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

using namespace understudy;
using namespace understudy::state_test;

namespace {

const account_id anna{"anna"}, bert{"bert"};

struct world {
  world()
      : local(with_own_schema()) {
    settlement::options rules;
    rules.counts = [](broker_time) { return true; };
    rules.acknowledge = [](const binlog_place&) {};
    settle = std::make_shared<settlement>(std::move(rules));
    around->settle = settle;
    accounts = std::make_shared<known_accounts>(system, around);
    for (const auto& account : {anna, bert})
      accounts->expect(
          {account, mailbox_id(1), partition_id(3), epoch(1), account_role::source, sequence(4), true, {}});
    keeper.emplace(as_root(local_setup()), settle, accounts, log);
  }
  /// The next transaction is of this account, settled, and Kafka has it at this offset.
  void write(const account_id& account, std::uint64_t number, std::int64_t offset) {
    ++written;
    const auto ticket = settle->begin({0, 1, written}, {"binlog.000001", written * 100}, 1, 100);
    settle->delivered(std::make_shared<settlement::slice>(settlement::slice{ticket}),
                      {partition_id(3), kafka_offset(offset), broker_time{1}});
    accounts->confirmed(account, epoch(1), sequence(number));
  }
  sequence stored_number(const account_id& wanted) {
    sequence found;
    need(need(local_state::open(local)).each_captured([&](const captured_account& account) {
      if (account.account == wanted)
        found = account.number;
    }));
    return found;
  }
  std::optional<capture_checkpoint> stored() { return need(need(local_state::open(local)).capture()); }

  sql_session local;
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::shared_ptr<account_surroundings> around = std::make_shared<account_surroundings>();
  std::shared_ptr<account_log> log = std::make_shared<account_log>(account_log::options{});
  std::shared_ptr<settlement> settle;
  std::shared_ptr<known_accounts> accounts;
  std::optional<checkpoint_keeper> keeper;
  std::uint64_t written = 0;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(r11_r12_a_checkpoint_that_cant_be_stored_leaves_nothing_and_is_made_up_for, world) {
  write(anna, 5, 10);
  keeper->keep();
  BOOST_REQUIRE(stored());
  BOOST_TEST(stored()->settled.text() == "0-1-1");

  server().query("CREATE TRIGGER understudy.full BEFORE UPDATE ON understudy.capture FOR EACH ROW "
                 "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT='disk full'");
  write(anna, 6, 20);
  keeper->keep();
  // With a newer offset than the settled place, a restart wouldn't find in Kafka what it reads again from the
  // binlog, and write it twice.
  BOOST_TEST(stored()->settled.text() == "0-1-1");
  BOOST_TEST(stored()->read_from.at(partition_id(3)).value == 11);
  BOOST_TEST((stored_number(anna) == sequence(5)));

  server().query("DROP TRIGGER understudy.full");
  write(bert, 5, 30);
  keeper->keep();
  BOOST_TEST(stored()->settled.text() == "0-1-3");
  BOOST_TEST(stored()->read_from.at(partition_id(3)).value == 31);
  BOOST_TEST((stored_number(bert) == sequence(5)));
  BOOST_TEST((stored_number(anna) == sequence(6))); // though nothing was written of it since
}
