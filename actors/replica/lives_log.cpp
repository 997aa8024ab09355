#include "actors/replica/lives_log.hpp"

#include <algorithm>
#include <charconv>

namespace understudy {
namespace {

constexpr char separator = '\t'; // a host name has none

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc{} && end == text.data() + text.size();
}

} // namespace

void lives_log::met(const writer& from, kafka_offset offset) {
  auto& lives = nodes_[from.node];
  // The usual case, once a record: the newest life goes on.
  if (!lives.empty() && lives.back().life == from.life && lives.back().offset <= offset)
    return;
  if (is_void(from, offset))
    return;
  const auto known = std::ranges::find(lives, from.life, &begun::life);
  if (known != lives.end())
    known->offset = std::min(known->offset, offset);
  else
    lives.insert(std::ranges::upper_bound(lives, from.life, {}, &begun::life), {offset, from.life});
  const auto begin = std::ranges::find(lives, from.life, &begun::life)->offset;
  // What is known of older lives only from records behind this one's begin says nothing.
  std::erase_if(lives, [&](const begun& b) { return b.life < from.life && b.offset >= begin; });
}

bool lives_log::is_void(const writer& from, kafka_offset offset) const {
  const auto node = nodes_.find(from.node);
  return node != nodes_.end() && std::ranges::any_of(node->second, [&](const begun& b) {
           return b.life > from.life && b.offset < offset;
         });
}

incarnation lives_log::newest(const node_name& node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() || found->second.empty() ? incarnation{} : found->second.back().life;
}

void lives_log::forget_below(kafka_offset offset) {
  for (auto& [node, lives] : nodes_) {
    const auto behind = std::ranges::upper_bound(lives, offset, {}, &begun::offset);
    if (behind - lives.begin() > 1)
      lives.erase(lives.begin(), behind - 1);
  }
}

void lives_log::forget_from(kafka_offset offset) {
  for (auto& [node, lives] : nodes_)
    std::erase_if(lives, [&](const begun& b) { return b.offset >= offset; });
  std::erase_if(nodes_, [](const auto& node) { return node.second.empty(); });
}

std::string lives_log::text() const {
  std::string out;
  for (const auto& [node, lives] : nodes_)
    for (const auto& b : lives)
      out += fmt::format("{}{}{}{}{}\n", node, separator, b.life, separator, b.offset);
  return out;
}

result<lives_log> lives_log::parse(std::string_view text) {
  lives_log made;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto first = line.find(separator);
    const auto second = first == line.npos ? line.npos : line.find(separator, first + 1);
    begun b;
    if (second == line.npos || !read_number(line.substr(first + 1, second - first - 1), b.life.value) ||
        !read_number(line.substr(second + 1), b.offset.value))
      return failure(fmt::format("a partition's stored lives can't be read: '{}'", line));
    made.nodes_[node_name(std::string(line.substr(0, first)))].push_back(b);
  }
  return made;
}

} // namespace understudy
