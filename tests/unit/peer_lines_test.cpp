// Whoever doesn't answer holds up only what it is asked itself (P8).
#include "actors/supervisor/peer_lines.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>

using namespace understudy;

namespace {

constexpr std::chrono::seconds patience{20};
const node_name dead("mailstore1"), living("mailstore2");

struct silent_node {
  /// Asks it once more; it says nothing before let_go().
  void ask() {
    lines.submit(dead, [this] {
      ++begun;
      end.wait();
      ++ended;
    });
  }
  void let_go() { over.set_value(); }

  std::promise<void> over;
  std::shared_future<void> end = over.get_future().share();
  std::atomic<unsigned> begun{0}, ended{0};
  peer_lines lines; // the first to go: its threads are joined
};

} // namespace

BOOST_FIXTURE_TEST_CASE(p8_a_question_waits_for_none_to_another_node, silent_node) {
  constexpr unsigned questions = 3 * peer_lines::at_once;
  for (unsigned i = 0; i < questions; ++i)
    ask();
  std::promise<void> told;
  lines.submit(living, [&] { told.set_value(); });
  BOOST_TEST((told.get_future().wait_for(patience) == std::future_status::ready));
  BOOST_TEST(ended == 0u);
  let_go();
  BOOST_TEST(fixture::eventually(patience, [&] { return ended == questions; }));
}

BOOST_FIXTURE_TEST_CASE(a_silent_node_takes_so_many_threads_and_no_more, silent_node) {
  for (unsigned i = 0; i < peer_lines::at_once + 1; ++i)
    ask();
  BOOST_TEST(fixture::eventually(patience, [&] { return begun == peer_lines::at_once; }));
  std::promise<void> told; // there was time for one more to begin
  lines.submit(living, [&] { told.set_value(); });
  BOOST_TEST((told.get_future().wait_for(patience) == std::future_status::ready));
  BOOST_TEST(begun == peer_lines::at_once);
  let_go();
  BOOST_TEST(fixture::eventually(patience, [&] { return ended == peer_lines::at_once + 1; }));
}
