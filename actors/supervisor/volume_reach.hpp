// R32: does a destination reach the volumes that a source's accounts have their blobs on? By the rows that
// both mailstores have, and by what the destination found on its file system. Pure.
#pragma once
#include "events/control/decide.hpp"
#include "storage/profile/volume.hpp"

#include <vector>

namespace understudy {

/// `there`, `here`: the volumes that source and destination announced. `said`: what the destination answered
/// of its own. Where no volume of the source's is one of the destination's, all of them are missing; one
/// among others isn't: an account with blobs on it couldn't have been replicated there.
volume_facts judge_volumes(const node_name& source, const std::vector<mailstore_volume>& there,
                           const node_name& destination, const std::vector<mailstore_volume>& here,
                           const std::vector<volume_answer>& said);

} // namespace understudy
