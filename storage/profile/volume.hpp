// Volumes of a mailstore: which are centralised, how blobs are found on them, and which of another host's
// volumes is which of ours (pure).
#pragma once
#include "storage/profile/profile.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

struct mailstore_volume {
  std::int64_t id = 0;
  std::int64_t type = 0;
  std::string name;
  std::string path;
  bool holds_blobs = false;
  bool holds_index = false;
  bool is_centralised = false;
  bool by_mailbox_id = true; ///< blobs are addressed by mailbox id, not by locator
  bool in_directory = true;  ///< blobs are files below `path`, as far as the row tells
  bool is_current = false;   ///< new blobs (or index) go here
  bool operator==(const mailstore_volume&) const = default;
};

/// A volume as the profile understands its row. `is_current` is left to the caller.
mailstore_volume describe_volume(const volume_rule& rules, std::int64_t id, std::int64_t type,
                                 std::string name, std::string path, std::string_view metadata);

/// Another host's volume numbers to ours.
struct volume_mapping {
  std::map<std::int64_t, std::int64_t> numbers;
  /// Volumes there that hold blobs and have no centralised namesake here with the same path: an account with
  /// blobs on them can't be replicated to here.
  std::vector<mailstore_volume> unreachable;
};

/// What a host says of the directory of one of its own volumes (R32).
struct volume_answer {
  std::int64_t id = 0;
  std::string path;
  std::optional<bool> reached; ///< none: nothing proves either
  std::string why;             ///< why not, or why that isn't known: a clause
};

/// By name and path. A volume that isn't centralised on both sides reaches nobody: two hosts' own disks may
/// well have the same name and path.
volume_mapping map_volumes(const std::vector<mailstore_volume>& there,
                           const std::vector<mailstore_volume>& here);

/// With `mailbox_id = "own"`: refuses the first volume `here`, among those that another host's are mapped to,
/// whose blobs lie under the mailbox id: a replica with an id of its own wouldn't find them (DESIGN §4.4).
result<void> allow_own_ids(const std::vector<mailstore_volume>& here,
                           const std::map<std::uint64_t, std::uint64_t>& mapped);

} // namespace understudy
