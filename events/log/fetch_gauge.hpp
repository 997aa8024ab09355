// Tells when librdkafka has stopped fetching because its queue was full. Pure.
#pragma once
#include <cstddef>

namespace understudy {

/// librdkafka 2.0.2 looks only once a second whether a queue that was full has room again (tried: a reader
/// slower than the network got 10,000 records of 2 KB a second through a queue of 16 MiB, whatever it could
/// have taken). Starting a partition wakes it; that drops what is fetched, so it's done when nothing is.
class fetch_gauge {
public:
  explicit fetch_gauge(std::size_t queue_bytes)
      : queue_bytes_(queue_bytes) {}

  void took(std::size_t record_bytes) { average_ = (average_ * 15 + record_bytes) / 16; }

  /// With the number of records in the queue, before and after taking some of them. True: start the
  /// partitions anew where they are.
  bool must_wake(std::size_t queued) {
    // Half: the average is an estimate, and waking once too often costs little.
    was_full_ = was_full_ || queued * average_ >= queue_bytes_ / 2;
    if (queued > 0 || !was_full_)
      return false;
    was_full_ = false;
    return true;
  }

private:
  std::size_t queue_bytes_;
  std::size_t average_ = 0;
  bool was_full_ = false;
};

} // namespace understudy
