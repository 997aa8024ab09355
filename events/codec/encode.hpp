// account_event -> versioned JSON (DESIGN §4.3). The format is described in events/codec/FORMAT.md.
#pragma once
#include "events/model/account_event.hpp"
#include "events/model/error.hpp"

#include <cstddef>
#include <string>

namespace understudy {

/// Version of the record format, in every record.
inline constexpr int codec_version = 1;

/// Longest encoded event, also when assembled from parts: what a replica must hold in memory to apply a
/// transaction whole (R13). A source that meets more can't encode it (R3).
inline constexpr std::size_t most_event_bytes = std::size_t{512} << 20;

/// One line of JSON in valid UTF-8. Any thread.
/// Fails, never retryable, on what no reader could take back (R3): a row without a shape, a column outside
/// its shape, a name or id that isn't UTF-8, more than `most_event_bytes`. A text_value that isn't valid
/// UTF-8 travels as bytes, as the model has it.
result<std::string> encode(const account_event& event);

/// The same without the copy of the event: appends to `out`; on failure `out` is as before.
result<void> encode_to(std::string& out, const writer& from, const account_event_body& body);

} // namespace understudy
