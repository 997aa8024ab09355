#include "events/model/row_change.hpp"

namespace understudy {
namespace {

/// Of what lies outside the value itself.
struct heap_bytes {
  std::size_t operator()(const text_value& v) const { return of(v.utf8); }
  std::size_t operator()(const bytes_value& v) const { return of(v.bytes); }
  std::size_t operator()(const literal_value& v) const { return of(v.text); }
  std::size_t operator()(const auto&) const { return 0; }
  static std::size_t of(const std::string& text) {
    constexpr std::size_t within_itself = 15;
    return text.size() > within_itself ? text.size() + 1 : 0;
  }
};

} // namespace

std::size_t memory_of(const row_change& change) {
  auto bytes = sizeof(row_change);
  for (const auto* cells : {&change.before, &change.after}) {
    bytes += cells->capacity() * sizeof(cell);
    for (const auto& each : *cells)
      bytes += std::visit(heap_bytes{}, each.content);
  }
  return bytes;
}

} // namespace understudy
