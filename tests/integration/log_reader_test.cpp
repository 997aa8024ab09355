#include "events/log/partition_reader.hpp"
#include "tests/integration/log_fixture.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>
#include <librdkafka/rdkafka.h>

#include <map>
#include <thread>

using namespace understudy;
using namespace understudy::testing;

namespace {

constexpr std::chrono::milliseconds a_moment{100};

/// Polls until `enough` of what came so far.
template <class Enough>
fetched read_until(partition_reader& reader, Enough&& enough) {
  fetched all;
  const bool done = fixture::eventually(deadline, [&] {
    auto got = reader.poll(1000, a_moment);
    std::ranges::move(got.records, std::back_inserter(all.records));
    std::ranges::move(got.events, std::back_inserter(all.events));
    return enough(all);
  });
  BOOST_REQUIRE(done);
  return all;
}

fetched read_count(partition_reader& reader, std::size_t count) {
  return read_until(reader, [&](const fetched& all) { return all.records.size() >= count; });
}

void fill(const std::string& topic, std::int32_t partition, std::size_t count, std::size_t bytes = 100,
          const kafka_settings& where = settings()) {
  producer_options options;
  options.most_records = 1'000'000;
  options.most_bytes = std::size_t{1} << 30;
  collecting_producer p(options, where);
  for (std::size_t i = 0; i < count; ++i)
    p.produce(topic, partition, std::string(bytes, 'x'), i);
  p.wait_for(count);
}

/// Deletes the records before `offset`, as retention does.
void purge(const std::string& topic, std::int32_t partition, std::int64_t offset) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", kafka().bootstrap().c_str(), nullptr, 0);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = offset;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
  rd_kafka_DeleteRecords(client, &request, 1, nullptr, queue);
  rd_kafka_event_destroy(rd_kafka_queue_poll(queue, 30'000));
  rd_kafka_queue_destroy(queue);
  rd_kafka_DeleteRecords_destroy(request);
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(client);
}

} // namespace

BOOST_AUTO_TEST_CASE(partitions_are_read_in_order_from_given_offsets) {
  create("read", 3);
  for (std::int32_t partition = 0; partition < 3; ++partition)
    fill("read", partition, 300);
  auto reader = partition_reader::open(settings(), "read").value();
  BOOST_REQUIRE(reader->add(partition_id(0), kafka_offset(0)));
  BOOST_REQUIRE(reader->add(partition_id(2), kafka_offset(100)));
  BOOST_TEST(!reader->add(partition_id(2), kafka_offset(0)));
  std::map<std::int32_t, std::int64_t> next = {{0, 0}, {2, 100}};
  for (const auto& r : read_count(*reader, 500).records) {
    BOOST_REQUIRE_EQUAL(r.offset.value, next.at(r.partition.value)++);
    BOOST_TEST(r.key == "key");
    BOOST_TEST(r.payload.size() == 100U);
    BOOST_TEST(r.time.has_value());
  }
  BOOST_TEST((reader->position(partition_id(0)) == kafka_offset(300)));
  const auto range = reader->watermarks_of(partition_id(1), deadline).value();
  BOOST_TEST(range.low.value == 0);
  BOOST_TEST(range.high.value == 300);
  BOOST_TEST(fixture::eventually(deadline, [&] {
    reader->poll(1, std::chrono::milliseconds(0)); // takes the client's statistics, too
    return reader->connected();
  }));

  // Added, removed and sought while it reads.
  BOOST_REQUIRE(reader->add(partition_id(1), kafka_offset(290)));
  BOOST_TEST(read_count(*reader, 10).records.front().offset.value == 290);
  reader->remove(partition_id(1));
  BOOST_TEST(!reader->position(partition_id(1)));
  BOOST_REQUIRE(reader->seek(partition_id(0), kafka_offset(299)));
  BOOST_TEST(read_count(*reader, 1).records.front().offset.value == 299);
}

namespace {

/// A broker of the test's own with one topic, and a reader of it that has read ten records.
struct own_log {
  fixture::private_kafka broker;
  const kafka_settings where{broker.bootstrap(), {}, "test", {}};
  const std::filesystem::path data = broker.dir() / "data-1", backup = broker.dir() / "backup",
                              later = broker.dir() / "later";
  std::unique_ptr<partition_reader> reader = partition_reader::open(where, "own").value();

  own_log() {
    auto admin = topic_admin::open(where).value();
    BOOST_REQUIRE(admin->ensure({{"own", 1, 1, 1, std::chrono::hours(1)}}, deadline));
    write(10);
    BOOST_REQUIRE(reader->add(partition_id(0), kafka_offset(0)));
    read_count(*reader, 10);
  }
  void write(std::size_t count) { fill("own", 0, count, 100, where); }
  void back_up(const std::filesystem::path& to) {
    BOOST_TEST(broker.stop());
    std::filesystem::copy(data, to, std::filesystem::copy_options::recursive);
    broker.restart();
  }
  void back_to(const std::filesystem::path& from, const std::filesystem::path& away) {
    broker.kill9();
    std::filesystem::rename(data, away);
    std::filesystem::rename(from, data);
    broker.restart();
  }
  reader_event told() {
    const auto got = read_until(*reader, [](const fetched& all) { return !all.events.empty(); });
    BOOST_TEST(got.records.empty());
    return got.events.front();
  }
};

} // namespace

/// A Kafka that was restored from a backup, and written by others since, under the place of a reader that
/// lived on: what is there isn't what comes next (P1, C01).
BOOST_FIXTURE_TEST_CASE(p1_c01_what_comes_over_a_new_connection_is_read_on_only_in_the_same_log, own_log) {
  back_up(backup);
  write(5);
  for (const auto& r : read_count(*reader, 5).records) // each once, though the connection is another one
    BOOST_TEST(r.offset.value >= 10);
  BOOST_TEST((reader->position(partition_id(0)) == kafka_offset(15)));
  BOOST_TEST(fixture::eventually(deadline, [&] {
    reader->poll(1, std::chrono::milliseconds(0));
    return reader->is_proven(partition_id(0));
  }));
  back_to(backup, later);
  write(20);
  const auto found = told();
  BOOST_CHECK(found.kind == reader_trouble::replaced);
  BOOST_TEST(found.high.value == 30);
}

/// A place at a log's end is nothing that a broker complains of.
BOOST_FIXTURE_TEST_CASE(c01_a_log_that_lost_its_last_record_alone_is_told, own_log) {
  back_up(backup);
  write(1);
  read_count(*reader, 1);
  back_to(backup, later);
  const auto found = told();
  BOOST_CHECK(found.kind == reader_trouble::truncated);
  BOOST_TEST(found.high.value == 10);
}

BOOST_AUTO_TEST_CASE(a_paused_partition_is_silent_and_goes_on_where_it_was) {
  create("paused", 2);
  fill("paused", 0, 100);
  fill("paused", 1, 100);
  auto reader = partition_reader::open(settings(), "paused").value();
  BOOST_REQUIRE(reader->add(partition_id(0), kafka_offset(0)));
  BOOST_TEST(reader->poll(10, deadline).records.size() <= 10U);
  const auto at = reader->position(partition_id(0)).value();
  reader->pause(partition_id(0));
  BOOST_REQUIRE(reader->add(partition_id(1), kafka_offset(0)));
  for (const auto& r : read_count(*reader, 100).records)
    BOOST_REQUIRE_EQUAL(r.partition.value, 1);
  BOOST_REQUIRE(reader->resume(partition_id(0)));
  const auto rest = read_count(*reader, static_cast<std::size_t>(100 - at.value));
  BOOST_CHECK(rest.records.front().offset == at);
}

BOOST_AUTO_TEST_CASE(c01_an_offset_out_of_range_is_told_and_never_reset) {
  create("ranges", 2);
  fill("ranges", 0, 100);
  fill("ranges", 1, 10);
  purge("ranges", 0, 60);
  auto reader = partition_reader::open(settings(), "ranges").value();
  BOOST_REQUIRE(reader->add(partition_id(0), kafka_offset(20)));
  BOOST_REQUIRE(reader->add(partition_id(1), kafka_offset(500)));
  const auto got = read_until(*reader, [](const fetched& all) { return all.events.size() >= 2; });
  BOOST_TEST(got.records.empty());
  for (const auto& e : got.events) {
    const bool first = e.partition.value == 0;
    BOOST_CHECK(e.kind == (first ? reader_trouble::purged : reader_trouble::truncated));
    BOOST_TEST(e.wanted.value == (first ? 20 : 500));
    BOOST_TEST(e.low.value == (first ? 60 : 0));
    BOOST_TEST(e.high.value == (first ? 100 : 10));
    BOOST_TEST(!e.text.empty());
  }
  BOOST_REQUIRE(reader->seek(partition_id(0), kafka_offset(60)));
  BOOST_TEST(read_count(*reader, 40).records.front().offset.value == 60);
}

BOOST_AUTO_TEST_CASE(a_topic_that_is_missing_is_told_once) {
  auto reader = partition_reader::open(settings(), "missing").value();
  BOOST_REQUIRE(reader->add(partition_id(0), kafka_offset(0)));
  const auto got = read_until(*reader, [](const fetched& all) { return !all.events.empty(); });
  BOOST_CHECK(got.events.front().kind == reader_trouble::unavailable);
  BOOST_TEST(got.events.size() == 1U);
}

BOOST_AUTO_TEST_CASE(records_come_at_once_and_wake_ends_a_poll) {
  create("quick");
  auto reader = partition_reader::open(settings(), "quick").value();
  BOOST_REQUIRE(reader->add(partition_id(0), kafka_offset(0)));
  BOOST_TEST(reader->poll(10, a_moment).records.empty());
  std::thread writer([] { fill("quick", 0, 1); });
  const auto begun = std::chrono::steady_clock::now();
  BOOST_TEST(reader->poll(1000, deadline).records.size() == 1U);
  BOOST_TEST((std::chrono::steady_clock::now() - begun < deadline / 2));
  writer.join();

  // A wake that comes before the poll counts as well.
  std::thread waker([&] { reader->wake(); });
  BOOST_TEST(reader->poll(1000, deadline).records.empty());
  BOOST_TEST((std::chrono::steady_clock::now() - begun < deadline));
  waker.join();
}

BOOST_AUTO_TEST_CASE(a_question_about_the_range_ends_in_its_time_without_a_broker) {
  fixture::private_kafka own;
  auto admin = topic_admin::open({own.bootstrap(), {}, "test", {}}).value();
  BOOST_REQUIRE(admin->ensure({{"asked", 1, 1, 1, std::chrono::hours(1)}}, deadline));
  auto reader = partition_reader::open({own.bootstrap(), {}, "test", {}}, "asked").value();
  constexpr std::chrono::milliseconds its_time{500};
  BOOST_REQUIRE(reader->watermarks_of(partition_id(0), deadline));
  for (int look = 0; look < 4; ++look) {
    if (look == 0)
      own.suspend(); // the question is on its way when the broker dies
    else
      own.kill9();
    const auto began = std::chrono::steady_clock::now();
    BOOST_TEST(!reader->watermarks_of(partition_id(0), its_time));
    BOOST_TEST((std::chrono::steady_clock::now() - began < its_time + std::chrono::seconds(5)));
  }
  own.restart();
  BOOST_TEST(fixture::eventually(
      deadline, [&] { return reader->watermarks_of(partition_id(0), its_time).has_value(); }));
}

BOOST_AUTO_TEST_CASE(p7_a_backlog_larger_than_the_queue_is_read_whole) {
  create("backlog", 2);
  fill("backlog", 0, 20'000, 2000);
  fill("backlog", 1, 20'000, 2000);
  reader_options options;
  options.queue_bytes = std::size_t{2} << 20;
  options.fetch_bytes = std::size_t{1} << 20;
  auto reader = partition_reader::open(settings(), "backlog", options).value();
  const auto begun = std::chrono::steady_clock::now();
  BOOST_REQUIRE(reader->add(partition_id(0), kafka_offset(0)));
  BOOST_REQUIRE(reader->add(partition_id(1), kafka_offset(0)));
  std::map<std::int32_t, std::int64_t> next;
  std::size_t count = 0;
  BOOST_REQUIRE(fixture::eventually(deadline, [&] { // slower than the network: the queue is full at times
    for (const auto& r : reader->poll(500, a_moment).records) {
      BOOST_REQUIRE_EQUAL(r.offset.value, next[r.partition.value]++);
      ++count;
    }
    return count == 40'000;
  }));
  const auto taken = std::chrono::steady_clock::now() - begun;
  BOOST_TEST_MESSAGE("40000 records of 2 KB in "
                     << std::chrono::duration_cast<std::chrono::milliseconds>(taken).count() << " ms");
}
