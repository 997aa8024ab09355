// A Kafka cluster inside of librdkafka, and what lies in its one partition of understudy.accounts.
#pragma once
#include "events/codec/decode.hpp"
#include "events/codec/shape_registry.hpp"
#include "events/log/partition_reader.hpp"
#include "events/log/topic_names.hpp"
#include "tests/unit/mock_cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace understudy::mock_log {

using namespace std::chrono_literals;

inline const partition_id only{0};
/// Longer than anything here takes.
inline constexpr std::chrono::seconds deadline{20};

class accounts_cluster : public mock_cluster {
public:
  accounts_cluster() { rd_kafka_mock_topic_create(cluster(), topic::accounts, 1, 1); }

  struct line {
    incarnation life;
    account_event_body body;
    std::size_t bytes = 0; ///< of the record's payload
  };
  /// The partition from its beginning to its end, parts as they are.
  std::vector<line> read() {
    auto reader = partition_reader::open(settings(), topic::accounts).value();
    const auto marks = reader->watermarks_of(only, deadline).value();
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
        lines.push_back({event->from.life, std::move(event->body), raw.payload.size()});
      }
    return lines;
  }

  shape_registry shapes; ///< that were read
};

/// One letter a record: transaction part shape incarnation marker chunk fence.
inline std::string kinds(const std::vector<accounts_cluster::line>& lines) {
  static const char names[] = "tpsimcf";
  std::string text;
  for (const auto& l : lines)
    text += names[l.body.index()];
  return text;
}

/// The transactions' sequence numbers, in order.
inline std::vector<std::uint64_t> numbers(const std::vector<accounts_cluster::line>& lines) {
  std::vector<std::uint64_t> all;
  for (const auto& l : lines)
    if (const auto* t = std::get_if<transaction_event>(&l.body))
      all.push_back(t->number.value);
  return all;
}

inline std::shared_ptr<const shape> items() {
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

inline row_change insert(const std::shared_ptr<const shape>& table, std::uint64_t id, std::string text) {
  row_change made;
  made.table = table;
  made.kind = change_kind::insert;
  made.after = {{0, static_cast<std::int64_t>(id)}, {1, text_value{std::move(text)}}};
  return made;
}

} // namespace understudy::mock_log
