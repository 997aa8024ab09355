// Many rows in few statements, each below the server's max_allowed_packet (A08).
#pragma once
#include "storage/state/sql_session.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace understudy {

/// Collects rows and sends them as `head (row),(row)… tail`. For our own tables only; what account rows may
/// be grouped is storage/apply's business (R39).
class multi_row {
public:
  /// `head` up to VALUES, `tail` behind the rows (ON DUPLICATE KEY UPDATE …, or empty).
  multi_row(sql_session& session, std::string_view head, std::string_view tail);
  /// `row` without its brackets. May send what was collected before.
  sql_result<void> add(std::string_view row);
  /// Sends what is left; to be called at the end.
  sql_result<void> flush();

private:
  sql_session& session_;
  std::string head_;
  std::string tail_;
  std::string statement_;
  std::size_t rows_ = 0;
  std::size_t limit_;
};

} // namespace understudy
