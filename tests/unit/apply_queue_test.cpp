#include "actors/replica/apply_queue.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

const account_id anna("anna"), bert("bert"), carla("carla");

queued_event event(const account_id& account, std::uint64_t number, std::size_t bytes = 100,
                   std::uint64_t term = 1) {
  auto made = std::make_shared<transaction_event>();
  made->account = account;
  made->term = epoch(term);
  made->number = sequence(number);
  return {made, kafka_offset(static_cast<std::int64_t>(number * 10)), bytes};
}

struct queue_of_two {
  apply_queue queue{
      apply_queue::limits{.lanes = 1, .events = 4, .bytes = 1000, .gather = 0us, .again = 1000ms}};
  apply_queue::time_point now{};

  queue_of_two() {
    for (const auto& account : {anna, bert})
      queue.open({account, mailbox_id(1), 1, 0, nullptr}, {epoch(1), sequence(0), kafka_offset(0)});
  }
  void push(const account_id& account, std::uint64_t from, std::uint64_t to) {
    for (auto n = from; n <= to; ++n)
      queue.push(account, event(account, n));
  }
  bool finish(const account_id& account, std::uint64_t applied, bool stopped = false) {
    return queue.finish({account, sequence(applied), kafka_offset(static_cast<std::int64_t>(applied * 10)),
                         stopped ? std::optional(error{"poison", {}, false}) : std::nullopt});
  }
  bool wait(const account_id& account, std::uint64_t applied) {
    return queue.wait({account, sequence(applied), kafka_offset(static_cast<std::int64_t>(applied * 10)),
                       error{"volume 7 has no counterpart", {}, true}},
                      now);
  }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(r41_many_accounts_share_a_batch_up_to_its_limit, queue_of_two) {
  push(anna, 1, 2);
  push(bert, 1, 6);
  const auto first = queue.take(0, now);
  BOOST_REQUIRE(first.batches.size() == 2u);
  BOOST_TEST(first.batches[0].events.size() == 2u);
  BOOST_TEST(first.batches[1].events.size() == 2u);
  BOOST_TEST(queue.take(0, now).empty()); // never in two hands
  finish(anna, 2);
  finish(bert, 2);
  BOOST_TEST(queue.idle(anna));
  const auto second = queue.take(0, now);
  BOOST_REQUIRE(second.batches.size() == 1u);
  BOOST_TEST(second.batches[0].events.front().event->number.value == 3u);
}

BOOST_FIXTURE_TEST_CASE(what_was_read_is_told_apart_from_what_was_applied, queue_of_two) {
  BOOST_TEST((queue.read_up_to(anna) == sequence(0)));
  push(anna, 1, 6);
  BOOST_TEST((queue.read_up_to(anna) == sequence(6)));
  (void)queue.take(0, now);
  BOOST_TEST((queue.read_up_to(anna) == sequence(6))); // some of it queued, some in an applier's hands
  finish(anna, 4);
  (void)queue.take(0, now);
  BOOST_TEST((queue.read_up_to(anna) == sequence(6)));
  BOOST_TEST((queue.applied(anna)->number == sequence(4)));
  BOOST_TEST(!queue.read_up_to(carla));
}

BOOST_FIXTURE_TEST_CASE(p8_what_waits_is_as_old_as_the_first_that_is_not_applied, queue_of_two) {
  BOOST_TEST(!queue.oldest_commit_us(anna));
  for (const std::int64_t number : {1, 2, 3, 4, 5}) {
    auto made = std::make_shared<transaction_event>();
    made->account = anna;
    made->term = epoch(1);
    made->number = sequence(static_cast<std::uint64_t>(number));
    made->committed_us = 1000 * number;
    queue.push(anna, queued_event{made, kafka_offset(10 * number), 100});
  }
  BOOST_TEST((queue.oldest_commit_us(anna) == 1000));
  (void)queue.take(0, now);
  BOOST_TEST((queue.oldest_commit_us(anna) == 1000)); // in an applier's hands
  finish(anna, 4);
  BOOST_TEST((queue.oldest_commit_us(anna) == 5000));
  (void)queue.take(0, now);
  finish(anna, 5);
  BOOST_TEST(!queue.oldest_commit_us(anna));
  BOOST_TEST(!queue.oldest_commit_us(carla));
}

BOOST_FIXTURE_TEST_CASE(p7_bytes_count_until_the_applier_is_done, queue_of_two) {
  push(anna, 1, 3);
  BOOST_TEST(queue.bytes() == 300u);
  queue.take(0, now);
  BOOST_TEST(queue.bytes() == 300u);
  finish(anna, 3);
  BOOST_TEST(queue.bytes() == 0u);
  BOOST_TEST(queue.waiting_events() == 0u);
}

BOOST_FIXTURE_TEST_CASE(f01_a_fence_has_its_turn_when_everything_before_it_is_applied, queue_of_two) {
  push(anna, 1, 2);
  const queued_fence fence{epoch(2), node_name("two"), sequence(2), kafka_offset(30), true};
  queue.push(anna, fence);
  queue.push(anna, event(anna, 3, 100, 2));
  const auto before = queue.take(0, now);
  BOOST_TEST(before.fences.empty());
  BOOST_TEST(before.batches.at(0).events.size() == 2u);
  BOOST_TEST(queue.take(0, now).empty());
  finish(anna, 2);
  const auto at = queue.take(0, now);
  BOOST_REQUIRE(at.fences.size() == 1u);
  BOOST_TEST(at.batches.empty());
  queue.finish_fence(anna, fence);
  BOOST_TEST((queue.applied(anna) == replay_point{epoch(2), sequence(2), kafka_offset(31)}));
  BOOST_TEST(queue.take(0, now).batches.at(0).events.front().event->number.value == 3u);
}

BOOST_FIXTURE_TEST_CASE(p7_withdrawing_says_from_where_to_read_again, queue_of_two) {
  push(anna, 1, 6);
  queue.take(0, now); // 1 to 4
  BOOST_TEST((queue.withdraw(anna) == replay_point{epoch(1), sequence(4), kafka_offset(40)}));
  finish(anna, 4);
  BOOST_TEST(queue.idle(anna));
  push(anna, 5, 5);
  BOOST_TEST(queue.take(0, now).batches.at(0).events.front().event->number.value == 5u);
}

BOOST_FIXTURE_TEST_CASE(p6_an_account_that_met_a_lock_leaves_the_lane_to_the_others, queue_of_two) {
  push(anna, 1, 2);
  push(bert, 1, 2);
  const auto stuck = queue.take(0, now);
  queue.give_back(stuck, now);
  BOOST_TEST(queue.take(0, now).empty()); // both are suspects now, tried one by one in the lane behind
  const auto one = queue.take(1, now);
  BOOST_REQUIRE(one.alone);
  BOOST_REQUIRE(one.batches.size() == 1u);
  BOOST_TEST(one.batches[0].events.size() == 2u);
  queue.give_back(one, now); // the culprit: waits
  const auto other = queue.take(1, now);
  BOOST_REQUIRE(other.batches.size() == 1u);
  BOOST_TEST((other.batches[0].where.account != one.batches[0].where.account));
  const auto innocent = other.batches[0].where.account;
  finish(innocent, 2);
  push(innocent, 3, 3);
  BOOST_TEST(queue.take(0, now).batches.size() == 1u); // back in its lane
  BOOST_TEST(queue.take(1, now).empty());
  BOOST_TEST(queue.delayed().size() == 1u);
  BOOST_TEST((queue.next_try(1) == now + 1000ms));
  BOOST_TEST(queue.take(1, now + 1000ms).batches.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(r41_after_a_batch_given_back_the_order_stands, queue_of_two) {
  push(anna, 1, 6);
  queue.give_back(queue.take(0, now), now);
  BOOST_TEST((queue.applied(anna) == replay_point{epoch(1), sequence(0), kafka_offset(0)}));
  const auto again = queue.take(1, now + 1000ms);
  BOOST_TEST(again.batches.at(0).events.front().event->number.value == 1u);
  finish(anna, 4);
  BOOST_TEST(queue.take(0, now).batches.at(0).events.front().event->number.value == 5u);
}

BOOST_FIXTURE_TEST_CASE(p6_a_poison_event_stops_its_account_alone_until_it_is_opened_again, queue_of_two) {
  push(anna, 1, 3);
  push(bert, 1, 1);
  queue.take(0, now);
  finish(anna, 1, true);
  finish(bert, 1);
  push(anna, 4, 4);
  BOOST_TEST(queue.take(0, now).empty());
  BOOST_TEST(!queue.idle(anna)); // positions don't pass what failed
  BOOST_TEST((queue.withdraw(anna) == replay_point{epoch(1), sequence(1), kafka_offset(10)}));
  queue.open({anna, mailbox_id(1), 1, 0, nullptr}, {epoch(1), sequence(1), kafka_offset(10)});
  push(anna, 2, 2);
  BOOST_TEST(queue.take(0, now).batches.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(p6_an_account_that_waits_for_a_volume_is_tried_again_and_holds_up_nobody,
                        queue_of_two) {
  push(anna, 1, 3);
  push(bert, 1, 1);
  queue.take(0, now);
  BOOST_TEST(wait(anna, 1));
  finish(bert, 1);
  BOOST_TEST((queue.applied(anna) == replay_point{epoch(1), sequence(1), kafka_offset(10)}));
  BOOST_TEST((queue.read_up_to(anna) == sequence(3)));
  BOOST_TEST(queue.bytes() == 200u);
  BOOST_TEST(queue.waiting_events() == 2u);
  BOOST_TEST(queue.is_stuck(anna));
  BOOST_TEST((queue.delayed() == std::vector{anna}));
  push(bert, 2, 2);
  const auto others = queue.take(0, now);
  BOOST_REQUIRE(others.batches.size() == 1u);
  BOOST_TEST((others.batches[0].where.account == bert));
  finish(bert, 2);
  BOOST_TEST(queue.take(0, now).empty());
  BOOST_TEST((queue.next_try(0) == now + 1000ms));
  push(bert, 3, 3);
  const auto again = queue.take(0, now + 1000ms); // it needs no transaction of its own
  BOOST_REQUIRE(again.batches.size() == 2u);
  const auto& hers = again.batches[again.batches[0].where.account == anna ? 0 : 1];
  BOOST_TEST((hers.at->applied == sequence(1)));
  BOOST_TEST(hers.events.front().event->number.value == 2u);
  finish(bert, 3);
  finish(anna, 3);
  BOOST_TEST(!queue.is_stuck(anna));
  BOOST_TEST(queue.bytes() == 0u);
}

BOOST_FIXTURE_TEST_CASE(p6_an_account_stops_when_its_volume_has_not_come_for_longer_than_an_announcement,
                        queue_of_two) {
  const auto try_at = [&](std::chrono::milliseconds when, std::uint64_t applied) {
    now = apply_queue::time_point(when);
    BOOST_REQUIRE(queue.take(0, now).batches.size() == 1u);
    return wait(anna, applied);
  };
  push(anna, 1, 2);
  BOOST_TEST(try_at(0s, 0));
  BOOST_TEST(try_at(31s, 0)); // the announcement's pause and something more
  BOOST_TEST(try_at(50s, 1)); // that volume has come, and the next event names another one
  BOOST_TEST(try_at(109s, 1));
  BOOST_TEST(!try_at(110s, 1));
  finish(anna, 1, true);
  BOOST_TEST(queue.take(0, now + 10s).empty());
  BOOST_TEST(!queue.is_stuck(anna));
  BOOST_TEST((queue.applied(anna) == replay_point{epoch(1), sequence(1), kafka_offset(10)}));
  queue.open({anna, mailbox_id(1), 1, 0, nullptr}, {epoch(1), sequence(1), kafka_offset(10)});
  push(anna, 2, 2);
  BOOST_TEST(try_at(111s, 1)); // it was told to try again
}

BOOST_FIXTURE_TEST_CASE(an_account_that_is_closed_while_its_applier_has_it_waits_for_no_volume,
                        queue_of_two) {
  push(anna, 1, 1);
  queue.take(0, now);
  BOOST_TEST(!queue.close(anna));
  BOOST_TEST(!wait(anna, 0));
  BOOST_TEST(!finish(anna, 0, true));
  BOOST_TEST(queue.close(anna));
  BOOST_TEST(queue.bytes() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_closed_account_is_free_when_its_applier_is_done, queue_of_two) {
  push(anna, 1, 1);
  BOOST_TEST(queue.close(bert));
  queue.take(0, now);
  BOOST_TEST(!queue.close(anna));
  push(anna, 2, 2);
  BOOST_TEST(!finish(anna, 1));
  BOOST_TEST(queue.close(anna));
  BOOST_TEST(queue.bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(r41_a_quiet_lane_gathers_and_a_busy_one_or_a_fence_does_not_wait) {
  apply_queue queue{apply_queue::limits{.lanes = 1, .gather = 5ms, .gather_events = 3}};
  queue.open({anna, mailbox_id(1), 1, 0, nullptr}, {epoch(1), sequence(0), kafka_offset(0)});
  apply_queue::time_point now{};
  const auto finish = [&](std::uint64_t applied) {
    queue.finish({anna, sequence(applied), kafka_offset(static_cast<std::int64_t>(applied * 10)), {}});
  };
  queue.push(anna, event(anna, 1));
  BOOST_TEST(queue.take(0, now).batches.size() == 1u); // nothing came before: at once
  finish(1);
  queue.push(anna, event(anna, 2));
  BOOST_TEST(queue.take(0, now + 4ms).empty());
  BOOST_TEST((queue.next_try(0) == now + 5ms));
  BOOST_TEST(queue.take(0, now + 5ms).batches.size() == 1u);
  finish(2);
  for (const std::uint64_t number : {3, 4, 5})
    queue.push(anna, event(anna, number));
  BOOST_TEST(queue.take(0, now + 6ms).batches.size() == 1u); // enough wait
  finish(5);
  queue.push(anna, queued_fence{epoch(2), node_name("two"), sequence(5), kafka_offset(60), true});
  BOOST_TEST(queue.take(0, now + 7ms).fences.size() == 1u); // a promotion waits for it
}

BOOST_AUTO_TEST_CASE(p6_little_shares_one_transaction_and_what_waits_behind_a_lock_goes_to_another_lane) {
  apply_queue queue{apply_queue::limits{.lanes = 2, .gather = 5ms, .overdue = 100ms}};
  for (const auto& account : {anna, bert, carla})
    queue.open({account, mailbox_id(1), 1, 0, nullptr}, {epoch(1), sequence(0), kafka_offset(0)});
  apply_queue::time_point now{};
  queue.push(anna, event(anna, 1));
  queue.push(bert, event(bert, 1));
  BOOST_TEST(queue.take(1, now).empty());
  BOOST_TEST(queue.take(0, now).batches.size() == 2u);
  queue.push(carla, event(carla, 1));
  BOOST_TEST((queue.next_try(1) == now + 105ms)); // the first lane had until then
  BOOST_TEST(queue.take(1, now + 104ms).empty());
  BOOST_TEST(queue.take(1, now + 105ms).batches.size() == 1u);
}

BOOST_AUTO_TEST_CASE(r41_a_backlog_is_spread_over_the_lanes) {
  apply_queue queue{apply_queue::limits{.lanes = 2, .gather_events = 3}};
  for (int i = 0; i < 100; ++i) {
    const account_id account("account" + std::to_string(i));
    queue.open({account, mailbox_id(1), 1, 0, nullptr}, {epoch(1), sequence(0), kafka_offset(0)});
    queue.push(account, event(account, 1));
  }
  BOOST_TEST(queue.take(0, {}).batches.size() > 20u);
  BOOST_TEST(queue.take(1, {}).batches.size() > 20u);
}
