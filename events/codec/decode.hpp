// Versioned JSON -> account_event (DESIGN §4.3). The format is described in events/codec/FORMAT.md.
#pragma once
#include "events/codec/shape_registry.hpp"
#include "events/model/account_event.hpp"
#include "events/model/error.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace understudy {

enum class decode_failure : std::uint8_t {
  malformed,       ///< not JSON, truncated, or a field is missing or of the wrong kind: `what` says where
  unknown_version, ///< written by a newer Understudy: update this node
  unknown_type,    ///< likewise
  unknown_shape,   ///< the event names a shape that this node hasn't read: `fingerprint`
};

/// Every kind stops the account that the record's key names, and no other (P6).
struct decode_error : error {
  decode_failure kind = decode_failure::malformed;
  std::uint64_t fingerprint = 0; ///< unknown_shape only
};

using decoded = tl::expected<account_event, decode_error>;

/// Decodes with a parser and memory of its own that are reused. One thread at a time.
class decoder {
public:
  decoder();
  ~decoder();
  decoder(decoder&&) noexcept;
  decoder& operator=(decoder&&) noexcept;

  /// Takes any bytes. Unknown fields are ignored. Rows share the shapes that `shapes` gives.
  decoded decode(std::string_view json, const shape_lookup& shapes);

private:
  struct memory;
  std::unique_ptr<memory> memory_;
};

/// The same with a decoder per thread. Any thread.
decoded decode(std::string_view json, const shape_lookup& shapes);

} // namespace understudy
