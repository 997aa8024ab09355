#include "storage/state/prepared_statements.hpp"

#include <mysql.h>

namespace understudy {
namespace {

/// libmariadb reads what is bound, though it asks for pointers that it may write to.
template <class T>
T* readable_as(const auto* data) {
  return static_cast<T*>(const_cast<void*>(static_cast<const void*>(data)));
}

MYSQL_BIND bind_of(const bound_column& column) {
  MYSQL_BIND out{};
  out.u.indicator = readable_as<char>(column.nulls().data());
  switch (column.holds()) {
  case bound_column::kind::signed_number:
  case bound_column::kind::natural_number:
    out.buffer_type = MYSQL_TYPE_LONGLONG;
    out.is_unsigned = column.holds() == bound_column::kind::natural_number;
    out.buffer = readable_as<void>(column.numbers().data());
    return out;
  case bound_column::kind::nothing:
  case bound_column::kind::text:
    out.buffer_type = MYSQL_TYPE_STRING;
    break;
  case bound_column::kind::bytes:
    out.buffer_type = MYSQL_TYPE_BLOB;
    break;
  }
  out.buffer = readable_as<void>(column.places().data());
  out.length = readable_as<unsigned long>(column.lengths().data());
  return out;
}

statement_refusal refusal_of(MYSQL_STMT* statement) {
  return {mysql_stmt_errno(statement), mysql_stmt_error(statement)};
}

} // namespace

void prepared_statements::closer::operator()(st_mysql_stmt* statement) const {
  mysql_stmt_close(statement);
}

tl::expected<st_mysql_stmt*, statement_refusal> prepared_statements::find(std::string_view text) {
  if (const auto known = by_text_.find(text); known != by_text_.end()) {
    used_.splice(used_.begin(), used_, known->second);
    return known->second->statement.get();
  }
  std::unique_ptr<st_mysql_stmt, closer> made(mysql_stmt_init(connection_));
  if (!made)
    return tl::make_unexpected(statement_refusal{mysql_errno(connection_), mysql_error(connection_)});
  if (mysql_stmt_prepare(made.get(), text.data(), static_cast<unsigned long>(text.size())) != 0)
    return tl::make_unexpected(refusal_of(made.get()));
  if (used_.size() == kept) {
    by_text_.erase(used_.back().text);
    used_.pop_back();
  }
  used_.push_front({std::string(text), std::move(made)});
  by_text_.emplace(used_.front().text, used_.begin());
  return used_.front().statement.get();
}

tl::expected<std::uint64_t, statement_refusal>
prepared_statements::run(std::string_view text, const std::vector<bound_column>& columns) {
  const auto found = find(text);
  if (!found)
    return tl::make_unexpected(found.error());
  std::vector<MYSQL_BIND> binds;
  binds.reserve(columns.size());
  for (const auto& column : columns)
    binds.push_back(bind_of(column));
  const auto rows = static_cast<unsigned int>(columns.front().rows());
  auto* statement = *found;
  if (mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &rows) != 0 ||
      mysql_stmt_bind_param(statement, binds.data()) != 0 || mysql_stmt_execute(statement) != 0)
    return tl::make_unexpected(refusal_of(statement));
  return static_cast<std::uint64_t>(mysql_stmt_affected_rows(statement));
}

} // namespace understudy
