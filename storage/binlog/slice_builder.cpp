#include "storage/binlog/slice_builder.hpp"

#include "storage/binlog/row_values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace understudy {
namespace {

result<value> value_of(const row_image::place& place, const wire_column& c) {
  if (place.is != row_image::state::present)
    return value(null_value{});
  auto v = read_value(place.stored, c);
  if (!v)
    return failure(fmt::format("column `{}`: {}", c.about.name, v.error().what));
  return v;
}

result<void> append_cell(std::vector<cell>& cells, const row_image& image, const prepared_table& t,
                         std::uint16_t column) {
  auto v = value_of(image.at(column), t.map->columns[column]);
  if (!v)
    return tl::make_unexpected(v.error());
  cells.push_back(cell{column, std::move(*v)});
  return {};
}

std::string plain_text(const value& v) {
  return std::visit(
      [](const auto& x) -> std::string {
        using type = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<type, text_value>)
          return x.utf8;
        else if constexpr (std::is_same_v<type, bytes_value>)
          return x.bytes;
        else if constexpr (std::is_same_v<type, literal_value>)
          return x.text;
        else if constexpr (std::is_same_v<type, null_value>)
          return {};
        else
          return fmt::format("{}", x);
      },
      v);
}

/// A whole number of either sign as 64 bits; empty for anything else.
std::optional<std::uint64_t> plain_number(const value& v) {
  if (const auto* x = std::get_if<std::uint64_t>(&v))
    return *x;
  if (const auto* x = std::get_if<std::int64_t>(&v))
    return static_cast<std::uint64_t>(*x);
  return std::nullopt;
}

void warn_unreadable(const prepared_table& t, std::string why, sliced_transaction& out) {
  using warning = sliced_transaction::warning;
  const auto said = [&](const warning& w) {
    return w.what == warning::kind::unreadable && w.table == t.map->table && w.database == t.map->database;
  };
  if (std::none_of(out.unseen.begin(), out.unseen.end(), said))
    out.unseen.push_back(warning{warning::kind::unreadable, std::move(why), t.map->database, t.map->table,
                                 !t.route.is_self_pruned});
}

/// Whether an update says this column though it's as it was: where every host prunes rows by itself, a
/// replica that has none any more makes it of the event (R38). Without a key the before image has them all.
bool travels_unchanged(const prepared_table& t, std::uint16_t column) {
  return t.route.is_self_pruned && !t.table->key.empty() &&
         std::find(t.key.begin(), t.key.end(), column) == t.key.end();
}

enum class mailbox_state : std::uint8_t { known, none, unknown };

/// NULL or out of range: the row is nobody's. Absent: can't be told.
std::pair<mailbox_state, mailbox_id> mailbox_of(const row_image& image, const prepared_table& t) {
  const auto& place = image.at(t.mailbox_column);
  if (place.is == row_image::state::absent)
    return {mailbox_state::unknown, {}};
  const auto v = value_of(place, t.map->columns[t.mailbox_column]);
  const auto number = v ? plain_number(*v) : std::nullopt;
  if (!number || *number > UINT32_MAX)
    return {mailbox_state::none, {}};
  return {mailbox_state::known, mailbox_id(static_cast<std::uint32_t>(*number))};
}

} // namespace

bool slice_builder::read_images(const rows& event, byte_reader& in) {
  switch (event.kind) {
  case change_kind::insert:
    return after_.read(in, *event.table, event.first_columns);
  case change_kind::remove:
    return before_.read(in, *event.table, event.first_columns);
  case change_kind::update:
    return before_.read(in, *event.table, event.first_columns) &&
           after_.read(in, *event.table, event.second_columns);
  }
  return false;
}

result<void> slice_builder::add(const rows& event, sliced_transaction& out) {
  const auto& t = tables_.get(event.table);
  if (t.route.what == table_route::kind::ignored)
    return {};
  if (t.route.what == table_route::kind::own)
    return add_own(event, t, out);
  if (out.ours && t.route.what == table_route::kind::account_rows)
    return {};
  if (!t.unreadable.empty()) {
    warn_unreadable(t, t.unreadable, out);
    return {};
  }
  byte_reader in(event.data);
  while (in.left() > 0) {
    if (!read_images(event, in))
      return failure(fmt::format("a row of `{}`.`{}` ends too early", t.map->database, t.map->table));
    if (auto done = add_account_row(event, t, out); !done)
      return failure(fmt::format("`{}`.`{}`: {}", t.map->database, t.map->table, done.error().what));
    ++rows_read_;
  }
  return {};
}

result<void> slice_builder::add_own(const rows& event, const prepared_table& t, sliced_transaction& out) {
  if (std::find(out.own_tables.begin(), out.own_tables.end(), t.map->table) == out.own_tables.end())
    out.own_tables.push_back(t.map->table);
  if (t.own == prepared_table::own_kind::mark && !out.ours) {
    out.ours = true;
    out.slices.clear();
    slice_of_.clear();
    kept_ = 0;
  }
  if (t.own != prepared_table::own_kind::role || event.kind == change_kind::remove)
    return {};
  // Roles decide who may acknowledge (R11): one that can't be read must not be passed over.
  if (!t.unreadable.empty())
    return failure("understudy.role can't be read: " + t.unreadable);
  byte_reader in(event.data);
  while (in.left() > 0) {
    if (!read_images(event, in))
      return failure("a row of understudy.role ends too early");
    std::vector<value> fields;
    for (const auto column : t.named_columns) {
      auto v = value_of(after_.at(column), t.map->columns[column]);
      if (!v)
        return tl::make_unexpected(v.error());
      fields.push_back(std::move(*v));
    }
    const auto term = plain_number(fields[1]);
    const auto decision = plain_number(fields[3]);
    if (!term || !decision)
      return failure("a row of understudy.role without term or decision (binlog_row_image isn't FULL?)");
    auto& role = out.roles.emplace_back();
    role.account = account_id(plain_text(fields[0]));
    role.term = epoch(*term);
    role.role = plain_text(fields[2]);
    role.decision = kafka_offset(static_cast<std::int64_t>(*decision));
    if (fields.size() > 4) {
      role.at_cut = plain_text(fields[4]);
      role.read_at = {plain_text(fields[5]), plain_number(fields[6]).value_or(0)};
    }
  }
  return {};
}

result<void> slice_builder::add_account_row(const rows& event, const prepared_table& t,
                                            sliced_transaction& out) {
  const auto& main = event.kind == change_kind::remove ? before_ : after_;
  auto [state, mailbox] = mailbox_of(main, t);
  if (event.kind == change_kind::update) {
    const auto [state_before, mailbox_before] = mailbox_of(before_, t);
    if (state == mailbox_state::unknown) {
      state = state_before; // MINIMAL: not changed, so not in the after image
      mailbox = mailbox_before;
    } else if (state != state_before || mailbox != mailbox_before) {
      // The row goes from one mailbox to another: two accounts, two changes.
      if (state_before == mailbox_state::known)
        if (auto done = add_change(event, t, change_kind::remove, mailbox_before, out); !done)
          return done;
      if (state == mailbox_state::known)
        return add_change(event, t, change_kind::insert, mailbox, out);
      return {};
    }
  }
  if (state == mailbox_state::unknown)
    warn_unreadable(
        t, fmt::format("a row image without `{}` (binlog_row_image isn't FULL)", t.route.mailbox_column),
        out);
  if (state != mailbox_state::known)
    return {};
  return add_change(event, t, event.kind, mailbox, out);
}

result<void> slice_builder::add_change(const rows& event, const prepared_table& t, change_kind kind,
                                       mailbox_id mailbox, sliced_transaction& out) {
  using state = row_image::state;
  if (t.route.what == table_route::kind::registry) {
    const auto& main = kind == change_kind::remove ? before_ : after_;
    const auto& other = kind == change_kind::update ? before_ : main;
    if (auto done = add_registry_row(t, kind, mailbox, main, other, out); !done)
      return done;
    if (out.ours)
      return {};
  }
  row_change change;
  change.table = t.table;
  change.kind = kind;
  change.foreign_keys_off = event.foreign_keys_off;
  change.unique_checks_off = event.unique_checks_off;
  if (kind != change_kind::insert) {
    const auto& columns = t.table->key.empty() ? t.travelling : t.key;
    change.before.reserve(columns.size());
    for (const auto column : columns)
      if (before_.at(column).is != state::absent)
        if (auto done = append_cell(change.before, before_, t, column); !done)
          return done;
  }
  bool has_changed = kind != change_kind::update;
  if (kind != change_kind::remove) {
    change.after.reserve(kind == change_kind::insert ? t.travelling.size() : 8);
    for (const auto column : t.travelling) {
      const auto& place = after_.at(column);
      const bool same = kind == change_kind::update && row_image::same(before_.at(column), place);
      has_changed = has_changed || (!same && place.is != state::absent);
      if (place.is == state::absent || (same && !travels_unchanged(t, column)))
        continue;
      if (auto done = append_cell(change.after, after_, t, column); !done)
        return done;
    }
  }
  // Only columns that don't travel changed: nothing happened to the account.
  if (!has_changed)
    return {};
  keep(std::move(change), mailbox, out);
  return {};
}

result<void> slice_builder::add_registry_row(const prepared_table& t, change_kind kind, mailbox_id mailbox,
                                             const row_image& main, const row_image& other,
                                             sliced_transaction& out) {
  std::string texts[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const auto column = t.named_columns[i];
    const auto& image = main.at(column).is == row_image::state::absent ? other : main;
    auto v = value_of(image.at(column), t.map->columns[column]);
    if (!v)
      return tl::make_unexpected(v.error());
    texts[i] = plain_text(*v);
  }
  const auto& name = main.at(t.named_columns[1]);
  const auto& before = other.at(t.named_columns[1]);
  const bool renamed = kind == change_kind::update && name.is != row_image::state::absent &&
                       before.is != row_image::state::absent && !row_image::same(before, name);
  out.registry.push_back({kind, account_id(std::move(texts[0])), mailbox, std::move(texts[1]), renamed});
  return {};
}

sliced_transaction::slice& slice_builder::slice_of(mailbox_id mailbox, sliced_transaction& out) {
  if (!out.slices.empty() && out.slices.back().mailbox == mailbox)
    return out.slices.back();
  const auto [place, added] = slice_of_.try_emplace(mailbox.value, out.slices.size());
  if (added)
    out.slices.push_back({mailbox, {}});
  return out.slices[place->second];
}

void slice_builder::keep(row_change&& change, mailbox_id mailbox, sliced_transaction& out) {
  auto& slice = slice_of(mailbox, out);
  if (slice.too_large)
    return;
  const auto bytes = memory_of(change);
  slice.bytes += bytes; // before it's compared
  kept_ += bytes;
  while (kept_ > most_kept_) {
    auto& largest = largest_of(out);
    kept_ -= largest.bytes;
    give_up(largest);
  }
  if (slice.too_large)
    return;
  slice.changes.push_back(std::move(change));
}

sliced_transaction::slice& slice_builder::largest_of(sliced_transaction& transaction) {
  return *std::ranges::max_element(transaction.slices, {}, &sliced_transaction::slice::bytes);
}

void slice_builder::give_up(sliced_transaction::slice& slice) {
  slice = {slice.mailbox, {}, 0, true};
}

slice_builder::mark slice_builder::here(const sliced_transaction& out) {
  mark m{out.ours, {}, out.roles.size(), out.registry.size(), out.own_tables.size(), out.unseen.size()};
  for (const auto& s : out.slices)
    m.slices.push_back({s.changes.size(), s.bytes});
  return m;
}

void slice_builder::back_to(const mark& where, sliced_transaction& out) {
  // A mark of ours stands: what it hid before can't be brought back, and ours stays ours.
  if (!out.ours) {
    // What a slice had before it was given up is gone: it stays so.
    out.slices.resize(std::min(out.slices.size(), where.slices.size()));
    kept_ = 0;
    for (std::size_t i = 0; i < out.slices.size(); ++i)
      if (auto& s = out.slices[i]; !s.too_large) {
        s.changes.resize(where.slices[i].changes);
        s.bytes = where.slices[i].bytes;
        kept_ += s.bytes;
      }
    slice_of_.clear();
    for (std::size_t i = 0; i < out.slices.size(); ++i)
      slice_of_.emplace(out.slices[i].mailbox.value, i);
  }
  out.roles.resize(where.roles);
  out.registry.resize(where.registry);
  out.own_tables.resize(out.ours ? out.own_tables.size() : where.own_tables);
  out.unseen.resize(where.unseen);
}

} // namespace understudy
