#include "actors/replica/snapshot_readers.hpp"

#include "events/log/topic_names.hpp"

namespace understudy {
namespace {

/// At the end of a partition the broker keeps a fetch for so long, and what is read next waits behind it.
constexpr std::chrono::milliseconds longest_wait{20};
/// What lies behind a small snapshot is fetched with it, in vain mostly.
constexpr std::size_t fetch_bytes = std::size_t{1} << 20;
constexpr std::chrono::milliseconds leaders_wait{1000};

} // namespace

result<snapshot_readers::borrowed> snapshot_readers::take(partition_id partition, kafka_offset from) {
  std::unique_ptr<partition_reader> reader;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      reader = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!reader) {
    reader_options how;
    how.queue_bytes = std::size_t{4} << 20;
    how.fetch_bytes = fetch_bytes;
    how.longest_wait = longest_wait;
    auto opened = partition_reader::open(kafka_, topic::snapshots, how);
    if (!opened)
      return tl::make_unexpected(opened.error());
    reader = std::move(*opened);
    reader->find_leaders(leaders_wait);
    const std::lock_guard lock(mutex_);
    ++opened_;
  }
  if (auto added = reader->add(partition, from); !added)
    return tl::make_unexpected(added.error());
  return borrowed(*this, std::move(reader), partition);
}

void snapshot_readers::give_back(std::unique_ptr<partition_reader> reader, partition_id partition) {
  reader->remove(partition);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(reader));
}

void snapshot_readers::rest() {
  std::vector<std::unique_ptr<partition_reader>> ended;
  const std::lock_guard lock(mutex_);
  ended.swap(idle_);
}

std::uint64_t snapshot_readers::opened() const {
  const std::lock_guard lock(mutex_);
  return opened_;
}

} // namespace understudy
