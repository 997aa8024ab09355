#include "actors/config/config_reader.hpp"

#include <algorithm>

namespace understudy {

const toml::node* section_reader::find(std::string_view key) {
  known_.emplace_back(key);
  return section_ ? section_->get(key) : nullptr;
}

bool section_reader::take_text(std::string_view key, std::string& target) {
  const auto* text = section_->get(key)->as_string();
  if (!text) {
    problem(key, "must be a text in quotes");
    return false;
  }
  if (text->get().find('\0') != std::string::npos) {
    problem(key, "must not hold a NUL byte");
    return false;
  }
  target = text->get();
  return true;
}

void section_reader::read(std::string_view key, std::string& target) {
  if (find(key))
    take_text(key, target);
}

void section_reader::read(std::string_view key, bool& target) {
  const auto* node = find(key);
  if (!node)
    return;
  if (const auto* truth = node->as_boolean())
    target = truth->get();
  else
    problem(key, "must be true or false, without quotes");
}

void section_reader::read(std::string_view key, std::filesystem::path& target,
                          const std::filesystem::path& base) {
  std::string text;
  if (find(key) && take_text(key, text))
    target = text.empty() ? std::filesystem::path() : (base / text).lexically_normal();
}

void section_reader::read(std::string_view key, std::vector<std::string>& target) {
  const auto* node = find(key);
  if (!node)
    return;
  const auto* list = node->as_array();
  if (!list || !std::all_of(list->begin(), list->end(), [](const toml::node& n) { return n.is_string(); })) {
    problem(key, "must be a list of texts, such as [\"a\", \"b\"]");
    return;
  }
  target.clear();
  for (const auto& entry : *list)
    target.push_back(entry.as_string()->get());
}

std::optional<std::int64_t> section_reader::integer(std::string_view key, std::int64_t least,
                                                    std::int64_t most) {
  const auto* node = find(key);
  if (!node)
    return std::nullopt;
  const auto* number = node->as_integer();
  if (!number || number->get() < least || number->get() > most) {
    problem(key, fmt::format("must be a whole number from {} to {}", least, most));
    return std::nullopt;
  }
  return number->get();
}

void section_reader::problem(std::string_view key, std::string_view what) {
  const auto* node = section_ ? section_->get(key) : nullptr;
  auto where = node ? fmt::format("line {}: ", node->source().begin.line) : std::string();
  problems_.push_back(fmt::format("{}{}.{} {}", where, name_, key, what));
}

void section_reader::finish() {
  if (!section_)
    return;
  for (const auto& [key, node] : *section_) {
    std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end())
      continue;
    auto meant = nearest_word(name, known_);
    problem(name, meant.empty() ? "is not a known key"
                                : fmt::format("is not a known key (did you mean {}?)", meant));
  }
}

} // namespace understudy
