#include "storage/profile/toml_section.hpp"

#include <fmt/format.h>

namespace understudy {
namespace {

const toml::table nothing;

} // namespace

const toml::node* toml_section::find(std::string_view key) {
  asked_.emplace(key);
  return table_->get(key);
}

void toml_section::complain(std::string_view what) {
  if (first_error_->empty())
    *first_error_ = fmt::format("{}: {}", path_, what);
}

std::string toml_section::text(std::string_view key) {
  const auto* node = find(key);
  if (node == nullptr || !node->is_string()) {
    complain(fmt::format("'{}' must be given, as text", key));
    return {};
  }
  return node->as_string()->get();
}

std::string toml_section::text_or(std::string_view key, std::string otherwise) {
  return table_->contains(key) ? text(key) : std::move(otherwise);
}

std::int64_t toml_section::number(std::string_view key, std::int64_t lowest, std::int64_t highest) {
  const auto* node = find(key);
  if (node == nullptr || !node->is_integer() || node->as_integer()->get() < lowest ||
      node->as_integer()->get() > highest) {
    complain(fmt::format("'{}' must be given, as a number from {} to {}", key, lowest, highest));
    return lowest;
  }
  return node->as_integer()->get();
}

std::int64_t toml_section::number_or(std::string_view key, std::int64_t otherwise) {
  return table_->contains(key) ? number(key, INT64_MIN, INT64_MAX) : otherwise;
}

std::vector<std::string> toml_section::texts_or_none(std::string_view key) {
  std::vector<std::string> out;
  const auto* node = find(key);
  if (node == nullptr)
    return out;
  if (!node->is_array()) {
    complain(fmt::format("'{}' must be a list of texts", key));
    return out;
  }
  for (const auto& item : *node->as_array()) {
    if (item.is_string())
      out.push_back(item.as_string()->get());
    else
      complain(fmt::format("'{}' must be a list of texts", key));
  }
  return out;
}

std::vector<std::int64_t> toml_section::numbers_or_none(std::string_view key) {
  std::vector<std::int64_t> out;
  const auto* node = find(key);
  if (node == nullptr)
    return out;
  if (!node->is_array()) {
    complain(fmt::format("'{}' must be a list of numbers", key));
    return out;
  }
  for (const auto& item : *node->as_array()) {
    if (item.is_integer())
      out.push_back(item.as_integer()->get());
    else
      complain(fmt::format("'{}' must be a list of numbers", key));
  }
  return out;
}

std::map<std::string, std::string, std::less<>> toml_section::text_map_or_none(std::string_view key) {
  std::map<std::string, std::string, std::less<>> out;
  const auto* node = find(key);
  if (node == nullptr)
    return out;
  if (!node->is_table()) {
    complain(fmt::format("'{}' must be a table of texts", key));
    return out;
  }
  for (const auto& [name, value] : *node->as_table()) {
    if (value.is_string())
      out.emplace(std::string(name.str()), value.as_string()->get());
    else
      complain(fmt::format("'{}.{}' must be a text", key, name.str()));
  }
  return out;
}

toml_section toml_section::section(std::string_view key) {
  const auto* node = find(key);
  if (node == nullptr || !node->is_table()) {
    complain(fmt::format("the section [{}] is missing", key));
    return {nothing, fmt::format("{} [{}]", path_, key), *first_error_};
  }
  return {*node->as_table(), fmt::format("{} [{}]", path_, key), *first_error_};
}

std::vector<toml_section> toml_section::sections_or_none(std::string_view key) {
  std::vector<toml_section> out;
  const auto* node = find(key);
  if (node == nullptr)
    return out;
  if (!node->is_array()) {
    complain(fmt::format("[[{}]] must be a list of sections", key));
    return out;
  }
  for (const auto& item : *node->as_array()) {
    if (item.is_table())
      out.emplace_back(*item.as_table(), fmt::format("{} [[{}]] {}", path_, key, out.size() + 1),
                       *first_error_);
    else
      complain(fmt::format("[[{}]] must be a list of sections", key));
  }
  return out;
}

void toml_section::done() {
  for (const auto& [key, value] : *table_)
    if (!asked_.contains(key.str()))
      complain(fmt::format("unknown key '{}' in line {}", key.str(), value.source().begin.line));
}

} // namespace understudy
