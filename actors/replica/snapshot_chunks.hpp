// What records of understudy.snapshots mean to whoever loads one of the snapshots in them.
#pragma once
#include "actors/replica/partition_reading.hpp"
#include "events/codec/encode.hpp"
#include "events/codec/parts.hpp"
#include "events/codec/shape_registry.hpp"
#include "events/log/partition_reader.hpp"
#include "storage/snapshot/snapshot_loader.hpp"

namespace understudy {

/// One snapshot's chunks, out of its partition's records from its marker's `first` on, in order.
class snapshot_chunks {
public:
  snapshot_chunks(const snapshot_event& marker, std::shared_ptr<shape_registry> shapes)
      : marker_(marker)
      , shapes_(std::move(shapes))
      , parts_(most_event_bytes) {}

  /// The chunk that this record brings; nothing: none, or not the whole of it yet. An error that says
  /// superseded: its last chunk won't come any more, since its source has begun another one instead.
  load_result<std::optional<snapshot_chunk>> take(const record& r);

private:
  load_result<std::optional<snapshot_chunk>> unreadable(const decode_error& why) const;
  bool ends_it(const writer& begun, const record& r);

  snapshot_event marker_;
  std::shared_ptr<shape_registry> shapes_;
  decoder decoder_;
  part_assembler parts_;
  std::optional<writer> from_; ///< as its first record says
  bool begun_ = false;
};

load_error superseded(const account_id& account, const std::string& snapshot);

} // namespace understudy
