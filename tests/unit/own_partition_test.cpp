// R11, R12: what counts of one's own records when a source takes up its numbering.
#include "actors/source/own_partition.hpp"
#include "events/codec/encode.hpp"
#include "events/codec/parts.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

const account_id anna("anna");
const node_name self("mailstore1"), other("mailstore2");

struct partition {
  partition() { settled.advance({0, 1, 50}); }
  /// anna is a source here in this epoch, and wrote up to `last` as far as the checkpoint knows.
  void source(std::uint64_t term, std::uint64_t last) {
    accounts[anna] = {
        anna, mailbox_id(1), partition_id(0), epoch(term), account_role::source, sequence(last), true, {}};
  }
  void read(const account_event& event) {
    const auto payload = encode(event);
    BOOST_REQUIRE(payload);
    const kafka_offset here(next++);
    line.take({partition_id(0), here, anna.value, *payload, broker_time(1)}, accounts, tail, fences);
  }
  void wrote(const node_name& node, std::uint64_t life, std::uint64_t term, std::uint64_t number,
             std::uint64_t transaction) {
    read({{node, incarnation(life)},
          transaction_event{anna, epoch(term), sequence(number), {0, 1, transaction}, 0, {}}});
  }
  void snapshot(std::uint64_t life, std::uint64_t term, std::uint64_t number, std::uint64_t transaction) {
    snapshot_event marker{anna, epoch(term), sequence(number), "view", partition_id(0), kafka_offset(0)};
    marker.last_id = gtid{0, 1, transaction};
    read({{self, incarnation(life)}, std::move(marker)});
  }
  void fence(const node_name& node, std::uint64_t term) {
    read({{node, incarnation(1)}, fence_event{anna, epoch(term), kafka_offset(9), true}});
  }
  void begins(const node_name& node, std::uint64_t life) {
    read({{node, incarnation(life)}, incarnation_event{}});
  }
  std::uint64_t last() const { return accounts.at(anna).last.value; }
  std::size_t known() const { return accounts.at(anna).known.size(); }

  gtid_position settled;
  own_partition line{self, incarnation(7), settled};
  std::map<account_id, known_account> accounts;
  tail_check tail;
  logged_fences fences;
  std::int64_t next = 0;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(r12_reading_begins_with_the_record_before_the_checkpoint, partition) {
  const watermarks now{kafka_offset{10}, kafka_offset{20}};
  BOOST_TEST((line.begin(kafka_offset{15}, now) == kafka_offset{14}));
  BOOST_TEST((line.begin(kafka_offset{10}, now) == kafka_offset{10}));
}

BOOST_FIXTURE_TEST_CASE(a_log_that_ends_before_the_checkpoint_is_read_from_its_beginning, partition) {
  const watermarks now{kafka_offset{10}, kafka_offset{20}};
  BOOST_TEST((line.begin(std::nullopt, now) == kafka_offset{10}));
  BOOST_TEST((line.begin(kafka_offset{5}, now) == kafka_offset{10}));
  BOOST_TEST((line.begin(kafka_offset{20}, now) == kafka_offset{19}));
  BOOST_TEST((line.begin(kafka_offset{21}, now) == kafka_offset{10}));
}

BOOST_FIXTURE_TEST_CASE(r12_what_this_node_wrote_counts_up_to_its_own_record, partition) {
  source(1, 4);
  begins(self, 3);
  wrote(self, 3, 1, 5, 50);
  wrote(self, 3, 1, 6, 51);
  wrote(other, 3, 1, 7, 52);
  begins(self, 4);
  wrote(self, 3, 1, 7, 52); // void: behind a newer life's beginning
  BOOST_TEST(!line.done());
  begins(self, 7);
  BOOST_TEST(line.done());
  BOOST_TEST(last() == 6U);
  BOOST_TEST(known() == 1U); // 5 is settled
}

/// What a process that was killed had in flight landed behind the next one's first event, which a checkpoint
/// begins behind. The process after that took it for what Kafka has: acknowledged, it was in nobody's line.
BOOST_FIXTURE_TEST_CASE(p1_r12_what_landed_late_is_void_though_reading_begins_behind_the_newer_life,
                        partition) {
  source(1, 5);
  wrote(self, 4, 1, 5, 50); // counted; what began its life isn't read
  wrote(self, 3, 1, 6, 51);
  wrote(self, 3, 1, 7, 52);
  begins(self, 7);
  BOOST_TEST(last() == 5U);
  BOOST_TEST(known() == 0U);
}

BOOST_FIXTURE_TEST_CASE(p1_r12_what_lies_before_the_place_that_was_kept_may_be_void_itself, partition) {
  source(1, 5);
  BOOST_TEST((line.begin(kafka_offset{1}, {kafka_offset{0}, kafka_offset{9}}) == kafka_offset{0}));
  wrote(self, 3, 1, 7, 52); // landed behind the beginning of life 4, which isn't read
  wrote(self, 4, 1, 6, 51);
  begins(self, 7);
  BOOST_TEST(last() == 6U);
  BOOST_TEST(known() == 1U);
}

BOOST_FIXTURE_TEST_CASE(r11_what_landed_behind_the_cut_of_an_earlier_epoch_has_no_number, partition) {
  source(3, 5302); // from which it went on here, in epoch 3
  begins(self, 3);
  wrote(self, 3, 1, 5302, 40);
  fence(other, 2);
  wrote(self, 3, 1, 5303, 41); // in flight when its epoch was ended by a claim
  wrote(self, 3, 1, 5304, 42);
  fence(other, 3); // and back
  begins(self, 7);
  BOOST_TEST(last() == 5302U);
  BOOST_TEST(known() == 0U);
}

BOOST_FIXTURE_TEST_CASE(r11_what_its_own_epoch_wrote_counts_behind_void_records_with_the_same_numbers,
                        partition) {
  source(3, 5302);
  begins(self, 3);
  fence(other, 2);
  wrote(self, 3, 1, 5303, 41);
  wrote(self, 3, 1, 5304, 42);
  fence(other, 3);
  wrote(self, 3, 3, 5303, 51);
  begins(self, 7);
  BOOST_TEST(last() == 5303U);
  BOOST_TEST(known() == 1U);
}

BOOST_FIXTURE_TEST_CASE(r11_an_epoch_whose_role_row_follows_in_the_binlog_counts_too, partition) {
  source(1, 10);
  begins(self, 3);
  wrote(self, 3, 1, 11, 51);
  wrote(self, 3, 3, 20, 60);
  begins(self, 7);
  BOOST_TEST(last() == 20U);
  BOOST_TEST(known() == 2U);
}

/// Kafka refused 5 and 6; the snapshot has them.
BOOST_FIXTURE_TEST_CASE(r11_r16_a_marker_counts_what_the_log_lacks, partition) {
  source(1, 4);
  begins(self, 3);
  snapshot(3, 1, 6, 52);
  begins(self, 4);
  snapshot(3, 1, 9, 55); // void: behind a newer life's beginning
  begins(self, 7);
  BOOST_TEST(last() == 6U);
  const auto& marker = accounts.at(anna).marker;
  BOOST_REQUIRE(!!marker);
  BOOST_TEST((marker->last_id == gtid{0, 1, 52}));
  BOOST_TEST((marker->number == sequence(6)));
}

BOOST_FIXTURE_TEST_CASE(r16_a_marker_of_another_epoch_or_of_what_isnt_read_again_says_nothing, partition) {
  source(3, 5302);
  begins(self, 3);
  snapshot(3, 1, 5303, 51); // void: of an epoch that was cut
  snapshot(3, 3, 5302, 50); // settled
  begins(self, 7);
  BOOST_TEST(last() == 5302U);
  BOOST_TEST(!accounts.at(anna).marker);
}

BOOST_FIXTURE_TEST_CASE(r13_what_came_in_parts_is_known_with_its_first_one, partition) {
  source(4, 7);
  begins(self, 6);
  next = 40;
  const account_event whole{{self, incarnation(6)},
                            transaction_event{anna, epoch(4), sequence(8), {0, 1, 51}, 0, {}}};
  auto text = encode(whole).value();
  text.insert(1, std::string(3000, ' '));
  const auto parts = split(text, whole.from, anna, epoch(4), sequence(8), 1024).value();
  for (const auto& part : parts)
    read({whole.from, part});
  BOOST_REQUIRE(known() == 1U);
  const auto& where = accounts.at(anna).known.begin()->second.where;
  BOOST_TEST((where.first == kafka_offset(40)));
  BOOST_TEST((where.offset == kafka_offset(next - 1)));
}

/// Killed behind its fence, a node that had been a replica two epochs before gave 201 to 300 once more when
/// the account came back to it: its replicas took them for what they had.
BOOST_AUTO_TEST_CASE(p1_r11_a_copy_of_an_earlier_epoch_says_nothing_of_what_was_written_here_since) {
  const auto behind = [](account_role role, std::uint64_t term, std::uint64_t copy_term) {
    known_account account;
    account.role = role;
    account.term = epoch(term);
    account.last = sequence(300);
    replica_record copy;
    copy.term = epoch(copy_term);
    copy.applied = sequence(200);
    note_copy(account, copy);
    return account.last.value;
  };
  BOOST_TEST(behind(account_role::replica, 4, 3) == 300U); // its own role row, behind what it wrote
  BOOST_TEST(behind(account_role::replica, 4, 4) == 200U);
  BOOST_TEST(behind(account_role::replica, 4, 5) == 200U); // an epoch was cut off elsewhere
  BOOST_TEST(behind(account_role::source, 4, 3) == 300U);
  BOOST_TEST(behind(account_role::source, 4, 4) == 300U);
  BOOST_TEST(behind(account_role::source, 4, 5) == 200U);
}
