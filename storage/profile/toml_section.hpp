// Reads a TOML table key by key and remembers which keys were asked for, so that unknown ones can be named.
#pragma once
#include "events/model/error.hpp"

#include <toml++/toml.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace understudy {

/// The first thing wrong is kept; later reads give defaults. One thread.
class toml_section {
public:
  /// `path` names the section in errors: `carbonio.toml: [volumes]`.
  toml_section(const toml::table& table, std::string path, std::string& first_error)
      : table_(&table)
      , path_(std::move(path))
      , first_error_(&first_error) {}

  /// The key must be there.
  std::string text(std::string_view key);
  /// `otherwise` if the key is absent.
  std::string text_or(std::string_view key, std::string otherwise);
  /// The key must be there, within the range.
  std::int64_t number(std::string_view key, std::int64_t lowest, std::int64_t highest);
  std::int64_t number_or(std::string_view key, std::int64_t otherwise);
  std::vector<std::string> texts_or_none(std::string_view key);
  std::vector<std::int64_t> numbers_or_none(std::string_view key);
  std::map<std::string, std::string, std::less<>> text_map_or_none(std::string_view key);
  /// A table under the key; an empty one, with an error, if it's absent.
  toml_section section(std::string_view key);
  std::vector<toml_section> sections_or_none(std::string_view key);
  void complain(std::string_view what);
  /// To be called at the end: complains about keys that nobody asked for.
  void done();

private:
  const toml::node* find(std::string_view key);
  const toml::table* table_;
  std::string path_;
  std::string* first_error_;
  std::set<std::string, std::less<>> asked_;
};

} // namespace understudy
