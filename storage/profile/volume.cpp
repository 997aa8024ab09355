#include "storage/profile/volume.hpp"

#include "storage/profile/glob.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

std::string without_space(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return c != ' ' && c != '\t' && c != '\n' && c != '\r'; });
  return out;
}

bool is_marked(const volume_marks& marks, std::string_view name, std::string_view metadata) {
  const std::string packed = without_space(metadata);
  return std::any_of(marks.names.begin(), marks.names.end(),
                     [&](const auto& pattern) { return matches_glob(name, pattern); }) ||
         std::any_of(marks.metadata_contains.begin(), marks.metadata_contains.end(), [&](const auto& piece) {
           return packed.find(without_space(piece)) != std::string::npos;
         });
}

bool contains(const std::vector<std::int64_t>& types, std::int64_t type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

} // namespace

mailstore_volume describe_volume(const volume_rule& rules, std::int64_t id, std::int64_t type,
                                 std::string name, std::string path, std::string_view metadata) {
  mailstore_volume out;
  out.id = id;
  out.type = type;
  out.holds_blobs = contains(rules.message_types, type);
  out.holds_index = contains(rules.index_types, type);
  out.is_centralised = is_marked(rules.centralised, name, metadata);
  out.by_mailbox_id = out.holds_blobs && !is_marked(rules.by_locator, name, metadata);
  out.in_directory = !is_marked(rules.in_object_store, name, metadata);
  out.name = std::move(name);
  out.path = std::move(path);
  return out;
}

volume_mapping map_volumes(const std::vector<mailstore_volume>& there,
                           const std::vector<mailstore_volume>& here) {
  volume_mapping out;
  for (const auto& theirs : there) {
    if (!theirs.holds_blobs)
      continue;
    const auto ours = std::find_if(here.begin(), here.end(), [&](const mailstore_volume& candidate) {
      return candidate.holds_blobs && candidate.is_centralised && theirs.is_centralised &&
             candidate.name == theirs.name && candidate.path == theirs.path;
    });
    if (ours == here.end())
      out.unreachable.push_back(theirs);
    else
      out.numbers.emplace(theirs.id, ours->id);
  }
  return out;
}

result<void> allow_own_ids(const std::vector<mailstore_volume>& here,
                           const std::map<std::uint64_t, std::uint64_t>& mapped) {
  const auto refused = std::find_if(here.begin(), here.end(), [&](const mailstore_volume& volume) {
    return volume.by_mailbox_id && std::any_of(mapped.begin(), mapped.end(), [&](const auto& pair) {
             return pair.second == static_cast<std::uint64_t>(volume.id);
           });
  });
  if (refused == here.end())
    return {};
  return failure(fmt::format("volume {}: {} holds blobs under the source's mailbox id, and the profile says "
                             "mailbox_id = \"own\": a replica wouldn't find them",
                             refused->name, refused->path),
                 "set mailbox_id = \"same\" in the profile of every node and restart them, or, if the mail "
                 "server finds the blobs there by locator, name the volume under [volumes.by_locator]");
}

} // namespace understudy
