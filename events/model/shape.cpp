#include "events/model/shape.hpp"

#include <string_view>

namespace understudy {
namespace {

/// FNV-1a: tiny, stable, and only ever compared between shapes.
class hasher {
public:
  void add(std::string_view bytes) {
    add(bytes.size());
    for (const char byte : bytes)
      mix(static_cast<std::uint8_t>(byte));
  }
  void add(std::uint64_t number) {
    for (int i = 0; i < 8; ++i)
      mix(static_cast<std::uint8_t>(number >> (8 * i)));
  }
  std::uint64_t value() const { return state_; }

private:
  void mix(std::uint8_t byte) { state_ = (state_ ^ byte) * 1099511628211ULL; }
  std::uint64_t state_ = 14695981039346656037ULL;
};

} // namespace

std::uint64_t shape::fingerprint() const {
  hasher hash;
  hash.add(table);
  hash.add(columns.size());
  for (const auto& c : columns) {
    hash.add(c.name);
    hash.add(static_cast<std::uint64_t>(c.type));
    hash.add(static_cast<std::uint64_t>(c.is_unsigned) | static_cast<std::uint64_t>(c.nullable) << 1);
    hash.add(c.charset);
    hash.add(c.collation);
    hash.add(c.length);
    hash.add(c.decimals);
    hash.add(c.members.size());
    for (const auto& member : c.members)
      hash.add(member);
  }
  hash.add(key.size());
  for (const auto index : key)
    hash.add(index);
  hash.add(mailbox_column);
  return hash.value();
}

} // namespace understudy
