#include "tests/tools/compare/expectation.hpp"

#include "tests/tools/record/tables.hpp"

#include <fmt/format.h>

#include <span>
#include <stdexcept>

namespace understudy::compare {

namespace {

namespace json = boost::json;
using record::outcome;
using record::recorded_account;
using record::recorded_transaction;

constexpr std::size_t most_findings = 10; // per account, in words
/// Uncertain transactions that follow each other, and are judged together where one alone doesn't fit: each
/// goes on from the one before it, or wrote the same values.
constexpr std::size_t most_together = 3;

struct expected_cell {
  cell value;
  std::uint64_t written_by;
};
struct expected_row {
  bool gone = false;
  std::uint64_t changed_by = 0; ///< who inserted or deleted it last
  std::map<std::string, expected_cell, std::less<>> cells;
  std::uint64_t copies = 1; ///< that may be there: how often it was inserted
};
using expected_rows = std::map<std::string, std::map<std::string, expected_row>, std::less<>>;

cell cell_of(const json::value& value) {
  if (value.is_null())
    return std::nullopt;
  if (value.is_string())
    return std::string(value.as_string());
  if (value.is_int64())
    return fmt::format("{}", value.as_int64());
  return fmt::format("{}", value.as_uint64());
}

std::string key_of(const json::array& parts) {
  std::vector<cell> cells;
  for (const auto& part : parts)
    cells.push_back(cell_of(part));
  return joined_key(cells);
}

// Rows that point to a deleted mail_item or tag go with it: the foreign keys cascade, and nothing says so.
void cascade(expected_rows& rows, std::string_view parent, const std::string& id, std::uint64_t number) {
  for (const auto& table : record::tables()) {
    const auto column = parent == "mail_item" ? table.cascades_from_item : table.cascades_from_tag;
    if (column.empty())
      continue;
    for (auto& [key, row] : rows[std::string(table.name)]) {
      const auto found = row.cells.find(column);
      if (!row.gone && found != row.cells.end() && found->second.value == id)
        row = {.gone = true, .changed_by = number, .cells = {}};
    }
  }
}

void delete_all(expected_rows& rows, std::uint64_t number) {
  for (auto& [table, by_key] : rows)
    for (auto& [key, row] : by_key)
      row = {.gone = true, .changed_by = number, .cells = {}};
}

struct mismatch {
  std::uint64_t number;
  std::string text;
  bool twice = false; ///< nothing is missing: it's there more often than it was written
};

std::string readable(const std::string& key) {
  auto text = key;
  for (auto& letter : text)
    if (letter == '\x1f')
      letter = '/';
  return text;
}

void apply(expected_rows& rows, const recorded_transaction& transaction, std::vector<mismatch>& found) {
  const auto number = transaction.number;
  for (const auto& entry : transaction.effects) {
    const auto& effect = entry.as_array();
    const auto kind = effect.at(0).as_string();
    if (kind == "x") {
      delete_all(rows, number);
      continue;
    }
    const std::string table(effect.at(1).as_string());
    const auto key = key_of(effect.at(2).as_array());
    const auto [place, is_new] = rows[table].try_emplace(key);
    auto& row = place->second;
    if (kind == "d") {
      row = {.gone = true, .changed_by = number, .cells = {}};
      if (table == "mail_item" || table == "tag")
        cascade(rows, table, key, number);
      continue;
    }
    // What it goes on from isn't there: it can't be there without that.
    if (kind == "u" && (is_new || row.gone))
      found.push_back({number, fmt::format("{} {} wasn't there to be changed", table, readable(key))});
    if (kind == "i" || row.gone) {
      const auto before = is_new || row.gone ? std::uint64_t{0} : row.copies;
      row = {.gone = false, .changed_by = number, .cells = {}, .copies = before + 1};
    }
    for (const auto& [column, value] : effect.at(3).as_object())
      row.cells[std::string(column)] = {.value = cell_of(value), .written_by = number};
  }
}

std::string shown(const cell& value) {
  return value ? fmt::format("'{}'", value->substr(0, 80)) : "NULL";
}

void check_row(const std::string& table, const std::string& key, const expected_row& expected,
               const row* actual, std::vector<mismatch>& found) {
  const auto place = fmt::format("{} {}", table, readable(key));
  if (expected.gone) {
    if (actual != nullptr)
      found.push_back({expected.changed_by, place + " should be gone"});
    return;
  }
  if (actual == nullptr) {
    // Whoever wrote to the row lost what he wrote.
    std::set<std::uint64_t> writers{expected.changed_by};
    for (const auto& [column, value] : expected.cells)
      writers.insert(value.written_by);
    for (const auto writer : writers)
      if (writer != 0)
        found.push_back({writer, place + " is missing"});
    return;
  }
  for (const auto& [column, value] : expected.cells)
    if (const auto cell = actual->cells.find(column);
        cell == actual->cells.end() || cell->second != value.value)
      found.push_back(
          {value.written_by,
           fmt::format("{}: {} is {}, should be {}", place, column,
                       cell == actual->cells.end() ? "absent" : shown(cell->second), shown(value.value))});
  if (actual->copies > expected.copies)
    found.push_back(
        {expected.changed_by,
         fmt::format("{} is there {} times, was written {}", place, actual->copies, expected.copies), true});
}

const row* find_row(const actual_account& actual, const std::string& table, const std::string& key) {
  if (!actual)
    return nullptr;
  const auto by_key = actual->find(table);
  if (by_key == actual->end())
    return nullptr;
  const auto found = by_key->second.find(key);
  return found == by_key->second.end() ? nullptr : &found->second;
}

struct hypothesis {
  expected_rows rows;
  std::vector<mismatch> mismatches;
  std::uint64_t rows_checked = 0;
};

// Folds the acknowledged transactions and those uncertain ones that `taken` names, and checks every row. What
// a transaction that isn't taken would have inserted must not be there.
hypothesis fold(const recorded_account& account, const std::set<std::uint64_t>& taken,
                const actual_account& actual) {
  hypothesis result;
  std::vector<const recorded_transaction*> left_out;
  for (const auto& transaction : account.transactions)
    if (transaction.told == outcome::ok || taken.contains(transaction.number))
      apply(result.rows, transaction, result.mismatches);
    else
      left_out.push_back(&transaction);
  for (const auto& [table, by_key] : result.rows)
    for (const auto& [key, expected] : by_key) {
      check_row(table, key, expected, find_row(actual, table, key), result.mismatches);
      ++result.rows_checked;
    }
  for (const auto* transaction : left_out)
    for (const auto& entry : transaction->effects) {
      const auto& effect = entry.as_array();
      if (effect.at(0).as_string() != "i")
        continue;
      const std::string table(effect.at(1).as_string());
      const auto key = key_of(effect.at(2).as_array());
      const auto expected = result.rows.find(table);
      const bool known = expected != result.rows.end() && expected->second.contains(key);
      if (!known && find_row(actual, table, key) != nullptr)
        result.mismatches.push_back(
            {transaction->number, fmt::format("{} {} is there", table, readable(key))});
    }
  return result;
}

} // namespace

std::string joined_key(const std::vector<cell>& parts) {
  std::string key;
  for (std::size_t index = 0; index < parts.size(); ++index) {
    key += index > 0 ? "\x1f" : "";
    key += parts[index].value_or("NULL");
  }
  return key;
}

std::map<std::string, std::set<std::string>> mentioned_columns(const recorded_account& account) {
  std::map<std::string, std::set<std::string>> mentioned;
  for (const auto& transaction : account.transactions)
    for (const auto& entry : transaction.effects) {
      const auto& effect = entry.as_array();
      const std::string table(effect.at(1).as_string());
      if (table.empty())
        continue;
      if (record::find_table(table) == nullptr)
        throw std::runtime_error("the record speaks of an unknown table: " + table);
      auto& columns = mentioned[table];
      if (effect.size() > 3)
        for (const auto& [column, value] : effect.at(3).as_object())
          columns.insert(std::string(column));
    }
  return mentioned;
}

account_verdict judge(const recorded_account& account, const actual_account& actual) {
  account_verdict verdict;
  std::map<std::uint64_t, const recorded_transaction*> by_number;
  std::vector<std::uint64_t> uncertain;
  std::set<std::uint64_t> taken;
  for (const auto& transaction : account.transactions) {
    by_number[transaction.number] = &transaction;
    verdict.acknowledged += transaction.told == outcome::ok ? 1 : 0;
    verdict.refused += transaction.told == outcome::error ? 1 : 0;
    if (transaction.told == outcome::lost)
      uncertain.push_back(transaction.number);
  }
  auto best = fold(account, taken, actual);
  // There or not: whichever fits better.
  const auto fits_better = [&](std::span<const std::uint64_t> otherwise) {
    auto other = taken;
    for (const auto number : otherwise)
      if (!other.insert(number).second)
        other.erase(number);
    auto tried = fold(account, other, actual);
    if (tried.mismatches.size() >= best.mismatches.size())
      return false;
    best = std::move(tried);
    taken = std::move(other);
    return true;
  };
  for (std::size_t together = 1; together <= most_together && !best.mismatches.empty();) {
    bool better = false;
    for (std::size_t first = 0; first + together <= uncertain.size(); ++first)
      better = fits_better({uncertain.data() + first, together}) || better;
    together = better ? 1 : together + 1;
  }
  verdict.uncertain_present = taken.size();
  verdict.uncertain_absent = uncertain.size() - taken.size();
  verdict.rows_checked = best.rows_checked;
  for (const auto& found : best.mismatches) {
    const auto& transaction = *by_number.at(found.number);
    const char* kind = "lost";
    if (found.twice) {
      verdict.torn.insert(found.number);
      kind = "torn";
    } else if (transaction.told == outcome::ok) {
      verdict.lost.insert(found.number);
    } else if (taken.contains(found.number)) {
      verdict.torn.insert(found.number);
      kind = "torn";
    } else {
      verdict.phantom.insert(found.number);
      kind = "phantom";
    }
    if (verdict.findings.size() < most_findings)
      verdict.findings.push_back(fmt::format("{}: {} transaction {} ({}): {}", account.name, kind,
                                             found.number, transaction.operation, found.text));
  }
  return verdict;
}

} // namespace understudy::compare
