#include "tests/unit/apply_model.hpp"

#include <algorithm>

namespace understudy::apply_test {
namespace {

column number(const char* name, bool nullable = false) {
  column c;
  c.name = name;
  c.nullable = nullable;
  return c;
}

column text(const char* name, bool nullable) {
  column c;
  c.name = name;
  c.type = column_type::varchar;
  c.nullable = nullable;
  c.charset = "utf8mb3";
  return c;
}

struct link {
  std::string parent;
  std::vector<std::uint16_t> columns;
  bool cascades;
};

model_table make(std::string name, std::vector<column> columns, std::vector<std::uint16_t> key,
                 std::vector<std::vector<std::uint16_t>> uniques, const std::vector<link>& links,
                 bool is_parent) {
  auto about = std::make_shared<shape>();
  about->table = name;
  about->columns = std::move(columns);
  about->key = std::move(key);
  auto target = std::make_shared<destination_table>();
  target->logical = name;
  target->sql_name = name;
  for (std::size_t i = 0; i < about->columns.size(); ++i) {
    auto& c = target->columns.emplace_back();
    c.name = about->columns[i].name;
    c.rule = i == 0 ? column_rule::mailbox : column_rule::as_is;
    c.equality = about->columns[i].charset.empty() ? key_equality::bytes : key_equality::ascii_case;
  }
  if (!about->key.empty()) {
    target->uniques.push_back({"PRIMARY", about->key, {}});
    target->key_index = "PRIMARY";
  }
  for (auto& columns_of_unique : uniques)
    target->uniques.push_back({"unique" + std::to_string(target->uniques.size()), columns_of_unique, {}});
  for (const auto& l : links)
    target->references.push_back({l.parent, l.columns, {"mailbox_id", "id"}, l.cascades});
  if (is_parent)
    target->referenced.push_back({0, 1});
  return {std::move(about), std::move(target), {}};
}

bool is_null(const value& v) {
  return std::holds_alternative<null_value>(v);
}

} // namespace

std::string folded(const value& content) {
  const auto* text = std::get_if<text_value>(&content);
  if (text == nullptr) {
    const auto* n = std::get_if<std::int64_t>(&content);
    return n != nullptr ? std::to_string(*n) : "NULL";
  }
  std::string out;
  for (std::size_t i = 0; i < text->utf8.size(); ++i) {
    const char c = text->utf8[i];
    if (static_cast<unsigned char>(c) == 0xC3) { // ä or Ä
      out += 'a';
      ++i;
    } else {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
  }
  while (!out.empty() && out.back() == ' ')
    out.pop_back();
  return "'" + out;
}

apply_model::apply_model() {
  const column mailbox = number("mailbox_id");
  tables_.push_back(make("item",
                         {mailbox, number("id"), number("folder", true), text("name", true), number("size"),
                          number("unread", true)},
                         {0, 1}, {{0, 2, 3}}, {{"item", {0, 2}, false}}, true));
  tables_.push_back(make("tag", {mailbox, number("id"), text("name", false), number("unread")}, {0, 1},
                         {{0, 2}}, {}, true));
  tables_.push_back(make("tagged", {mailbox, number("tag_id"), number("item_id")}, {0, 1, 2}, {},
                         {{"item", {0, 2}, true}, {"tag", {0, 1}, true}}, false));
  tables_.push_back(make("conversation", {mailbox, text("hash", false), number("conv_id")}, {0, 1}, {},
                         {{"item", {0, 2}, true}}, false));
  tables_.push_back(make("log", {mailbox, number("n"), text("ids", true)}, {}, {}, {}, false));
}

table_resolver apply_model::resolver() const {
  return [this](const std::shared_ptr<const shape>& wanted,
                std::uint32_t) -> result<std::shared_ptr<const destination_table>> {
    for (const auto& t : tables_)
      if (t.about->table == wanted->table)
        return t.target;
    return failure("no such table");
  };
}

bool apply_model::operator==(const apply_model& other) const {
  const auto text_of = [](const model_table& t) {
    std::vector<std::string> rows;
    for (const auto& row : t.rows) {
      std::string line;
      for (const auto& v : row) {
        const auto* text = std::get_if<text_value>(&v);
        line += (text != nullptr ? "'" + text->utf8 : folded(v)) + "|"; // by bytes, not folded
      }
      rows.push_back(line);
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  };
  for (std::size_t i = 0; i < tables_.size(); ++i)
    if (text_of(tables_[i]) != text_of(other.tables_[i]))
      return false;
  return true;
}

bool apply_model::unique_is_free(std::size_t table, const std::vector<value>& row,
                                 std::optional<std::size_t> except) const {
  const auto& t = tables_[table];
  for (const auto& unique : t.target->uniques) {
    if (std::any_of(unique.columns.begin(), unique.columns.end(), [&](auto c) { return is_null(row[c]); }))
      continue;
    for (std::size_t i = 0; i < t.rows.size(); ++i)
      if (i != except && std::all_of(unique.columns.begin(), unique.columns.end(),
                                     [&](auto c) { return folded(t.rows[i][c]) == folded(row[c]); }))
        return false;
  }
  return true;
}

bool apply_model::parents_exist(std::size_t table, const std::vector<value>& row,
                                const std::vector<value>* before) const {
  for (const auto& reference : tables_[table].target->references) {
    const auto& wanted = row[reference.columns[1]];
    if (is_null(wanted) || (before != nullptr && (*before)[reference.columns[1]] == wanted))
      continue;
    bool found = reference.parent == tables_[table].about->table && wanted == row[1]; // a root of its own
    for (const auto& t : tables_)
      if (t.about->table == reference.parent)
        for (const auto& parent : t.rows)
          found = found || parent[1] == wanted;
    if (!found)
      return false;
  }
  return true;
}

model_outcome apply_model::insert(std::size_t table, std::vector<value> row, bool foreign_keys_off) {
  if (!unique_is_free(table, row, std::nullopt))
    return model_outcome::duplicate;
  if (!foreign_keys_off && !parents_exist(table, row, nullptr))
    return model_outcome::no_parent;
  tables_[table].rows.push_back(std::move(row));
  return model_outcome::done;
}

model_outcome apply_model::update(std::size_t table, std::size_t at, std::vector<value> now,
                                  bool foreign_keys_off) {
  if (!unique_is_free(table, now, at))
    return model_outcome::duplicate;
  auto& row = tables_[table].rows[at];
  if (!foreign_keys_off && !parents_exist(table, now, &row))
    return model_outcome::no_parent;
  row = std::move(now);
  return model_outcome::done;
}

model_outcome apply_model::remove(std::size_t table, std::size_t at, bool foreign_keys_off) {
  const auto gone = tables_[table].rows[at];
  if (foreign_keys_off) {
    tables_[table].rows.erase(tables_[table].rows.begin() + static_cast<std::ptrdiff_t>(at));
    return model_outcome::done;
  }
  const auto refers = [&](const destination_reference& r, const std::vector<value>& child) {
    return r.parent == tables_[table].about->table && child[r.columns[1]] == gone[1];
  };
  for (const auto& t : tables_)
    for (const auto& r : t.target->references)
      if (!r.touches_child &&
          std::any_of(t.rows.begin(), t.rows.end(), [&](const auto& child) { return refers(r, child); }))
        return model_outcome::has_children;
  tables_[table].rows.erase(tables_[table].rows.begin() + static_cast<std::ptrdiff_t>(at));
  for (auto& t : tables_)
    for (const auto& r : t.target->references)
      if (r.touches_child)
        std::erase_if(t.rows, [&](const auto& child) { return refers(r, child); });
  return model_outcome::done;
}

std::optional<std::size_t> apply_model::find(std::size_t table, const std::vector<cell>& cells) const {
  const auto& rows = tables_[table].rows;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (std::all_of(cells.begin(), cells.end(),
                    [&](const cell& c) { return rows[i][c.column] == c.content; }))
      return i;
  return std::nullopt;
}

model_outcome apply_model::apply(const model_change& change) {
  if (change.kind == change_kind::insert)
    return insert(change.table, change.after, change.foreign_keys_off);
  const auto& rows = tables_[change.table].rows;
  const auto at = std::find(rows.begin(), rows.end(), change.before);
  if (at == rows.end())
    return model_outcome::missing;
  const auto index = static_cast<std::size_t>(at - rows.begin());
  return change.kind == change_kind::update
             ? update(change.table, index, change.after, change.foreign_keys_off)
             : remove(change.table, index, change.foreign_keys_off);
}

row_change apply_model::described(const model_change& change) const {
  const auto& t = tables_[change.table];
  row_change out;
  out.table = t.about;
  out.kind = change.kind;
  out.foreign_keys_off = change.foreign_keys_off;
  const auto& key = t.about->key;
  for (std::uint16_t i = 1; i < t.about->columns.size(); ++i) {
    const bool names_row = key.empty() || std::find(key.begin(), key.end(), i) != key.end();
    if (change.kind != change_kind::insert && names_row)
      out.before.push_back({i, change.before[i]});
    if (change.kind == change_kind::insert ||
        (change.kind == change_kind::update && change.before[i] != change.after[i]))
      out.after.push_back({i, change.after[i]});
  }
  return out;
}

model_outcome apply_model::run_row(const planned_row& row) {
  std::size_t table = 0;
  while (tables_[table].about->table != row.table->table)
    ++table;
  if (row.kind == change_kind::insert) {
    std::vector<value> made(row.table->columns.size(), std::int64_t{0});
    for (const auto& c : row.after)
      made[c.column] = c.content;
    return insert(table, std::move(made), row.foreign_keys_off);
  }
  const auto at = find(table, row.before);
  if (!at)
    return row.forgiven ? model_outcome::done : model_outcome::missing;
  if (row.kind == change_kind::remove)
    return remove(table, *at, row.foreign_keys_off);
  auto now = tables_[table].rows[*at];
  for (const auto& c : row.after)
    now[c.column] = c.content;
  return update(table, *at, std::move(now), row.foreign_keys_off);
}

model_outcome apply_model::run(const planned_statement& statement) {
  auto rows = statement.rows;
  // DELETE … ORDER BY key.
  if (statement.like().kind == change_kind::remove && !statement.like().table->key.empty())
    std::stable_sort(rows.begin(), rows.end(), [](const planned_row* a, const planned_row* b) {
      const auto* x = std::get_if<std::int64_t>(&a->before.front().content);
      const auto* y = std::get_if<std::int64_t>(&b->before.front().content);
      return x != nullptr && y != nullptr && *x < *y;
    });
  for (const auto* row : rows)
    if (const auto outcome = run_row(*row); outcome != model_outcome::done)
      return outcome;
  return model_outcome::done;
}

} // namespace understudy::apply_test
