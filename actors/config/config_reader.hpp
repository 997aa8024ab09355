// Reads one section of a TOML file key by key, and notes every problem instead of stopping at the first.
#pragma once
#include "actors/config/nearest_word.hpp"
#include "events/model/error.hpp"

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace understudy {

/// Every problem found in a file, in the order of reading.
using config_problems = std::vector<std::string>;

class section_reader {
public:
  /// `section` may be null: an absent section has nothing but defaults.
  section_reader(config_problems& problems, std::string name, const toml::table* section)
      : problems_(problems)
      , name_(std::move(name))
      , section_(section) {}

  /// The value of `key`, or null if it's absent; the key is a known one from now on.
  const toml::node* find(std::string_view key);
  void read(std::string_view key, std::string& target);
  void read(std::string_view key, bool& target);
  void read(std::string_view key, std::vector<std::string>& target);
  /// A relative path counts from `base`; an empty text stays empty.
  void read(std::string_view key, std::filesystem::path& target, const std::filesystem::path& base);

  template <class Integer>
  void read_number(std::string_view key, Integer& target, std::int64_t least, std::int64_t most) {
    if (auto number = integer(key, least, most))
      target = static_cast<Integer>(*number);
  }

  /// A text that `parse` turns into the value: its error becomes the problem.
  template <class T, class Parse>
  void read_text(std::string_view key, T& target, Parse&& parse) {
    std::string text;
    if (!find(key) || !take_text(key, text))
      return;
    auto parsed = parse(std::string_view(text));
    if (parsed)
      target = std::move(*parsed);
    else
      problem(key, parsed.error().todo.empty() ? parsed.error().what
                                               : parsed.error().what + " (" + parsed.error().todo + ")");
  }

  /// One of a few words.
  template <class T>
  void read_choice(std::string_view key, T& target,
                   std::initializer_list<std::pair<std::string_view, T>> choices) {
    read_text(key, target, [&](std::string_view text) -> result<T> {
      std::string words;
      for (const auto& [word, value] : choices) {
        if (word == text)
          return value;
        words += (words.empty() ? "" : ", ") + std::string(word);
      }
      return failure(fmt::format("\"{}\" isn't one of {}", text.substr(0, 40), words));
    });
  }

  /// Notes a problem with the line that `key` stands in.
  void problem(std::string_view key, std::string_view what);
  /// Notes every key that nothing asked for.
  void finish();

private:
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most);
  bool take_text(std::string_view key, std::string& target);

  config_problems& problems_;
  std::string name_;
  const toml::table* section_;
  std::vector<std::string> known_;
};

} // namespace understudy
