// Random UUIDs (version 4) for operations, snapshots and processes.
#pragma once
#include <string>

namespace understudy {

/// From the system's random source; any thread.
std::string new_uuid();

} // namespace understudy
