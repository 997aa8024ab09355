// Where an account lives in the local MariaDB: what events leave out and the replica fills in (DESIGN §4.4).
#pragma once
#include "events/model/ids.hpp"

#include <cstdint>
#include <map>
#include <memory>

namespace understudy {

/// Volume ids of the source's mailstore to ids of the local one, matched by name and path.
using volume_map = std::map<std::uint64_t, std::uint64_t>;

struct account_placement {
  account_id account;
  mailbox_id mailbox;             ///< the local mailbox id
  std::uint32_t group = 0;        ///< number of the local group database, kept in the registry row
  std::uint64_t index_volume = 0; ///< the host's current index volume; used where the profile says so
  /// Null: ids are the same on both sides (one host's own data, tests). A volume that isn't in it has no
  /// counterpart here as far as is known: a row that names it waits, and stops its account in the end. Not
  /// kept between batches: volumes are added, and their ids used again, while accounts are followed.
  std::shared_ptr<const volume_map> volumes;
};

} // namespace understudy
