// Durations and sizes as configuration files write them (pure).
#pragma once
#include "events/model/error.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace understudy {

/// `500ms`, `3s`, `2m`, `1h`, `7d`: a whole number and a unit, no sign, no fraction; at most ten years.
result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest exact form that parse_duration reads.
std::string duration_text(std::chrono::milliseconds span);

/// Bytes: `512MiB`, `1GiB`, `64KiB`, `100MB`, `1GB`, `10kB`, `4096B`; at most 2^50.
result<std::uint64_t> parse_size(std::string_view text);

} // namespace understudy
