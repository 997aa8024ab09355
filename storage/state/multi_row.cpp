#include "storage/state/multi_row.hpp"

#include <algorithm>

namespace understudy {
namespace {

/// More rows a statement gain nothing measurable; fewer bytes keep our own memory small.
constexpr std::size_t rows_per_statement = 1000;
constexpr std::size_t bytes_per_statement = 4 * 1024 * 1024;
/// The packet holds a command byte, too; the rest is reserve.
constexpr std::size_t packet_reserve = 1024;

} // namespace

multi_row::multi_row(sql_session& session, std::string_view head, std::string_view tail)
    : session_(session)
    , head_(head)
    , tail_(tail)
    , limit_(std::min<std::size_t>(bytes_per_statement,
                                   static_cast<std::size_t>(session.max_packet()) -
                                       std::min<std::size_t>(session.max_packet(), packet_reserve))) {}

sql_result<void> multi_row::add(std::string_view row) {
  const std::size_t would_be = statement_.size() + row.size() + tail_.size() + 4;
  if (rows_ != 0 && (rows_ == rows_per_statement || would_be > limit_))
    if (auto sent = flush(); !sent)
      return sent;
  statement_ += rows_ == 0 ? head_ : std::string(",");
  statement_ += '(';
  statement_ += row;
  statement_ += ')';
  ++rows_;
  return {};
}

sql_result<void> multi_row::flush() {
  if (rows_ == 0)
    return {};
  statement_ += tail_;
  auto sent = session_.execute(statement_);
  statement_.clear();
  rows_ = 0;
  return sent.map([](std::uint64_t) {});
}

} // namespace understudy
