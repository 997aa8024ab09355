#include "storage/apply/table_links.hpp"

#include <algorithm>

namespace understudy {
namespace {

std::string space_name(const std::string& parent, const std::vector<std::string>& columns) {
  std::string name = parent;
  for (const auto& column : columns)
    name += '\0' + column;
  return name;
}

bool contains(const std::vector<std::uint16_t>& all, const std::vector<std::uint16_t>& some) {
  return std::all_of(some.begin(), some.end(), [&all](std::uint16_t column) {
    return std::find(all.begin(), all.end(), column) != all.end();
  });
}

} // namespace

std::uint32_t link_catalog::number(std::map<std::string, std::uint32_t>& names, const std::string& name) {
  return names.try_emplace(name, static_cast<std::uint32_t>(names.size())).first->second;
}

table_links link_catalog::make(const destination_table& target, const shape& table) {
  table_links links;
  links.table = number(tables_, target.logical);
  links.keyless = table.key.empty();
  links.constrained.assign(table.columns.size(), false);
  const auto constrain = [&links](const std::vector<std::uint16_t>& columns) {
    for (const auto column : columns)
      links.constrained[column] = true;
  };
  for (const auto& key : target.uniques) {
    links.uniques.push_back({number(uniques_, target.logical + '\0' + key.name), &key});
    constrain(key.columns);
  }
  constrain(table.key);
  for (const auto& link : target.references) {
    const bool in_every_key =
        !target.uniques.empty() &&
        std::all_of(target.uniques.begin(), target.uniques.end(),
                    [&link](const destination_unique& key) { return contains(key.columns, link.columns); });
    links.references.push_back(
        {number(spaces_, space_name(link.parent, link.parent_columns)), &link, in_every_key});
    constrain(link.columns);
  }
  for (const auto& columns : target.referenced) {
    std::vector<std::string> names;
    for (const auto column : columns)
      names.push_back(table.columns[column].name);
    links.referenced_by.push_back({number(spaces_, space_name(target.logical, names)), &columns});
    constrain(columns);
  }
  return links;
}

const table_links& link_catalog::of(const std::shared_ptr<const destination_table>& target,
                                    const shape& table) {
  if (const auto found = known_.find(target.get()); found != known_.end())
    return found->second;
  return known_.emplace(target.get(), make(*target, table)).first->second;
}

} // namespace understudy
