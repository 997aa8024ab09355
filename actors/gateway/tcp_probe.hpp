// Whether somebody listens at a place, found out within a deadline: CAF connects blocking, one at a time.
#pragma once
#include "actors/config/host_port.hpp"
#include "events/model/error.hpp"

#include <chrono>

namespace understudy {

/// The address (host as a number) that a TCP connection to `place` could be made to; the connection is closed
/// again. Name resolution counts into `deadline`. Errors name the place; all are retryable.
result<host_port> tcp_probe(const host_port& place, std::chrono::milliseconds deadline);

} // namespace understudy
