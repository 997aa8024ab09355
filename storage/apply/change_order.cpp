#include "storage/apply/change_order.hpp"

#include <algorithm>

namespace understudy {
namespace {

using certainty = key_token::certainty;

void raise(std::uint32_t& level, std::uint32_t to) {
  level = std::max(level, to);
}

std::uint32_t level_at(const std::unordered_map<std::uint64_t, std::uint32_t>& levels, std::uint64_t hash) {
  const auto found = levels.find(hash);
  return found == levels.end() ? 0 : found->second;
}

const std::vector<std::uint32_t> no_prefixes;

/// The number that a one-column key has beside the mailbox: MariaDB's order of the key within the mailbox.
bool numeric_key(const planned_row& row, std::int64_t& key) {
  const value* only = nullptr;
  for (const auto column : row.table->key) {
    if (column == row.table->mailbox_column)
      continue;
    if (only != nullptr)
      return false;
    only = cell_value(row.before, column);
  }
  if (only == nullptr)
    return false;
  if (const auto* number = std::get_if<std::int64_t>(only))
    key = *number;
  else if (const auto* natural = std::get_if<std::uint64_t>(only);
           natural != nullptr && *natural <= INT64_MAX)
    key = static_cast<std::int64_t>(*natural);
  else
    return false;
  return true;
}

void put_cell(std::vector<cell>& cells, const cell& newer) {
  const auto at = std::lower_bound(cells.begin(), cells.end(), newer.column,
                                   [](const cell& c, std::uint16_t column) { return c.column < column; });
  if (at != cells.end() && at->column == newer.column)
    at->content = newer.content;
  else
    cells.insert(at, newer);
}

} // namespace

bool change_order::stands_alone(const planned_row& row, const table_links& links) {
  // Rows written under another structure of the table don't compare with those before.
  auto& seen = shapes_[links.table];
  const bool other_structure = seen != nullptr && seen != row.target.get();
  seen = row.target.get();
  if (other_structure)
    return true;
  if (row.target->registry && row.kind != change_kind::update)
    return true;
  if (row.kind == change_kind::remove)
    return row.target->cascades_further;
  return row.kind == change_kind::update &&
         std::any_of(links.referenced_by.begin(), links.referenced_by.end(),
                     [&row](const auto& referenced) { return writes_any(row, *referenced.columns); });
}

std::uint32_t change_order::level_of_uniques(const planned_row& row, const table_links& links) {
  std::uint32_t below = 0;
  if (row.kind == change_kind::remove)
    return below;
  for (const auto& unique : links.uniques) {
    if (row.kind == change_kind::update && !writes_any(row, unique.key->columns))
      continue;
    const auto token = token_after(row, unique.key->columns, unique.key->prefixes);
    if (token.known == certainty::none)
      continue;
    const auto& state = uniques_[unique.id];
    raise(below, state.named_given_up);
    // Without unique checks MariaDB wouldn't detect a wrong guess.
    if (token.known == certainty::unknown && !row.unique_checks_off)
      continue;
    raise(below, state.maybe_given_up);
    raise(below, token.known == certainty::exact ? level_at(state.given_up, token.hash) : state.given_up_top);
  }
  return below;
}

std::uint32_t change_order::level_as_child(const planned_row& row, const table_links& links) {
  std::uint32_t below = 0;
  for (const auto& reference : links.references) {
    const bool refers = row.kind == change_kind::insert ||
                        (row.kind == change_kind::update && writes_any(row, reference.link->columns));
    if (!refers)
      continue;
    const auto& space = spaces_[reference.space];
    const auto token = token_after(row, reference.link->columns, no_prefixes);
    if (token.known == certainty::exact) {
      raise(below, level_at(space.added, token.hash));
      raise(below, level_at(space.removed, token.hash));
    } else if (token.known != certainty::none) {
      raise(below, std::max(space.added_top, space.removed_top));
    }
    // The row may have been there before, under another parent whose delete cascaded it away.
    if (row.kind == change_kind::insert && reference.link->touches_child && !reference.in_every_key)
      raise(below, space.removed_top);
  }
  return below;
}

std::uint32_t change_order::level_as_parent(const planned_row& row, const table_links& links) {
  std::uint32_t below = 0;
  if (row.kind != change_kind::remove)
    return below;
  for (const auto& referenced : links.referenced_by) {
    const auto& space = spaces_[referenced.space];
    const auto token = token_before(row, *referenced.columns, no_prefixes);
    raise(below, space.touched_unknown);
    raise(below, token.known == certainty::exact ? level_at(space.touched, token.hash) : space.touched_top);
    std::int64_t key = 0;
    const bool ascending = numeric_key(row, key) && key > space.run_key &&
                           space.run_keys_off == row.foreign_keys_off && space.run_forgiven == row.forgiven;
    if (space.run_level != 0)
      raise(below, ascending ? space.run_level - 1 : space.run_level);
  }
  return below;
}

std::uint32_t change_order::lowest_level(const planned_row& row, const table_links& links) {
  std::uint32_t below = floor_ - 1;
  raise(below, level_of_uniques(row, links));
  raise(below, level_as_child(row, links));
  raise(below, level_as_parent(row, links));
  if (links.keyless)
    raise(below,
          row.kind == change_kind::insert ? keyless_forgiven_[links.table] : keyless_written_[links.table]);
  return below + 1;
}

void change_order::record_uniques(const planned_row& row, const table_links& links, std::uint32_t level) {
  if (row.kind == change_kind::insert)
    return;
  for (const auto& unique : links.uniques) {
    if (row.kind == change_kind::update && !writes_any(row, unique.key->columns))
      continue;
    auto& state = uniques_[unique.id];
    const auto old = token_before(row, unique.key->columns, unique.key->prefixes);
    if (old.known == certainty::exact) {
      raise(state.given_up[old.hash], level);
      raise(state.given_up_top, level);
    } else if (old.known != certainty::none) {
      const auto now = token_after(row, unique.key->columns, unique.key->prefixes).known;
      const bool named =
          row.kind == change_kind::update && (now == certainty::exact || now == certainty::wild);
      raise(named ? state.named_given_up : state.maybe_given_up, level);
    }
  }
}

void change_order::record_as_child(const planned_row& row, const table_links& links, std::uint32_t level) {
  const auto touch = [level](space_state& space, const key_token& token) {
    if (token.known == certainty::none)
      return;
    raise(space.touched_top, level);
    if (token.known == certainty::exact)
      raise(space.touched[token.hash], level);
    else
      raise(space.touched_unknown, level);
  };
  for (const auto& reference : links.references) {
    auto& space = spaces_[reference.space];
    const bool cascades = reference.link->touches_child;
    const bool rewrites = row.kind == change_kind::update && writes_any(row, reference.link->columns);
    if (row.kind != change_kind::remove && (cascades || rewrites))
      touch(space, token_after(row, reference.link->columns, no_prefixes));
    if (row.kind == change_kind::insert || (row.kind == change_kind::update && !cascades && !rewrites))
      continue;
    const auto old = token_before(row, reference.link->columns, no_prefixes);
    const bool own_delete = row.kind == change_kind::remove && !cascades && old.known != certainty::exact &&
                            reference.link->parent == row.target->logical;
    std::int64_t key = 0;
    if (own_delete && numeric_key(row, key)) {
      space.run_level = level;
      space.run_key = key;
      space.run_keys_off = row.foreign_keys_off;
      space.run_forgiven = row.forgiven;
    } else {
      touch(space, old);
    }
  }
}

void change_order::record_as_parent(const planned_row& row, const table_links& links, std::uint32_t level) {
  for (const auto& referenced : links.referenced_by) {
    auto& space = spaces_[referenced.space];
    if (row.kind == change_kind::insert) {
      const auto token = token_after(row, *referenced.columns, no_prefixes);
      raise(space.added_top, level);
      if (token.known == certainty::exact)
        raise(space.added[token.hash], level);
    } else if (row.kind == change_kind::remove) {
      const auto token = token_before(row, *referenced.columns, no_prefixes);
      raise(space.removed_top, level);
      if (token.known == certainty::exact)
        raise(space.removed[token.hash], level);
      if (!row.foreign_keys_off)
        removed_in_event_.emplace_back(referenced.space, token);
    }
  }
}

void change_order::record(const planned_row& row, const table_links& links, std::uint32_t level) {
  raise(top_, level);
  record_uniques(row, links, level);
  record_as_child(row, links, level);
  record_as_parent(row, links, level);
  if (links.keyless && row.kind != change_kind::remove)
    raise(keyless_written_[links.table], level);
  else if (links.keyless && row.forgiven)
    raise(keyless_forgiven_[links.table], level);
}

bool change_order::merge(const planned_row& row, const table_links& links, last_change& last,
                         std::uint32_t lowest) {
  planned_row* into = last.row;
  if (row.kind != change_kind::update || into == nullptr || last.sealed ||
      into->kind == change_kind::remove || lowest > into->level || into->table != row.table)
    return false;
  const bool plain = std::none_of(row.after.begin(), row.after.end(),
                                  [&links](const cell& c) { return links.constrained[c.column]; });
  if (!plain && (into->foreign_keys_off != row.foreign_keys_off ||
                 into->unique_checks_off != row.unique_checks_off || writes_any(row, row.table->key)))
    return false;
  record(row, links, into->level);
  for (const auto& newer : row.after)
    put_cell(into->after, newer);
  into->last = row.last;
  into->lenient = into->lenient || row.lenient;
  return true;
}

void change_order::place(std::unique_ptr<planned_row> row, const table_links& links, std::uint32_t lowest) {
  planned_row& placed = *rows_.emplace_back(std::move(row));
  placed.level = lowest;
  if (links.keyless) {
    record(placed, links, placed.level);
    return;
  }
  const bool moves_key = placed.kind == change_kind::update && writes_any(placed, placed.table->key);
  const auto name_before = identity_before(placed);
  const auto name_after = placed.kind == change_kind::remove ? name_before : identity_after(placed);
  for (const auto* name : {&name_before, &name_after}) {
    if (placed.kind == change_kind::insert && name == &name_before)
      continue;
    auto& last = last_[row_name{links.table, *name}];
    if (last.row != nullptr && last.row != &placed)
      raise(placed.level, last.row->level + 1);
    last = {&placed, moves_key};
  }
  record(placed, links, placed.level);
}

void change_order::take_alone(std::unique_ptr<planned_row> row) {
  row->level = top_ + 1;
  top_ = row->level;
  floor_ = top_ + 1;
  last_.clear();
  uniques_.clear();
  spaces_.clear();
  keyless_written_.clear();
  keyless_forgiven_.clear();
  rows_.emplace_back(std::move(row));
}

bool change_order::cascaded_in_event(const planned_row& row, const table_links& links) const {
  if (row.kind != change_kind::remove || removed_in_event_.empty())
    return false;
  return std::any_of(links.references.begin(), links.references.end(), [&](const auto& reference) {
    if (!reference.link->touches_child)
      return false;
    const auto own = token_before(row, reference.link->columns, no_prefixes);
    return std::any_of(removed_in_event_.begin(), removed_in_event_.end(), [&](const auto& removed) {
      const bool both_known = own.known == certainty::exact && removed.second.known == certainty::exact;
      return removed.first == reference.space && (!both_known || own.hash == removed.second.hash);
    });
  });
}

void change_order::take(std::unique_ptr<planned_row> row) {
  const table_links& links = links_.of(row->target, *row->table);
  if (cascaded_in_event(*row, links))
    row->forgiven = true;
  if (in_order_ || stands_alone(*row, links)) {
    record_as_parent(*row, links, 0);
    take_alone(std::move(row));
    return;
  }
  const auto lowest = lowest_level(*row, links);
  if (!links.keyless && row->kind == change_kind::update) {
    const auto found = last_.find(row_name{links.table, identity_before(*row)});
    if (found != last_.end() && merge(*row, links, found->second, lowest))
      return;
  }
  place(std::move(row), links, lowest);
}

} // namespace understudy
