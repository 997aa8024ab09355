// The four topics (DESIGN §4.3). Constants, because every node of a cluster must mean the same.
#pragma once

namespace understudy::topic {

inline constexpr const char* accounts = "understudy.accounts";   ///< P partitions; what happened to the data
inline constexpr const char* snapshots = "understudy.snapshots"; ///< P partitions; rows of initial copies
inline constexpr const char* leases = "understudy.leases";       ///< one partition, short retention (R18–R22)
inline constexpr const char* control = "understudy.control";     ///< one partition, kept for ever (R25)

} // namespace understudy::topic
