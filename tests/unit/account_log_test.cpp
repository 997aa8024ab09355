// The account log over librdkafka's mock cluster: what it writes to a partition, and what becomes of it when
// the producer dies (R12, R13, R14, R15; cases P01, P02).
#include "actors/source/account_log.hpp"
#include "events/codec/decode.hpp"
#include "events/codec/parts.hpp"
#include "events/codec/shape_registry.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/topic_names.hpp"
#include "tests/tools/fixture/eventually.hpp"

#include <boost/test/unit_test.hpp>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <atomic>
#include <numeric>

using namespace understudy;
using namespace std::chrono_literals;

namespace {

const partition_id only{0};

class mock_cluster {
public:
  mock_cluster()
      : client_(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0))
      , cluster_(rd_kafka_mock_cluster_new(client_, 1)) {
    rd_kafka_mock_topic_create(cluster_, topic::accounts, 1, 1);
  }
  ~mock_cluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(client_);
  }
  mock_cluster(const mock_cluster&) = delete;
  mock_cluster& operator=(const mock_cluster&) = delete;

  kafka_settings settings() const { return {rd_kafka_mock_cluster_bootstraps(cluster_), {}, "test", {}}; }
  void answer_next_produce(rd_kafka_resp_err_t code) {
    constexpr std::int16_t produce_request = 0;
    rd_kafka_mock_push_request_errors(cluster_, produce_request, 1, code);
  }

private:
  rd_kafka_t* client_;
  rd_kafka_mock_cluster_t* cluster_;
};

std::shared_ptr<const shape> items() {
  shape made;
  made.table = "mboxgroup/mail_item";
  column id;
  id.name = "id";
  id.type = column_type::integer;
  column text;
  text.name = "metadata";
  text.type = column_type::varchar;
  text.charset = "utf8mb4";
  made.columns = {id, text};
  made.key = {0};
  return std::make_shared<const shape>(std::move(made));
}

transaction_event event_of(const std::string& account, std::uint64_t number,
                           const std::shared_ptr<const shape>& table, std::string text = "x") {
  row_change insert;
  insert.table = table;
  insert.kind = change_kind::insert;
  insert.after = {{0, std::int64_t(number)}, {1, text_value{std::move(text)}}};
  transaction_event made;
  made.account = account_id(account);
  made.term = epoch(1);
  made.number = sequence(number);
  made.id = {0, 1, number};
  made.changes = {insert};
  return made;
}

struct world {
  explicit world(std::size_t limit = 1'000'000) {
    account_log::options options;
    options.kafka = cluster.settings();
    options.node = node_name("ms1");
    options.first_life = incarnation(100);
    options.max_message_bytes = limit;
    options.report = [this](const std::string&) { ++troubles; };
    log = std::make_unique<account_log>(std::move(options));
    BOOST_REQUIRE(log->start());
  }
  void produce(account_event_body body) {
    log->produce(only, std::move(body),
                 [this](const delivery_outcome& outcome) { ++(outcome.refused ? refused : confirmed); });
  }

  /// Everything produced so far has had its outcome told.
  bool all_told(unsigned produced) {
    return log->drain(20s) &&
           fixture::eventually(20s, [this, produced] { return confirmed + refused == produced; });
  }

  struct line {
    incarnation life;
    account_event_body body;
  };
  /// The partition from its beginning to its end, parts as they are.
  std::vector<line> read() {
    auto reader = partition_reader::open(cluster.settings(), topic::accounts).value();
    const auto marks = reader->watermarks_of(only, 20s).value();
    BOOST_REQUIRE(reader->add(only, kafka_offset(0)));
    std::vector<line> lines;
    kafka_offset next(0);
    while (next < marks.high)
      for (const auto& raw : reader->poll(1000, 1s).records) {
        next = raw.offset.next();
        auto event = decode(raw.payload, shapes);
        BOOST_REQUIRE_MESSAGE(event, (event ? "" : event.error().what));
        if (const auto* said = std::get_if<shape_event>(&event->body))
          shapes.add(said->table);
        lines.push_back({event->from.life, std::move(event->body)});
      }
    return lines;
  }

  mock_cluster cluster;
  shape_registry shapes;
  std::atomic<unsigned> troubles{0};
  std::atomic<unsigned> confirmed{0};
  std::atomic<unsigned> refused{0};
  std::unique_ptr<account_log> log;
};

std::string kinds(const std::vector<world::line>& lines) {
  static const char names[] = "tpsimcf"; // transaction part shape incarnation marker chunk fence
  std::string text;
  for (const auto& l : lines)
    text += names[l.body.index()];
  return text;
}

} // namespace

BOOST_AUTO_TEST_CASE(r12_r14_a_partition_begins_with_the_incarnation_and_shapes_come_before_their_rows) {
  world w;
  const auto table = items();
  w.produce(event_of("a", 1, table));
  w.produce(event_of("b", 1, table));
  w.log->repeat_shapes(only); // a snapshot or an epoch begins
  w.produce(event_of("a", 2, table));
  BOOST_REQUIRE(w.all_told(3));
  BOOST_TEST(w.confirmed == 3U);
  BOOST_TEST(kinds(w.read()) == "isttst");
}

BOOST_AUTO_TEST_CASE(p01_after_a_fatal_error_a_new_life_produces_again_in_order_what_isnt_confirmed) {
  world w;
  const auto table = items();
  w.produce(event_of("a", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  for (std::uint64_t i = 2; i <= 50; ++i)
    w.produce(event_of("a", i, table));
  BOOST_REQUIRE(w.all_told(50));
  BOOST_TEST(w.confirmed == 50U); // each once
  BOOST_TEST(w.refused == 0U);
  BOOST_TEST(w.troubles == 1U); // one clear line
  BOOST_TEST(w.log->life().value == 101U);
  std::vector<std::uint64_t> numbers; // of the new life: those before it in the log may be void
  bool begun = false;
  for (const auto& l : w.read()) {
    if (l.life != incarnation(101))
      continue;
    BOOST_TEST((begun || std::holds_alternative<incarnation_event>(l.body)));
    begun = true;
    if (const auto* t = std::get_if<transaction_event>(&l.body))
      numbers.push_back(t->number.value);
  }
  std::vector<std::uint64_t> wanted(49);
  std::iota(wanted.begin(), wanted.end(), std::uint64_t{2});
  BOOST_TEST(numbers == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(p02_r13_an_event_over_the_topics_limit_goes_in_parts_and_its_neighbours_whole) {
  world w(20'000);
  const auto table = items();
  const std::string large(100'000, 'x');
  w.produce(event_of("b", 1, table));
  w.produce(event_of("a", 1, table, large));
  w.produce(event_of("b", 2, table));
  BOOST_REQUIRE(w.all_told(3));
  BOOST_TEST(w.confirmed == 3U); // the parts are one event
  const auto lines = w.read();
  const auto order = kinds(lines);
  BOOST_TEST(order.find_first_not_of('p', 3) == order.size() - 1, order);
  BOOST_TEST((order.starts_with("istppppp") && order.ends_with("pt")), order);
  part_assembler parts(1'000'000);
  std::optional<std::string> whole;
  for (const auto& l : lines)
    if (const auto* part = std::get_if<part_event>(&l.body))
      whole = parts.feed({node_name("ms1"), l.life}, *part, kafka_offset(0)).value();
  BOOST_REQUIRE(whole);
  const auto event = decode(*whole, w.shapes);
  BOOST_REQUIRE(event);
  BOOST_CHECK(std::get<transaction_event>(event->body) == event_of("a", 1, table, large));
}

BOOST_AUTO_TEST_CASE(r3_a_refusal_is_told_for_its_event_and_the_log_goes_on) {
  world w;
  const auto table = items();
  w.produce(event_of("b", 1, table));
  BOOST_REQUIRE(w.all_told(1));
  w.cluster.answer_next_produce(RD_KAFKA_RESP_ERR_INVALID_RECORD);
  w.produce(event_of("a", 1, table));
  BOOST_REQUIRE(w.all_told(2));
  w.produce(event_of("b", 2, table));
  BOOST_REQUIRE(w.all_told(3));
  BOOST_TEST(w.refused == 1U);
  BOOST_TEST(w.confirmed == 2U);
  BOOST_TEST(w.log->in_flight() == 0U);
  BOOST_TEST(w.log->in_flight_bytes() == 0U);
}
