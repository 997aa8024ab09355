// Prepared statements of one connection, by their text.
#pragma once
#include "storage/state/bound_column.hpp"

#include <tl/expected.hpp>

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct st_mysql;
struct st_mysql_stmt;

namespace understudy {

/// What MariaDB or libmariadb says of a statement that failed.
struct statement_refusal {
  unsigned number = 0;
  std::string text;
};

/// Keeps the statements used last; each holds some tens of KB in the server. Belongs to its connection's
/// thread and must be gone before the connection is.
class prepared_statements {
public:
  /// As many as an applier's batches use again: tables and sets of columns, times the group databases at
  /// work.
  static constexpr std::size_t kept = 128;

  explicit prepared_statements(st_mysql* connection)
      : connection_(connection) {}

  /// Runs the statement of this text, prepared now if it isn't yet, for each row of the columns, in one round
  /// trip: a `?` for each column. Returns the rows of all together.
  tl::expected<std::uint64_t, statement_refusal> run(std::string_view text,
                                                     const std::vector<bound_column>& columns);

private:
  tl::expected<st_mysql_stmt*, statement_refusal> find(std::string_view text);

  struct closer {
    void operator()(st_mysql_stmt* statement) const;
  };
  struct entry {
    std::string text;
    std::unique_ptr<st_mysql_stmt, closer> statement;
  };

  st_mysql* connection_;
  std::list<entry> used_; ///< the one used last first
  std::unordered_map<std::string_view, std::list<entry>::iterator> by_text_;
};

} // namespace understudy
