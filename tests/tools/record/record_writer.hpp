// Writes down what each transaction is about to do, and what its client was then told.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace understudy::record {

using column_value = std::variant<std::nullptr_t, std::int64_t, std::string>;
using columns = std::vector<std::pair<std::string_view, column_value>>;
using row_key = std::vector<column_value>; ///< in the order of table_info::key

/// One row's change as the record has it: `["i","mail_item",[257],{"size":12,…}]`.
/// i = the row is new and has these values, u = it exists and these change, d = it's gone (with what
/// cascades).
class effects {
public:
  void inserted(std::string_view table, const row_key& key, const columns& values) {
    add('i', table, key, &values);
  }
  void updated(std::string_view table, const row_key& key, const columns& values) {
    add('u', table, key, &values);
  }
  void deleted(std::string_view table, const row_key& key) { add('d', table, key, nullptr); }
  /// Every row of the account is gone.
  void account_deleted() { add('x', "", {}, nullptr); }
  bool empty() const { return json_.empty(); }
  const std::string& json() const { return json_; } ///< the list without its brackets

private:
  void add(char kind, std::string_view table, const row_key& key, const columns* values);
  std::string json_;
};

enum class outcome {
  ok,    ///< COMMIT returned: the client was promised the transaction
  error, ///< refused or rolled back: it must not be there
  lost   ///< the connection broke while COMMIT was under way: it may be there or not
};

/// A file of JSON lines, appended with one write(2) a line; any thread.
class record_writer {
public:
  /// Throws std::system_error if the file can't be opened for appending.
  explicit record_writer(const std::filesystem::path& file);
  ~record_writer();
  record_writer(const record_writer&) = delete;
  record_writer& operator=(const record_writer&) = delete;

  void account(std::string_view account_id, std::string_view name);
  /// Before COMMIT is sent. Numbers of an account start at 1 and go up by one.
  void intent(std::string_view account_id, std::uint64_t number, std::string_view operation,
              const effects& rows);
  void result(std::string_view account_id, std::uint64_t number, outcome told, std::string_view error = {});

private:
  void write_line(std::string line);
  int fd_;
};

/// Appends `text` as a JSON string. Bytes that aren't UTF-8 become question marks: they don't occur in the
/// workload's own values, but error messages and findings show a value's first bytes.
void append_json_string(std::string& out, std::string_view text);

} // namespace understudy::record
