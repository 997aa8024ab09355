#include "actors/replica/snapshot_loads.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

/// Longer than anything here takes.
constexpr auto deadline = 20s;
const account_id anna("anna");

/// Two loads of one account that end at once, since nobody wants them; but the first is under way until the
/// second was put off twice, or has begun.
class two_loads {
public:
  ~two_loads() {
    loads_.stop();
    pool_.stop();
  }

  void add(const std::string& snapshot) {
    marker_met met;
    met.marker.account = anna;
    met.marker.id = snapshot;
    loads_.add(std::move(met));
  }
  bool wait(const std::function<bool()>& until) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, until);
  }
  snapshot_loads& loads() { return loads_; }

  // What wait() looks at.
  std::vector<std::string> begun;
  std::vector<std::string> ended;
  bool has_overlapped = false;
  bool was_known = false; ///< the second, when the first had ended

private:
  snapshot_loads::options options() {
    snapshot_loads::options o;
    o.is_blocked = [this](const account_id&) {
      note([this] { ++asked_; });
      return false;
    };
    o.prepare = [this](const marker_met& met) { return begin(met.marker.id); };
    o.ended = [this](const marker_met& met, const load_result<account_placement>&) {
      note([&] {
        ended.push_back(met.marker.id);
        if (ended.size() == 1)
          was_known = loads_.has(anna);
      });
    };
    return o;
  }
  load_task begin(const std::string& snapshot) {
    note([&] {
      begun.push_back(snapshot);
      has_overlapped = has_overlapped || ++under_way_ > 1;
    });
    load_task task;
    task.stopping = [this, is_first = snapshot == "first"] {
      if (is_first)
        wait([this] { return asked_ >= 3 || begun.size() == 2; });
      note([this] { --under_way_; });
      return true;
    };
    task.is_superseded = task.is_orphaned = [] { return false; };
    return task;
  }
  void note(const std::function<void()>& change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int asked_ = 0; ///< once for the first
  int under_way_ = 0;
  worker_pool pool_{"loads", 2};
  snapshot_loads loads_{pool_, 2, options()};
};

} // namespace

BOOST_AUTO_TEST_CASE(p3_a_load_waits_for_the_one_before_it_of_its_account) {
  two_loads both;
  both.add("first");
  BOOST_REQUIRE(both.wait([&] { return both.begun.size() == 1; }));
  both.add("second");
  BOOST_REQUIRE(both.wait([&] { return both.ended.size() == 2; }));
  BOOST_TEST(!both.has_overlapped);
  BOOST_TEST(both.begun.back() == "second");
  BOOST_TEST(both.was_known, "the first one's end must not be taken for the second's: a removal would begin");
  BOOST_TEST(!both.loads().has(anna));
}
