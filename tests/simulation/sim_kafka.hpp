// Simulated partitions and producers: delays, late landings, results that never come.
#pragma once
#include "events/model/ids.hpp"
#include "tests/simulation/scheduler.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace understudy::simulation {

/// One partition: what has landed, in order, stamped by its leader's clock.
template <class Record>
class sim_partition {
public:
  struct landed {
    Record record;
    broker_time appended;
  };
  explicit sim_partition(scheduler& time)
      : time_(time) {}

  const std::vector<landed>& log() const { return log_; }
  std::function<void(const Record&, kafka_offset)> on_landed;
  /// Leaders' clocks differ; a change of leader makes the clock jump.
  void lead_with_clock(std::int64_t ahead_ms) { ahead_ms_ = ahead_ms; }
  void without_leader_until(instant until) { leaderless_until_ = std::max(leaderless_until_, until); }
  bool has_leader() const { return time_.now() >= leaderless_until_; }

  const landed& append(Record record) {
    log_.push_back({std::move(record), broker_time(time_.now() / millisecond + ahead_ms_)});
    if (on_landed)
      on_landed(log_.back().record, kafka_offset(static_cast<std::int64_t>(log_.size()) - 1));
    return log_.back();
  }

private:
  scheduler& time_;
  std::vector<landed> log_;
  std::int64_t ahead_ms_ = 0;
  instant leaderless_until_ = 0;
};

/// One producer's way to one partition: in order, however late (idempotence with requests in flight).
template <class Record>
class sim_channel : public std::enable_shared_from_this<sim_channel<Record>> {
public:
  using report = std::function<void(kafka_offset, broker_time)>;
  static constexpr std::size_t in_flight = 5; ///< requests that may land after their producer died

  sim_channel(scheduler& time, random_source& random, sim_partition<Record>& partition,
              std::function<bool()> connected, int slow_percent)
      : time_(time)
      , random_(random)
      , partition_(partition)
      , connected_(std::move(connected))
      , slow_percent_(slow_percent) {}

  void send(Record record, report done) {
    const bool slow = random_.percent(slow_percent_);
    const auto delay = slow ? random_.between(20, 2500) * millisecond : random_.between(200, 4000);
    waiting_.push_back({std::move(record), time_.now() + delay, std::move(done)});
    pump();
  }
  std::size_t unreported() const { return waiting_.size(); }

  /// The producer died: the first few requests may be under way still and land late, the rest is gone, and
  /// nobody hears of it.
  void abandon() {
    const auto most = std::min(in_flight, waiting_.size());
    waiting_.resize(static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(most))));
    const bool stuck = random_.percent(30);
    for (auto& item : waiting_) {
      item.done = nullptr;
      item.earliest += stuck ? random_.between(100, 8000) * millisecond : 0;
    }
    connected_ = nullptr;
  }

private:
  struct item {
    Record record;
    instant earliest;
    report done;
  };

  void pump() {
    if (pumping_ || waiting_.empty())
      return;
    pumping_ = true;
    time_.at(waiting_.front().earliest, [self = this->shared_from_this()] {
      self->pumping_ = false;
      self->land();
      self->pump();
    });
  }

  void land() {
    if (waiting_.empty())
      return;
    auto& head = waiting_.front();
    const bool open = (!connected_ || connected_()) && partition_.has_leader();
    if (!open || time_.now() < head.earliest) {
      head.earliest = std::max(head.earliest, time_.now() + 3 * millisecond);
      return;
    }
    const auto& landed = partition_.append(std::move(head.record));
    const kafka_offset offset(static_cast<std::int64_t>(partition_.log().size()) - 1);
    if (head.done) { // librdkafka reports a partition's records in their order
      reported_ = std::max(reported_, time_.now() + random_.between(100, 2000));
      time_.at(reported_, [done = std::move(head.done), offset, at = landed.appended] { done(offset, at); });
    }
    waiting_.pop_front();
  }

  scheduler& time_;
  random_source& random_;
  sim_partition<Record>& partition_;
  std::function<bool()> connected_;
  int slow_percent_;
  std::deque<item> waiting_;
  instant reported_ = 0; ///< when the last report comes
  bool pumping_ = false;
};

} // namespace understudy::simulation
