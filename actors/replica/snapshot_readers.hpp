// Kafka consumers of understudy.snapshots that loads use one after the other: each new one brings threads,
// connections, and half a second until it knows where to read.
#pragma once
#include "events/log/partition_reader.hpp"

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace understudy {

class snapshot_readers {
public:
  /// Reads one partition; goes back when this ends.
  class borrowed {
  public:
    borrowed(snapshot_readers& home, std::unique_ptr<partition_reader> reader, partition_id partition)
        : home_(&home)
        , reader_(std::move(reader))
        , partition_(partition) {}
    borrowed(borrowed&&) noexcept = default;
    borrowed& operator=(borrowed&&) = delete;
    ~borrowed() {
      if (reader_)
        home_->give_back(std::move(reader_), partition_);
    }
    partition_reader& get() { return *reader_; }

  private:
    snapshot_readers* home_;
    std::unique_ptr<partition_reader> reader_;
    partition_id partition_;
  };

  explicit snapshot_readers(kafka_settings kafka)
      : kafka_(std::move(kafka)) {}

  /// Any thread. Must outlive what it lends.
  result<borrowed> take(partition_id partition, kafka_offset from);
  /// Nobody loads: what isn't lent ends.
  void rest();
  /// Since the beginning.
  std::uint64_t opened() const;

private:
  void give_back(std::unique_ptr<partition_reader> reader, partition_id partition);

  kafka_settings kafka_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<partition_reader>> idle_;
  std::uint64_t opened_ = 0;
};

} // namespace understudy
