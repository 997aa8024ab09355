#include "storage/apply/destination_schema.hpp"

#include "storage/apply/local_shape.hpp"
#include "storage/state/sql_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace understudy {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.ends_with(end);
}

key_equality equality_of(const catalog_column& local, const column& source) {
  if (source.type == column_type::enumeration || source.type == column_type::set || local.collation.empty())
    return key_equality::bytes;
  if (ends_with(local.collation, "_bin"))
    return key_equality::padded_bytes;
  // In these, ASCII characters are equal to others of ASCII by case only. Not so everywhere: Swedish has
  // V = W, Lithuanian I = Y.
  for (const auto* plain : {"_general_ci", "_general_nopad_ci", "_unicode_ci", "_unicode_nopad_ci",
                            "_unicode_520_ci", "_unicode_520_nopad_ci"})
    if (ends_with(local.collation, plain))
      return key_equality::ascii_case;
  return key_equality::anything;
}

column_rule rule_of(column_policy policy) {
  switch (policy) {
  case column_policy::kept:
    return column_rule::as_is;
  case column_policy::reset:
    return column_rule::reset;
  case column_policy::left_out:
    return column_rule::left_out;
  case column_policy::own_group:
    return column_rule::group;
  case column_policy::own_index_volume:
    return column_rule::index_volume;
  case column_policy::mapped_volume:
    return column_rule::volume;
  }
  return column_rule::as_is;
}

/// What MariaDB adds to a table with a unique key over whole texts; only the binlog shows it.
bool is_hidden_hash(const column& source) {
  return source.name.starts_with("DB_ROW_HASH_");
}

/// Empty = values of `source` fit into `local`, unchanged.
std::string difference(const column& source, const column& local) {
  if (source.type != local.type)
    return "is of another type";
  if (source.is_unsigned != local.is_unsigned)
    return source.is_unsigned ? "is signed here" : "is unsigned here";
  if (source.charset != local.charset)
    return fmt::format("has character set {} here, {} on the source", local.charset, source.charset);
  if (source.members != local.members)
    return "has other members";
  if (source.decimals != local.decimals)
    return fmt::format("has {} decimals here, {} on the source", local.decimals, source.decimals);
  if (source.length > local.length)
    return fmt::format("has length {} here, {} on the source", local.length, source.length);
  return {};
}

class matcher {
public:
  matcher(const shape& source, const catalog_table& local, const profile& rules,
          const schema_catalog& catalog)
      : source_(source)
      , local_(local)
      , rules_(rules)
      , catalog_(catalog) {}

  result<std::shared_ptr<const destination_table>> match() {
    made_->logical = source_.table;
    made_->sql_name = sql_table(local_.database, local_.name);
    made_->registry = rules_.is_registry(source_.table);
    made_->self_pruned = rules_.is_self_pruned(source_.table);
    match_columns();
    if (local_.is_versioned)
      differences_.emplace_back("it is system-versioned");
    if (local_.engine != transactional_engine) // a rollback leaves its rows, and what is repeated adds them
      differences_.push_back(fmt::format("its engine is {} instead of {}, whose transactions are relied on",
                                         local_.engine, transactional_engine));
    if (!local_.triggers.empty())
      differences_.push_back(fmt::format("it has the trigger {}, which would add to replicated rows",
                                         fmt::join(local_.triggers, ", ")));
    if (!differences_.empty())
      return failure(fmt::format("table {} here differs from the source's: {}", made_->sql_name,
                                 fmt::join(differences_, "; ")),
                     "make both tables alike, then run restartReplicas");
    add_uniques();
    add_references();
    add_referenced();
    return made_;
  }

private:
  void match_columns();
  void match_surplus();
  void add_uniques();
  void add_references();
  void add_referenced();
  std::optional<std::uint16_t> index_of(const std::string& name) const;
  /// Nullopt if the shape lacks one of them.
  std::optional<std::vector<std::uint16_t>> indexes_of(const std::vector<std::string>& names) const;

  const shape& source_;
  const catalog_table& local_;
  const profile& rules_;
  const schema_catalog& catalog_;
  std::shared_ptr<destination_table> made_ = std::make_shared<destination_table>();
  std::vector<std::string> differences_;
};

std::optional<std::uint16_t> matcher::index_of(const std::string& name) const {
  for (std::uint16_t i = 0; i < source_.columns.size(); ++i)
    if (source_.columns[i].name == name)
      return i;
  return std::nullopt;
}

std::optional<std::vector<std::uint16_t>> matcher::indexes_of(const std::vector<std::string>& names) const {
  std::vector<std::uint16_t> out;
  for (const auto& name : names) {
    const auto index = index_of(name);
    if (!index)
      return std::nullopt;
    out.push_back(*index);
  }
  return out;
}

void matcher::match_columns() {
  for (std::uint16_t i = 0; i < source_.columns.size(); ++i) {
    const auto& source = source_.columns[i];
    auto& made = made_->columns.emplace_back();
    made.name = source.name;
    const auto policy = rules_.policy_of(source_.table, source.name);
    made.rule = i == source_.mailbox_column ? column_rule::mailbox : rule_of(policy.policy);
    made.reset_value = policy.reset_value;
    const auto* local = local_.column(source.name);
    if (local == nullptr) {
      if (is_hidden_hash(source))
        made.rule = column_rule::left_out;
      if (made.rule != column_rule::left_out)
        differences_.push_back(fmt::format("column {} is missing here", source.name));
      continue;
    }
    if (local->generated)
      made.rule = column_rule::left_out;
    made.charset = local->charset;
    made.collation = local->collation;
    made.equality = equality_of(*local, source);
    if (made.rule == column_rule::left_out || i == source_.mailbox_column)
      continue;
    const auto column = local_column(*local, {});
    const auto differs = column ? difference(source, *column) : column.error().what;
    if (!differs.empty())
      differences_.push_back(fmt::format("column {} {}", source.name, differs));
  }
  match_surplus();
}

/// A column that events don't bring would be filled by a default of this host (R37).
void matcher::match_surplus() {
  for (const auto& local : local_.columns)
    if (!local.generated && !index_of(local.name) &&
        rules_.policy_of(source_.table, local.name).policy != column_policy::left_out)
      differences_.push_back(fmt::format("column {} exists only here", local.name));
}

void matcher::add_uniques() {
  for (const auto& index : local_.indexes) {
    if (!index.unique)
      continue;
    auto columns = indexes_of(index.columns);
    const bool host_local =
        !columns || std::any_of(columns->begin(), columns->end(), [this](std::uint16_t i) {
          return made_->columns[i].rule == column_rule::left_out;
        });
    if (columns && *columns == source_.key && made_->key_index.empty())
      made_->key_index = index.name;
    if (!host_local)
      made_->uniques.push_back({index.name, std::move(*columns), index.prefixes});
  }
}

void matcher::add_references() {
  for (const auto& key : local_.foreign_keys) {
    const auto parent = rules_.logical_name(key.referenced_database, key.referenced_table);
    if (rules_.is_registry(parent) || rules_.is_never_replicated(parent))
      continue;
    if (auto columns = indexes_of(key.columns))
      made_->references.push_back(
          {parent, std::move(*columns), key.referenced_columns,
           key.on_delete != reference_action::restrict_ && key.on_delete != reference_action::no_action});
  }
}

void matcher::add_referenced() {
  if (made_->registry)
    return;
  for (const auto& [child, key] : catalog_.referring_to(local_.database, local_.name)) {
    auto columns = indexes_of(key->referenced_columns);
    if (columns &&
        std::find(made_->referenced.begin(), made_->referenced.end(), *columns) == made_->referenced.end())
      made_->referenced.push_back(std::move(*columns));
    const bool cascades = key->on_delete == reference_action::cascade;
    if (cascades && !catalog_.referring_to(child->database, child->name).empty())
      made_->cascades_further = true;
  }
}

} // namespace

result<std::shared_ptr<const destination_table>> match_table(const shape& source, const catalog_table& local,
                                                             const profile& rules,
                                                             const schema_catalog& catalog) {
  return matcher(source, local, rules, catalog).match();
}

destination_schema::destination_schema(std::shared_ptr<const profile> rules,
                                       std::shared_ptr<const schema_catalog> catalog)
    : rules_(std::move(rules))
    , catalog_(std::move(catalog)) {}

result<std::shared_ptr<const destination_table>> destination_schema::look_up(const shape& table,
                                                                             std::uint32_t group) const {
  if (rules_->is_never_replicated(table.table) || rules_->mailbox_column_of(table.table).empty())
    return failure(fmt::format("an event changes table {}, which the profile doesn't replicate", table.table),
                   "use the same profile on all nodes, then run restartReplicas");
  const auto name = rules_->physical_name(table.table, group_number(group));
  if (!name)
    return tl::make_unexpected(name.error());
  const auto* local = catalog_->find(name->database, name->table);
  if (local == nullptr)
    return failure(fmt::format("table {}.{} isn't there", name->database, name->table),
                   "create it as it is on the source, then run restartReplicas");
  return match_table(table, *local, *rules_, *catalog_);
}

result<std::shared_ptr<const destination_table>>
destination_schema::resolve(const std::shared_ptr<const shape>& table, std::uint32_t group) {
  auto& groups = known_[fingerprints_.of(table)];
  if (const auto found = groups.find(group); found != groups.end())
    return found->second;
  auto made = look_up(*table, group);
  if (made)
    groups.emplace(group, *made);
  return made;
}

} // namespace understudy
