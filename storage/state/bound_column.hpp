// A column of rows for a prepared statement (sql_session::execute_rows): MariaDB takes all values of a `?` as
// one type, so a column says what it holds and refuses another kind.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace understudy {

/// Pure; holds views of text and bytes, which must outlive it.
class bound_column {
public:
  enum class kind : std::uint8_t {
    nothing, ///< NULL in every row so far
    signed_number,
    natural_number,
    text, ///< in UTF-8
    bytes,
  };

  void add_null();
  /// False if the column holds another kind: nothing was added then.
  bool add(std::int64_t number) {
    return add_number(kind::signed_number, static_cast<std::uint64_t>(number));
  }
  bool add(std::uint64_t number) { return add_number(kind::natural_number, number); }
  bool add_text(std::string_view utf8) { return add_view(kind::text, utf8); }
  bool add_bytes(std::string_view bytes) { return add_view(kind::bytes, bytes); }

  kind holds() const { return kind_; }
  std::size_t rows() const { return nulls_.size(); }
  bool is_null(std::size_t row) const { return nulls_[row] != 0; }

  // What libmariadb reads: an array of numbers, or of places and lengths; in both, nothing of use where a row
  // is NULL.
  const std::vector<std::uint64_t>& numbers() const { return numbers_; }
  const std::vector<const char*>& places() const { return places_; }
  const std::vector<unsigned long>& lengths() const { return lengths_; }
  /// 1 where a row is NULL (libmariadb's STMT_INDICATOR_NULL), else 0.
  const std::vector<char>& nulls() const { return nulls_; }

private:
  bool begin(kind wanted);
  bool add_number(kind wanted, std::uint64_t bits);
  bool add_view(kind wanted, std::string_view content);
  bool holds_numbers() const { return kind_ == kind::signed_number || kind_ == kind::natural_number; }

  kind kind_ = kind::nothing;
  std::vector<std::uint64_t> numbers_;
  std::vector<const char*> places_;
  std::vector<unsigned long> lengths_;
  std::vector<char> nulls_;
};

} // namespace understudy
