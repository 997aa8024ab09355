#include "events/codec/decode.hpp"

#include "events/codec/body_decoder.hpp"
#include "events/codec/encode.hpp"
#include "events/codec/json_access.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <fmt/format.h>

#include <array>

namespace understudy {
namespace json = boost::json;
namespace {

/// Our deepest record has 6 levels; the rest is room for fields of later versions.
constexpr std::size_t deepest = 32;
/// Holds the tree of an event of about 5 KB; larger ones take further memory, and give it back.
constexpr std::size_t tree_bytes = 64 * 1024;
constexpr std::size_t stack_bytes = 16 * 1024;
/// Behind a text above this, the parser's own stack isn't kept.
constexpr std::size_t large_text = std::size_t{1} << 20;

json::parse_options options() {
  json::parse_options chosen;
  chosen.max_depth = deepest;
  return chosen;
}

decode_error malformed_at(std::size_t offset, std::string_view why) {
  decode_error e;
  e.what = fmt::format("record can't be read: not JSON at byte {}: {}", offset, why);
  e.todo = "re-initialise the account's replica";
  return e;
}

decoded read_event(const json::value& tree, const shape_lookup& shapes) {
  first_failure failed;
  const auto* object = tree.if_object();
  if (!object)
    return tl::make_unexpected(malformed_at(0, "not an object"));
  const event_fields fields(*object, failed);
  const auto version = fields.number<std::uint64_t>("v");
  if (failed.none() && version != codec_version)
    failed.set("v", fmt::format("is the unknown version {}", version), decode_failure::unknown_version);
  const auto type = text_of(fields.at("t"), "t", failed);
  account_event event;
  event.from.node = node_name(fields.text("n"));
  event.from.life = incarnation(fields.number<std::uint64_t>("l"));
  if (failed.none())
    event.body = read_body(type, fields, shapes);
  if (!failed.none())
    return tl::make_unexpected(failed.take());
  return event;
}

} // namespace

struct decoder::memory {
  std::array<unsigned char, tree_bytes> tree;
  std::array<unsigned char, stack_bytes> stack;
  json::parser parser{json::storage_ptr{}, options(), stack.data(), stack.size()};
};

decoder::decoder()
    : memory_(std::make_unique<memory>()) {}
decoder::~decoder() = default;
decoder::decoder(decoder&&) noexcept = default;
decoder& decoder::operator=(decoder&&) noexcept = default;

decoded decoder::decode(std::string_view text, const shape_lookup& shapes) {
  if (text.size() > most_event_bytes)
    return tl::make_unexpected(malformed_at(most_event_bytes, "the record is too long"));
  auto& parser = memory_->parser;
  // Of this record alone: a resource doubles what it takes next whenever it runs out, and never comes back.
  json::monotonic_resource resource(memory_->tree.data(), memory_->tree.size());
  parser.reset(&resource);
  json::error_code code;
  const auto taken = parser.write(text.data(), text.size(), code);
  auto outcome = code ? decoded(tl::make_unexpected(malformed_at(taken, code.message())))
                      : read_event(parser.release(), shapes);
  parser.reset(); // a tree that was broken off lies in the resource
  if (text.size() > large_text)
    memory_ = std::make_unique<memory>();
  return outcome;
}

decoded decode(std::string_view json, const shape_lookup& shapes) {
  thread_local decoder of_thread;
  return of_thread.decode(json, shapes);
}

} // namespace understudy
