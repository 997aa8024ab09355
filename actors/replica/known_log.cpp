// Whether a partition's log is still the one that was read: where reading begins, and when the log has lost
// its tail, a record that was read is read once more (C01). One that was deleted and made anew may have grown
// past the place where it was read on: nothing else tells. Amid reading the consumer sees to that itself.
#include "actors/replica/replica_reader.hpp"
#include "events/log/topic_names.hpp"

namespace understudy {

void replica_reader::on_trouble(const reader_event& trouble, bool catching_up) {
  const auto found = readings_.find(trouble.partition);
  if (found == readings_.end())
    return;
  auto& partition = found->second;
  say(log_level::error,
      fmt::format("partition {} of {}: {}", trouble.partition, topic::accounts, trouble.text));
  auto& log = logs_[trouble.partition];
  switch (trouble.kind) {
  case reader_trouble::purged:
    if (log.cut && !catching_up) // what it was to be known by is gone with the rest
      return begin_another_log(trouble.partition, trouble.low);
    if (!catching_up)
      prove_no_more(trouble.partition); // nor is that a reason to doubt it
    partition.purged(trouble.low);
    return catching_up ? seek(*catch_up_, trouble.partition, trouble.low)
                       : seek(*main_, trouble.partition, partition.position());
  case reader_trouble::truncated:
    if (const auto mark = log.marks.newest_below(trouble.high))
      return prove(trouble.partition, *mark, trouble.high);
    return begin_another_log(trouble.partition, trouble.low);
  case reader_trouble::replaced:
    return begin_another_log(trouble.partition, trouble.low);
  case reader_trouble::unavailable:
    break; // the reader goes on by itself, and proves it then
  }
}

void replica_reader::seek(partition_reader& reader, partition_id id, kafka_offset to) const {
  if (auto sought = reader.seek(id, to); !sought)
    say(log_level::error, sought.error().what);
}

/// The main reader reads one record again; the other one waits.
void replica_reader::prove(partition_id id, const log_mark& mark, kafka_offset cut) {
  auto& log = logs_[id];
  log.asked = mark;
  log.cut = cut;
  if (readings_.at(id).passing())
    catch_up_->pause(id);
  seek(*main_, id, mark.offset);
  if (waiting_for_pass_.erase(id) > 0)
    if (auto resumed = main_->resume(id); !resumed)
      say(log_level::error, resumed.error().what);
}

void replica_reader::judge(const record& r) {
  auto& log = logs_[r.partition];
  auto& partition = readings_.at(r.partition);
  const auto asked = *log.asked;
  if (r.offset == asked.offset ? r.time != asked.time : log.cut.has_value())
    return begin_another_log(r.partition, kafka_offset{});
  if (log.cut) {
    partition.truncated(*log.cut);
    log.marks.forget_from(*log.cut);
  }
  if (partition.position() != r.offset.next()) {
    seek(*main_, r.partition, partition.position());
    moved_.insert(r.partition);
  }
  prove_no_more(r.partition);
}

void replica_reader::prove_no_more(partition_id id) {
  auto& log = logs_[id];
  log.cut.reset();
  if (!std::exchange(log.asked, std::nullopt))
    return;
  end_passes();
  if (!readings_.at(id).passing())
    return;
  if (auto resumed = catch_up_->resume(id); !resumed)
    say(log_level::error, resumed.error().what);
}

void replica_reader::begin_another_log(partition_id id, kafka_offset low) {
  say(log_level::error,
      fmt::format("partition {} of {} is another log than the one that was read: it is read "
                  "from its beginning, and its replicas here are made anew",
                  id, topic::accounts));
  readings_.at(id).replaced(low);
  seek(*main_, id, low);
  moved_.insert(id);
  prove_no_more(id);
  end_passes();
  logs_[id] = {};
}

} // namespace understudy
