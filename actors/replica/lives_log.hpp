// Which life of a node was the newest at a place in a partition (R12), also for places that are read again: a
// parked account goes back to records whose writers have begun newer lives since. Pure.
#pragma once
#include "events/model/account_event.hpp"
#include "events/model/error.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

class lives_log {
public:
  /// A record of this writer lies at `offset`. A record of a life proves that the life's incarnation record
  /// lies before it, so that every record counts, not only incarnations. Offsets may come in any order.
  void met(const writer& from, kafka_offset offset);

  /// True: a newer life of the writer's node had begun before `offset`, the record there is void.
  bool is_void(const writer& from, kafka_offset offset) const;
  incarnation newest(const node_name& node) const;

  /// Nothing below `offset` will be read again.
  void forget_below(kafka_offset offset);
  /// The log lost its tail from `offset` on (C01).
  void forget_from(kafka_offset offset);

  /// For the local state: text that parse() takes back.
  std::string text() const;
  static result<lives_log> parse(std::string_view text);
  bool operator==(const lives_log&) const = default;

private:
  struct begun {
    kafka_offset offset; ///< of the first record known of this life
    incarnation life;
    bool operator==(const begun&) const = default;
  };
  /// Ascending by offset and by life.
  std::map<node_name, std::vector<begun>> nodes_;
};

} // namespace understudy
