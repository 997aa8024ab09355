#include "storage/state/bound_column.hpp"

namespace understudy {

bool bound_column::begin(kind wanted) {
  if (kind_ == wanted)
    return true;
  if (kind_ != kind::nothing)
    return false;
  kind_ = wanted;
  // Every row before was NULL.
  if (holds_numbers()) {
    numbers_.assign(rows(), 0);
    places_.clear();
    lengths_.clear();
  }
  return true;
}

void bound_column::add_null() {
  nulls_.push_back(1);
  if (holds_numbers()) {
    numbers_.push_back(0);
  } else {
    places_.push_back("");
    lengths_.push_back(0);
  }
}

bool bound_column::add_number(kind wanted, std::uint64_t bits) {
  if (!begin(wanted))
    return false;
  numbers_.push_back(bits);
  nulls_.push_back(0);
  return true;
}

bool bound_column::add_view(kind wanted, std::string_view content) {
  if (!begin(wanted))
    return false;
  places_.push_back(content.data());
  lengths_.push_back(static_cast<unsigned long>(content.size()));
  nulls_.push_back(0);
  return true;
}

} // namespace understudy
