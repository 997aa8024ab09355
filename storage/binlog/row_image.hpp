// One image of a row: where each column's bytes lie. Nothing is decoded or copied here.
#pragma once
#include "storage/binlog/table_map.hpp"

#include <cstdint>
#include <vector>

namespace understudy {

class row_image {
public:
  /// `absent`: the image doesn't have the column (binlog_row_image=MINIMAL), which is never NULL (case B07).
  enum class state : std::uint8_t { absent, null, present };
  struct place {
    state is = state::absent;
    byte_span stored;
  };

  /// Takes one image off `in`; `columns` is the bitmap of those it has. False: the data ends too early.
  bool read(byte_reader& in, const table_map& map, byte_span columns);
  const place& at(std::uint16_t column) const { return places_[column]; }

  /// Same bytes, or both NULL, or absent from either: "changed" is by bytes, not by collation.
  static bool same(const place& a, const place& b);

private:
  std::vector<place> places_;
};

} // namespace understudy
