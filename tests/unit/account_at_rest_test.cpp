// What an account costs a node while nothing happens to it: a million of them must fit in 2 GB.
#include "actors/source/account.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>
#include <malloc.h>

using namespace understudy;

namespace {

constexpr std::size_t accounts = 4000;
constexpr std::size_t most_bytes = 1500;

/// Confirms everything at once.
class prompt_log final : public account_log {
public:
  prompt_log()
      : account_log(options{}) {}
  void produce(partition_id, account_event_body body, on_delivery done, captured_from) override {
    const auto* transaction = std::get_if<transaction_event>(&body);
    done({transaction != nullptr ? transaction->account : account_id{}, kafka_offset(1), broker_time{1}, {}});
  }
};

/// Of all threads' heaps.
std::size_t bytes_in_use() {
  const auto now = mallinfo2();
  return now.uordblks + now.hblkhd;
}

struct world {
  world() {
    settlement::options rules;
    rules.counts = [](broker_time) { return true; };
    rules.acknowledge = [](const binlog_place&) {};
    around->log = std::make_shared<prompt_log>();
    around->settle = std::make_shared<settlement>(std::move(rules));
    around->confirmed = [this](const account_id&, epoch, sequence) { ++confirmed; };
    config.set("scheduler.max-threads", std::size_t{2});
    system = std::make_unique<caf::actor_system>(config);
    supervisor = system->spawn([this]() -> caf::behavior {
      return {[this](const marker_written&) { ++markers; }, [this](const holds_again&) { ++held_again; }};
    });
    around->supervisor = supervisor;
    all.reserve(accounts);
  }
  ~world() {
    all.clear();
    around.reset();
    caf::anon_send_exit(supervisor, caf::exit_reason::user_shutdown);
    supervisor = {};
  }

  void spawn_all() {
    for (std::size_t i = 0; i < accounts; ++i) {
      account_start start{account_id{fmt::format("00000000-0000-4000-a000-{:012}", i)},
                          epoch(1),
                          sequence(1),
                          {},
                          partition_id(0),
                          true};
      all.push_back(system->spawn<account_actor, caf::lazy_init>(
          std::shared_ptr<const account_surroundings>(around), std::move(start)));
    }
  }
  void capture(const account_handle& account) {
    ++captured;
    const gtid id{0, 1, captured};
    const binlog_place place{"binlog.000001", captured};
    const auto check =
        std::make_shared<settlement::slice>(settlement::slice{around->settle->begin(id, place, 1, 100)});
    tell(account, slice_captured{check, id, place, 0,
                                 std::make_shared<std::vector<row_change>>(std::vector<row_change>(1))});
  }
  void wait_for(const std::atomic<std::size_t>& count, std::size_t wanted) {
    BOOST_REQUIRE(fixture::eventually(std::chrono::seconds(20), [&] { return count == wanted; }));
  }

  std::shared_ptr<account_surroundings> around = std::make_shared<account_surroundings>();
  std::atomic<std::size_t> confirmed{0};
  std::atomic<std::size_t> markers{0};
  std::atomic<std::size_t> held_again{0};
  std::uint64_t captured = 0;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor supervisor;
  std::vector<account_handle> all;
};

} // namespace

BOOST_AUTO_TEST_CASE(an_account_at_rest_takes_at_most_1500_bytes_also_after_it_was_busy) {
  world w;
  const auto before = bytes_in_use();
  w.spawn_all();
  for (const auto& account : w.all)
    w.capture(account);
  w.wait_for(w.confirmed, accounts);
  for (const auto& account : w.all) { // a snapshot with traffic in the middle, protection lost and found
    tell(account, snapshot_opening{"view", std::make_shared<std::promise<binlog_place>>()});
    w.capture(account);
    tell(account, snapshot_opened{"view", {"binlog.000001", w.captured}, partition_id(0), {}, mailbox_id(7)});
    tell(account, settle_unprotected{"refused"});
    w.capture(account);
    tell(account, protect{});
  }
  w.wait_for(w.confirmed, 3 * accounts);
  w.wait_for(w.markers, accounts);
  w.wait_for(w.held_again, accounts);
  BOOST_TEST(w.around->settle->unsettled() == 0u);
  const auto each = (bytes_in_use() - before) / accounts;
  BOOST_TEST_MESSAGE("bytes an account: " << each);
  BOOST_TEST(each <= most_bytes);
}
