// The settlement joins Kafka's reports with the lease and writes the ACK (R2, R3, R7, R12, R20; cases P03,
// P06, S05). No Kafka, no MariaDB, no clock: reports come as the test says.
#include "actors/source/settlement.hpp"

#include <boost/test/unit_test.hpp>

#include <future>
#include <set>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

gtid id(std::uint64_t number) {
  return {0, 1, number};
}
binlog_place place(std::uint64_t offset) {
  return {"binlog.000001", offset};
}

/// A settlement whose ACKs are written down, and a lease that counts reports up to a broker time.
struct world {
  explicit world(std::size_t memory = 1000, bool waits_at_start = false)
      : settle({memory, [this](broker_time stamp) { return stamp <= counts_until; },
                [this](const binlog_place& at) { acks.push_back(at.offset); }, [this](double) { ++holds; },
                waits_at_start}) {}

  /// Captures the next transaction, 100 bytes of binlog, with that many slices.
  std::vector<settlement::slice_ptr> capture(std::uint32_t slices) {
    ++captured;
    const auto number = settle.begin(id(captured), place(captured * 100), slices, 100);
    std::vector<settlement::slice_ptr> made;
    for (std::uint32_t i = 0; i < slices; ++i)
      made.push_back(std::make_shared<settlement::slice>(settlement::slice{number}));
    return made;
  }
  void deliver(const settlement::slice_ptr& slice, std::int32_t partition = 0, std::int64_t offset = 0,
               std::int64_t stamp = 0) {
    settle.delivered(slice, {partition_id(partition), kafka_offset(offset), broker_time{stamp}});
  }

  broker_time counts_until{1000};
  std::vector<std::uint64_t> acks;
  unsigned holds = 0;
  std::uint64_t captured = 0;
  settlement settle;
};

using offsets = std::vector<std::uint64_t>;

} // namespace

BOOST_AUTO_TEST_CASE(p03_a_later_confirmation_on_another_partition_acknowledges_nothing) {
  world w;
  const auto a = w.capture(1);
  const auto b = w.capture(1);
  w.deliver(b[0], 2); // b's broker answers, a's is suspended
  BOOST_TEST(w.acks.empty());
  BOOST_TEST(w.settle.settled().empty()); // a restart would read both again
  w.deliver(a[0], 1);
  BOOST_TEST(w.acks == offsets{200}, boost::test_tools::per_element());
  BOOST_TEST(w.settle.settled().text() == "0-1-2");
  BOOST_TEST(w.holds == 2U);
}

BOOST_AUTO_TEST_CASE(r17_a_transaction_of_several_accounts_waits_for_each) {
  world w;
  const auto both = w.capture(2);
  w.deliver(both[0], 1);
  w.deliver(both[0], 1); // the same report again (a redelivery) is no second one
  BOOST_TEST(w.acks.empty());
  w.settle.release(both[1]); // that account became unprotected (R3)
  BOOST_TEST(w.acks == offsets{100}, boost::test_tools::per_element());
  w.deliver(both[1], 2); // its event reaches Kafka all the same, later
  BOOST_TEST(w.settle.unsettled() == 0U);
}

BOOST_AUTO_TEST_CASE(r3_what_concerns_no_protected_account_settles_at_once) {
  world w;
  w.capture(0);
  BOOST_TEST(w.acks == offsets{100}, boost::test_tools::per_element());
  const auto held = w.capture(1);
  w.capture(0); // behind it: waits, for ACKs are cumulative
  BOOST_TEST(w.acks.size() == 1U);
  w.deliver(held[0]);
  BOOST_TEST(w.acks.back() == 300U);
}

BOOST_AUTO_TEST_CASE(r20_reports_without_a_lease_count_only_when_judged_again_under_one) {
  world w;
  w.counts_until = broker_time{-1};
  const auto first = w.capture(1);
  const auto second = w.capture(1);
  w.deliver(first[0], 0, 0, 10);
  w.deliver(second[0], 0, 1, 20);
  BOOST_TEST(w.acks.empty());
  w.settle.judge_again(); // still none
  BOOST_TEST(w.acks.empty());
  w.counts_until = broker_time{15}; // a renewal that vouches for the first one only
  w.settle.judge_again();
  BOOST_TEST(w.acks == offsets{100}, boost::test_tools::per_element());
  w.counts_until = broker_time{100};
  w.settle.judge_again();
  BOOST_TEST(w.acks.back() == 200U);
}

BOOST_AUTO_TEST_CASE(r19_nothing_is_acknowledged_before_leases_and_control_are_read) {
  world w(1000, true);
  w.capture(0);
  const auto own = w.capture(1);
  w.deliver(own[0]);
  w.settle.judge_again();
  BOOST_TEST(w.acks.empty());
  BOOST_TEST(w.settle.settled().text() == "0-1-1"); // a report counts only from then on
  w.settle.begin_acknowledging();
  BOOST_TEST(w.acks == offsets{200}, boost::test_tools::per_element());
  w.capture(0);
  BOOST_TEST(w.acks.back() == 300U);
}

BOOST_AUTO_TEST_CASE(r8_while_commits_are_being_ended_nothing_is_acknowledged_whatever_settles) {
  world w;
  const auto own = w.capture(1);
  w.settle.hold();
  w.deliver(own[0]);
  w.settle.judge_again();
  w.capture(0);
  w.settle.idle_at(place(200));
  w.settle.begin_acknowledging();
  BOOST_TEST(w.acks.empty());
  w.settle.go_on();
  BOOST_TEST(w.acks == offsets{200}, boost::test_tools::per_element());
  w.capture(0);
  BOOST_TEST(w.acks.back() == 300U);
}

/// What settled meanwhile isn't acknowledged: the new connection gets it again, and it is known as the same.
BOOST_AUTO_TEST_CASE(r7_r8_a_reconnect_meanwhile_resumes_from_what_was_acknowledged) {
  world w;
  w.capture(0);
  w.settle.hold();
  w.capture(0);
  const auto closed = w.capture(1);
  w.settle.release(closed[0]);
  const auto from = w.settle.resume();
  BOOST_TEST(from.start.text() == "0-1-1");
  BOOST_TEST((from.outstanding == std::vector<gtid>{id(2), id(3)}));

  world starting(1000, true);
  starting.capture(0);
  BOOST_TEST(starting.settle.resume().start.empty());
  BOOST_TEST((starting.settle.resume().outstanding == std::vector<gtid>{id(1)}));
}

BOOST_AUTO_TEST_CASE(o07_capture_that_begins_elsewhere_owes_nothing_to_what_it_read_before) {
  world w;
  const auto lost = w.capture(1);
  auto elsewhere = gtid_position();
  elsewhere.advance(id(70));
  w.settle.begin_at(elsewhere);
  BOOST_TEST(w.settle.resume().start.text() == "0-1-70");
  BOOST_TEST(w.settle.resume().outstanding.empty());
  w.captured = 70;
  const auto next = w.capture(1);
  w.deliver(lost[0]); // of the former place
  BOOST_TEST(w.acks.empty());
  w.deliver(next[0]);
  BOOST_TEST(w.acks == offsets{7100}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(r7_s05_after_a_reconnect_the_same_transactions_keep_their_reports) {
  world w;
  const auto first = w.capture(1);
  const auto second = w.capture(1);
  const auto third = w.capture(1);
  w.deliver(first[0]);
  const auto from = w.settle.resume();
  BOOST_TEST(from.start.text() == "0-1-1"); // settled, never what was merely received
  BOOST_TEST((from.outstanding == std::vector<gtid>{id(2), id(3)}));
  w.deliver(second[0]); // while there is no connection: its ACK is lost
  BOOST_TEST(w.acks.back() == 200U);
  w.settle.read_again(place(200)); // and therefore due again
  BOOST_TEST(w.acks == (offsets{100, 200, 200}), boost::test_tools::per_element());
  w.settle.read_again(place(300));
  BOOST_TEST(w.acks.size() == 3U); // not confirmed yet
  w.deliver(third[0]);
  BOOST_TEST(w.acks.back() == 300U);
}

BOOST_AUTO_TEST_CASE(r7_an_ack_that_a_connection_lost_is_repeated_where_the_server_idles) {
  world w;
  const auto first = w.capture(1);
  w.settle.idle_at(place(100));
  BOOST_TEST(w.acks.empty()); // it waits for Kafka
  w.deliver(first[0]);        // its ACK is lost, and nobody commits, so nothing is read again
  w.settle.idle_at(place(100));
  BOOST_TEST(w.acks == (offsets{100, 100}), boost::test_tools::per_element());
  w.settle.stop();
  w.settle.idle_at(place(100));
  BOOST_TEST(w.acks.size() == 2U);
}

BOOST_AUTO_TEST_CASE(p06_p7_capture_waits_for_room_and_goes_on_with_an_ack) {
  world w(250);
  std::vector<settlement::slice_ptr> slices;
  for (int i = 0; i < 3; ++i) {
    w.settle.wait_for_room(); // 0, 100, 200 bytes outstanding: below the limit
    slices.push_back(w.capture(1)[0]);
  }
  auto waiting = std::async(std::launch::async, [&w] { w.settle.wait_for_room(); });
  w.deliver(slices[1]); // not the oldest: nothing is released, so no room
  BOOST_TEST((waiting.wait_for(50ms) == std::future_status::timeout));
  w.deliver(slices[0]);
  BOOST_TEST((waiting.wait_for(10s) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(p06_stopping_ends_the_wait_for_room_and_all_acks) {
  world w(100);
  const auto held = w.capture(1);
  auto waiting = std::async(std::launch::async, [&w] { w.settle.wait_for_room(); });
  w.settle.stop();
  BOOST_TEST((waiting.wait_for(10s) == std::future_status::ready));
  w.deliver(held[0]);
  BOOST_TEST(w.acks.empty());
}

BOOST_AUTO_TEST_CASE(r7_what_nobody_acknowledged_is_behind_the_checkpoint_and_read_again) {
  world starting(1000, true);
  starting.capture(0); // nobody's: settled at once, and its COMMIT waits
  BOOST_TEST(starting.settle.take_checkpoint().settled.empty());
  starting.settle.begin_acknowledging();
  BOOST_TEST(starting.settle.take_checkpoint().settled.text() == "0-1-1");

  world ending;
  const auto first = ending.capture(1);
  const auto second = ending.capture(1);
  ending.deliver(first[0], 0, 10);
  ending.settle.stop();
  ending.deliver(second[0], 0, 11);
  const auto taken = ending.settle.take_checkpoint();
  BOOST_TEST(taken.settled.text() == "0-1-1");
  BOOST_TEST(taken.read_from.at(partition_id(0)).value == 11);
}

/// From its last part on, a restart found none of an event that travelled in parts, and gave it a further
/// number: its replicas got it twice.
BOOST_AUTO_TEST_CASE(p3_r13_a_checkpoint_reads_from_the_first_part_of_what_isnt_released) {
  world w;
  const auto before = w.capture(2);
  const auto large = w.capture(1);
  w.deliver(before[0], 2, 1);
  w.settle.delivered(large[0], {partition_id(1), kafka_offset(8), broker_time{1}, kafka_offset(4)});
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(1)).value == 4);
  w.deliver(before[1], 2, 2);
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(1)).value == 9);
}

BOOST_AUTO_TEST_CASE(r12_a_checkpoint_reads_from_before_every_event_that_isnt_settled) {
  world w;
  const auto first = w.capture(1);
  const auto second = w.capture(2);
  const auto third = w.capture(1);
  w.deliver(first[0], 1, 10);
  w.deliver(second[0], 2, 5);
  w.deliver(third[0], 1, 11);
  const auto taken = w.settle.take_checkpoint();
  BOOST_TEST(taken.settled.text() == "0-1-1");
  BOOST_TEST((taken.place == place(100)));
  BOOST_TEST(taken.read_from.at(partition_id(1)).value == 11); // third is held but not settled
  BOOST_TEST(taken.read_from.at(partition_id(2)).value == 5);  // half of second
  w.deliver(second[1], 1, 12);
  const auto later = w.settle.take_checkpoint();
  BOOST_TEST(later.settled.text() == "0-1-3");
  BOOST_TEST(later.read_from.at(partition_id(1)).value == 13);
  BOOST_TEST(later.read_from.at(partition_id(2)).value == 6);
}

BOOST_AUTO_TEST_CASE(
    r12_r20_a_checkpoint_reads_from_before_every_fence_that_what_didnt_count_may_lie_behind) {
  world w;
  const auto first = w.capture(1);
  const auto second = w.capture(1);
  w.deliver(first[0], 1, 10);
  w.counts_until = broker_time{-1};
  w.deliver(second[0], 1, 20); // another's fence may lie between
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(1)).value == 11);
  w.deliver(w.capture(1)[0], 2, 5); // nothing has counted there: what was stored before stands
  BOOST_TEST(!w.settle.take_checkpoint().read_from.contains(partition_id(2)));
  w.counts_until = broker_time{1000};
  w.settle.judge_again();
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(1)).value == 21);
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(2)).value == 6);
}

/// A snapshot's marker tells that it was left out of the log, and lies behind what counted then.
BOOST_AUTO_TEST_CASE(r12_a_checkpoint_reads_what_lies_behind_an_unreleased_slice_that_kafka_lacks) {
  world w;
  const auto held = w.capture(1); // keeps all that follows from being released
  w.settle.release(w.capture(1)[0], partition_id(2));
  w.deliver(w.capture(1)[0], 1, 10);
  w.settle.release(w.capture(1)[0], partition_id(1));
  const auto others = w.capture(2);
  w.deliver(others[0], 1, 30);
  w.deliver(others[1], 2, 40);
  auto from = w.settle.take_checkpoint().read_from;
  BOOST_TEST(from.at(partition_id(1)).value == 10); // held there itself
  BOOST_TEST(!from.contains(partition_id(2)));      // nothing had counted: where an earlier life stored
  w.deliver(held[0], 2, 50);
  from = w.settle.take_checkpoint().read_from;
  BOOST_TEST(from.at(partition_id(1)).value == 31);
  BOOST_TEST(from.at(partition_id(2)).value == 51);
}

BOOST_AUTO_TEST_CASE(r20_r35_a_checkpoint_reads_from_before_the_fence_of_an_epoch_that_ended_meanwhile) {
  world w;
  w.deliver(w.capture(1)[0], 1, 10);
  const auto held = w.capture(1); // keeps all that follows from being released
  w.counts_until = broker_time{-1};
  const auto cut = w.capture(1);
  w.deliver(cut[0], 1, 20);              // the other's fence lies before it
  w.settle.epoch_ended(partition_id(1)); // as that account learns
  w.settle.release(cut[0]);
  w.counts_until = broker_time{1000}; // the claim was returned
  w.deliver(w.capture(1)[0], 1, 30);  // another account's
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(1)).value == 11);
  w.settle.epoch_ended(partition_id(1)); // a further one's fence doesn't lie lower
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(1)).value == 11);
  w.deliver(held[0], 2, 5); // released: nothing of all this is read again
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(1)).value == 31);
}

BOOST_AUTO_TEST_CASE(r20_where_nothing_had_counted_when_an_epoch_ended_what_was_stored_before_stands) {
  world w;
  const auto held = w.capture(1);
  w.settle.epoch_ended(partition_id(1));
  w.deliver(w.capture(1)[0], 1, 30);
  BOOST_TEST(!w.settle.take_checkpoint().read_from.contains(partition_id(1)));
  w.deliver(held[0], 2, 5);
  BOOST_TEST(w.settle.take_checkpoint().read_from.at(partition_id(1)).value == 31);
}
