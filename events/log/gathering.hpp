// How much of understudy.accounts a broker gathers before it answers those who replay it.
//
// Without that it answered a fetch for nearly every event, and each answer became a transaction of its own in
// the replica's MariaDB, whose cost is mostly that of its statements, however few rows they have. The broker,
// the nodes and the source's commits share the machine's time with it. What must be read at once, a fence, is
// made as large as what is waited for: white space behind a JSON text means nothing.
#pragma once
#include <chrono>
#include <cstddef>

namespace understudy {

/// Of all partitions that a reader has there, together. At the highest rate this is reached before the time.
constexpr std::size_t gathered_bytes = std::size_t{32} << 10;
/// An event's lag grows by half of it.
constexpr std::chrono::milliseconds gathered_wait{20};

} // namespace understudy
