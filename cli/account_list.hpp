// Lists of accounts as administrators write them: `a,b` on the command line, or one a line in a file (pure).
#pragma once
#include "events/control/commands.hpp"
#include "events/model/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

constexpr std::size_t longest_account_name = 320;     ///< bytes: RFC 5321's 64 + 1 + 255
constexpr std::size_t largest_input_file = 64U << 20; ///< bytes

struct listed_account {
  std::string name;
  std::size_t place = 0; ///< line of the file, or entry of the list; from 1
  bool operator==(const listed_account&) const = default;
};

/// What was wrong with one entry.
struct bad_entry {
  std::size_t place = 0;
  std::string what;
  std::size_t first = 0; ///< of a repetition: where the account was named before
};

struct account_list {
  std::vector<listed_account> accounts; ///< good ones, each once, in their order
  std::vector<bad_entry> bad;
};

/// Why `name` can't be an account's address or UUID, or an empty text. Patterns are named as such.
std::string account_name_problem(std::string_view name);

/// `a@x,b@y`; blanks around the commas are allowed, empty entries and repetitions are bad.
account_list parse_account_list(std::string_view text);

/// One account a line; LF or CRLF, a byte order mark, blank lines and lines that begin with `#` allowed.
/// Errors (nothing can be taken from it): no account in it, binary, too many.
result<account_list> parse_account_file(std::string_view text);

/// "the first is …; N more" for an error message; `where`: "line" or "entry".
std::string describe(const std::vector<bad_entry>& bad, std::string_view where);

} // namespace understudy
