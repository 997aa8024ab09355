#include "storage/profile/profile.hpp"
#include "storage/profile/toml_section.hpp"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <sstream>

namespace understudy {
namespace {

/// A profile is a few kilobytes; whatever is larger was named by mistake.
constexpr std::uintmax_t largest_profile = 1024 * 1024;
constexpr std::string_view group_mark = "{group}";

table_name shared_table(toml_section& in, std::string_view key) {
  const std::string text = in.text(key);
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) {
    in.complain(fmt::format("'{}' must be of the form database/table", key));
    return {};
  }
  return {text.substr(0, slash), text.substr(slash + 1)};
}

group_rule read_groups(toml_section in) {
  group_rule out;
  const std::string pattern = in.text("database");
  const auto mark = pattern.find(group_mark);
  if (mark == std::string::npos || mark == 0) {
    in.complain("'database' must contain {group} behind a name, as in \"mboxgroup{group}\"");
  } else {
    out.prefix = pattern.substr(0, mark);
    out.suffix = pattern.substr(mark + group_mark.size());
  }
  out.count = static_cast<std::uint32_t>(in.number("count", 1, 1'000'000));
  in.done();
  return out;
}

registry_rule read_registry(toml_section in) {
  registry_rule out;
  out.table = shared_table(in, "table");
  out.mailbox_column = in.text("mailbox");
  out.account_column = in.text("account");
  out.name_column = in.text("name");
  out.group_column = in.text("group");
  in.done();
  return out;
}

volume_marks read_marks(toml_section in) {
  volume_marks out{in.texts_or_none("names"), in.texts_or_none("metadata_contains")};
  in.done();
  return out;
}

volume_rule read_volumes(toml_section in) {
  volume_rule out;
  out.table = shared_table(in, "table");
  out.id_column = in.text("id");
  out.type_column = in.text("type");
  out.name_column = in.text("name");
  out.path_column = in.text("path");
  out.metadata_column = in.text("metadata");
  out.message_types = in.numbers_or_none("message_types");
  out.index_types = in.numbers_or_none("index_types");
  out.current_table = shared_table(in, "current_table");
  out.current_message_columns = in.texts_or_none("current_message");
  out.current_index_column = in.text("current_index");
  out.in_object_store = {in.texts_or_none("object_store_names"),
                         in.texts_or_none("object_store_metadata_contains")};
  out.centralised = read_marks(in.section("centralised"));
  out.by_locator = read_marks(in.section("by_locator"));
  in.done();
  return out;
}

host_local_column read_host_local(toml_section in) {
  static constexpr std::array<std::pair<std::string_view, column_policy>, 6> policies{{
      {"kept", column_policy::kept},
      {"reset", column_policy::reset},
      {"left_out", column_policy::left_out},
      {"own_group", column_policy::own_group},
      {"own_index_volume", column_policy::own_index_volume},
      {"mapped_volume", column_policy::mapped_volume},
  }};
  host_local_column out;
  out.table = in.text("table");
  out.column = in.text("column");
  const std::string policy = in.text("policy");
  bool known = false;
  for (const auto& [name, value] : policies)
    if (name == policy) {
      out.policy = value;
      known = true;
    }
  if (!known)
    in.complain(fmt::format("'{}' is no policy; kept, reset, left_out, own_group, own_index_volume and "
                            "mapped_volume are",
                            policy));
  out.reset_value = in.number_or("value", 0);
  in.done();
  return out;
}

void read_tables(toml_section in, profile& out) {
  out.mailbox_column = in.text("mailbox_column");
  out.shadow_tables = in.texts_or_none("shadow");
  out.never = in.texts_or_none("never");
  out.self_pruned = in.texts_or_none("self_pruned");
  out.shared_tables = in.text_map_or_none("shared");
  in.done();
}

mailbox_mode read_mailbox_mode(toml_section& in) {
  const std::string mode = in.text_or("mailbox_id", "own");
  if (mode != "own" && mode != "same")
    in.complain(fmt::format("mailbox_id must be \"own\" or \"same\", not \"{}\"", mode));
  return mode == "same" ? mailbox_mode::same : mailbox_mode::own;
}

profile read_profile(toml_section& in) {
  profile out;
  out.name = in.text("name");
  out.mailbox_ids = read_mailbox_mode(in);
  out.groups = read_groups(in.section("groups"));
  out.registry = read_registry(in.section("registry"));
  auto allocation = in.section("allocation");
  out.allocation = {shared_table(allocation, "table"), allocation.text("column")};
  allocation.done();
  auto items = in.section("items");
  out.item_table = items.text("table");
  out.item_column = items.text("column");
  items.done();
  read_tables(in.section("tables"), out);
  for (auto& section : in.sections_or_none("host_local"))
    out.host_local.push_back(read_host_local(std::move(section)));
  out.volumes = read_volumes(in.section("volumes"));
  auto guard = in.section("guard");
  out.guard = {guard.texts_or_none("left_out"), guard.texts_or_none("first")};
  guard.done();
  auto probe = in.section("loaded_mailbox");
  out.loaded_mailbox = {probe.text_or("pid_file", ""), probe.texts_or_none("command")};
  probe.done();
  in.done();
  return out;
}

} // namespace

result<profile> parse_profile(std::string_view toml, std::string_view source) {
  const std::string todo = fmt::format("correct the profile {}", source);
  try {
    const toml::table parsed = toml::parse(toml, source);
    std::string first_error;
    toml_section root(parsed, std::string(source), first_error);
    profile out = read_profile(root);
    if (!first_error.empty())
      return failure(first_error, todo);
    return out;
  } catch (const toml::parse_error& malformed) {
    return failure(fmt::format("{}:{}: {}", source, malformed.source().begin.line, malformed.description()),
                   todo);
  }
}

result<profile> load_profile(const std::filesystem::path& file) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed)
    return failure(fmt::format("can't read the profile {}: {}", file.string(), failed.message()),
                   "correct [profile] file");
  if (size > largest_profile)
    return failure(
        fmt::format("the profile {} has {} bytes; {} is the limit", file.string(), size, largest_profile),
        "correct [profile] file");
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in)
    return failure(fmt::format("can't read the profile {}", file.string()), "correct [profile] file");
  return parse_profile(text.str(), file.filename().string());
}

} // namespace understudy
