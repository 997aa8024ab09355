// One broker for all of a program's tests, its topics, and a producer whose reports can be waited for.
#pragma once
#include "events/log/producer.hpp"
#include "events/log/topics.hpp"
#include "tests/tools/fixture/private_kafka.hpp"

#include <boost/test/unit_test.hpp>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace understudy::testing {

inline constexpr std::chrono::seconds deadline{60};

/// Started once for the program: a broker takes seconds.
inline fixture::private_kafka& kafka() {
  static fixture::private_kafka broker;
  return broker;
}

inline kafka_settings settings() {
  return {kafka().bootstrap(), {}, "test", {}};
}

inline void create(const std::string& name, int partitions = 1) {
  auto admin = topic_admin::open(settings()).value();
  const auto done = admin->ensure({{name, partitions, 1, 1, std::chrono::hours(1)}}, deadline);
  BOOST_REQUIRE_MESSAGE(done, (done ? "" : done.error().what));
}

class collecting_producer {
public:
  explicit collecting_producer(const producer_options& options = {}, const kafka_settings& where = settings())
      : producer_(producer::start(where, options,
                                  {[this](delivery&& d) {
                                     const std::lock_guard lock(guard_);
                                     reports_.push_back(std::move(d));
                                     changed_.notify_all();
                                   },
                                   [](const error&) {},
                                   {}})
                      .value()) {}
  ~collecting_producer() { producer_->stop(std::chrono::milliseconds(0)); }
  collecting_producer(const collecting_producer&) = delete;
  collecting_producer& operator=(const collecting_producer&) = delete;

  void produce(const std::string& topic, std::int32_t partition, std::string_view payload,
               std::uint64_t token) {
    const auto taken = producer_->produce(topic, partition_id(partition), "key", payload, token);
    BOOST_REQUIRE_MESSAGE(taken, (taken ? "" : taken.error().what));
  }
  /// Nothing has been reported in this time: for tests of what must wait.
  bool quiet_for(std::chrono::milliseconds time, std::size_t known) {
    std::unique_lock lock(guard_);
    return !changed_.wait_for(lock, time, [&] { return reports_.size() > known; });
  }
  std::vector<delivery> wait_for(std::size_t count) {
    std::unique_lock lock(guard_);
    BOOST_REQUIRE(changed_.wait_for(lock, deadline, [&] { return reports_.size() >= count; }));
    return reports_;
  }
  producer& operator*() { return *producer_; }
  producer* operator->() { return producer_.get(); }

private:
  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<delivery> reports_;
  std::unique_ptr<producer> producer_;
};

} // namespace understudy::testing
