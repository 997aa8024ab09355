// Actors that run on the thread that woke them.
#include "actors/source/own_thread_unit.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

#include <atomic>
#include <thread>

using namespace understudy;
using fixture::eventually;

namespace {

constexpr std::chrono::seconds deadline{20};

struct world {
  world() {
    config.set("scheduler.max-threads", std::size_t{2});
    system = std::make_unique<caf::actor_system>(config);
    actor = system->spawn<caf::lazy_init>([this]() -> caf::behavior {
      return {[this](int) {
        ++taken;
        if (std::this_thread::get_id() != mine)
          ++elsewhere;
      }};
    });
  }
  ~world() { caf::anon_send_exit(actor, caf::exit_reason::user_shutdown); }
  void tell(caf::execution_unit& unit) {
    caf::actor_cast<caf::abstract_actor*>(actor)->eq_impl(caf::make_message_id(), nullptr, &unit, 1);
  }
  bool all_taken(int wanted) {
    return eventually(deadline, [&] { return taken == wanted; });
  }

  const std::thread::id mine = std::this_thread::get_id();
  std::atomic<int> taken{0};
  std::atomic<int> elsewhere{0};
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor actor;
};

} // namespace

BOOST_AUTO_TEST_CASE(an_actor_takes_its_messages_on_the_thread_that_woke_it) {
  world w;
  own_thread_unit unit(*w.system);
  for (int i = 1; i <= 3; ++i) {
    w.tell(unit);
    w.tell(unit); // the first has woken it already
    BOOST_TEST(w.taken == 2 * i - 2);
    unit.run();
    BOOST_TEST(w.taken == 2 * i);
  }
  BOOST_TEST(w.elsewhere == 0);
}

BOOST_AUTO_TEST_CASE(what_is_more_than_a_turn_is_left_to_the_workers) {
  world w;
  own_thread_unit unit(*w.system);
  for (int i = 0; i < 1000; ++i)
    w.tell(unit);
  unit.run();
  BOOST_TEST(w.all_taken(1000));
  BOOST_TEST(w.elsewhere > 0);
}

BOOST_AUTO_TEST_CASE(an_actor_that_a_worker_runs_is_not_run_twice) {
  world w;
  own_thread_unit unit(*w.system);
  for (int i = 0; i < 20'000; ++i) {
    if (i % 3 == 0)
      caf::anon_send(w.actor, 1);
    else
      w.tell(unit);
    unit.run();
  }
  BOOST_TEST(w.all_taken(20'000));
}

BOOST_AUTO_TEST_CASE(what_was_woken_and_not_run_is_left_to_the_workers) {
  world w;
  {
    own_thread_unit unit(*w.system);
    w.tell(unit);
  }
  BOOST_TEST(w.all_taken(1));
  BOOST_TEST(w.elsewhere == 1);
}
