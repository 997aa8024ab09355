#include "storage/apply/bound_insert.hpp"

#include "storage/apply/statement_text.hpp"

namespace understudy {
namespace {

/// Fewer rows don't pay for the round trip of their own, nor for preparing the statement if it isn't yet.
constexpr std::size_t fewest_rows = 24;

/// Types whose value as a parameter is stored as its literal would be. Not FLOAT: its text is rounded once,
/// by way of DOUBLE twice. Not what the server checks by the literal's type: GEOMETRY, UUID, INET.
bool can_be_bound(const column& about) {
  switch (about.type) {
  case column_type::single:
  case column_type::geometry:
  case column_type::fixed_bytes:
    return false;
  default:
    return true;
  }
}

/// False: only a literal can say it, or the column holds values of another kind.
bool add(bound_column& to, const column& about, const value& content) {
  if (std::holds_alternative<null_value>(content)) {
    to.add_null();
    return true;
  }
  if (const auto* number = std::get_if<std::int64_t>(&content))
    return to.add(*number);
  if (const auto* natural = std::get_if<std::uint64_t>(&content))
    return to.add(*natural);
  if (const auto* literal = std::get_if<literal_value>(&content))
    return to.add_text(literal->text);
  if (const auto* bytes = std::get_if<bytes_value>(&content))
    return (about.charset.empty() || about.charset == "binary") && to.add_bytes(bytes->bytes);
  // A member of an ENUM goes by its number.
  return about.type != column_type::enumeration && to.add_text(std::get<text_value>(content).utf8);
}

bool add_row(std::vector<bound_column>& columns, const planned_row& row, std::uint64_t mailbox) {
  if (!columns.front().add(mailbox))
    return false;
  for (std::size_t i = 0; i < row.after.size(); ++i)
    if (!add(columns[i + 1], row.table->columns[row.after[i].column], row.after[i].content))
      return false;
  return true;
}

std::string text_of(const planned_row& like) {
  std::string out = insert_head(like) + "(?";
  for (std::size_t i = 0; i < like.after.size(); ++i)
    out += ",?";
  return out + ')';
}

} // namespace

std::optional<bound_insert> bind_insert(const planned_statement& statement,
                                        const std::vector<account_work>& batch) {
  const auto& like = statement.like();
  if (like.kind != change_kind::insert || statement.rows.size() < fewest_rows)
    return std::nullopt;
  for (const auto& c : like.after)
    if (!can_be_bound(like.table->columns[c.column]))
      return std::nullopt;
  bound_insert out;
  out.columns.resize(like.after.size() + 1);
  for (const auto* row : statement.rows)
    if (!add_row(out.columns, *row, batch[row->account].where->mailbox.value))
      return std::nullopt;
  out.statement = text_of(like);
  return out;
}

} // namespace understudy
