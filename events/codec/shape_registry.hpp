// Finds the shape that an event names by its fingerprint (R14).
#pragma once
#include "events/model/error.hpp"
#include "events/model/shape.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <unordered_map>

namespace understudy {

/// What the decoder asks. Must be callable from the decoding thread at any time.
class shape_lookup {
public:
  virtual ~shape_lookup() = default;
  /// Null = not known here (yet).
  virtual std::shared_ptr<const shape> find(std::uint64_t fingerprint) const = 0;
  /// False: rows are left out of what is decoded, and no shape is asked for.
  virtual bool wants_rows() const { return true; }
};

/// For readers that follow the accounts' lines and need no rows: a source that reads its own records (R12).
class without_rows final : public shape_lookup {
public:
  std::shared_ptr<const shape> find(std::uint64_t) const override { return nullptr; }
  bool wants_rows() const override { return false; }
};

/// All shapes that a node has met. Fingerprints are hashes of the content, so one registry serves every
/// partition and writer. Any thread.
class shape_registry final : public shape_lookup {
public:
  /// The profile has about 100 tables and each DDL adds one shape: more than this is not a mailstore.
  static constexpr std::size_t most_shapes = 100'000;

  /// Keeps the shape; the same content again gives the same pointer. Fails if another content has the same
  /// fingerprint (rows would be read under wrong columns) and above `most_shapes`.
  result<std::shared_ptr<const shape>> add(shape table);
  std::shared_ptr<const shape> find(std::uint64_t fingerprint) const override;
  std::size_t size() const;

private:
  mutable std::shared_mutex guard_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const shape>> shapes_;
};

} // namespace understudy
