#include "tests/tools/mailsim/account_driver.hpp"

#include "tests/tools/mailsim/provisioning.hpp"

#include <algorithm>
#include <numeric>

namespace understudy::mailsim {

namespace {

using fixture::sql_client;
using fixture::sql_error;
using record::outcome;

void roll_back(sql_client& sql) {
  try {
    sql.query("ROLLBACK");
  } catch (const sql_error&) { // the connection is gone: the server rolls back by itself
  }
}

} // namespace

account_driver::account_driver(std::string name, std::uint64_t seed, std::uint64_t next_number,
                               record::record_writer& record)
    : seed_(seed)
    , random_(hash_text(name, seed) + next_number)
    , next_number_(next_number)
    , record_(record) {
  model_.name = std::move(name);
}

bool account_driver::load(sql_client& sql) {
  const auto name = model_.name;
  loaded_ = load_mailbox(sql, name, model_);
  model_.name = name;
  sql.query("COMMIT"); // lets go of what loading waited for
  return loaded_;
}

drive_result account_driver::commit(sql_client& sql) {
  drive_result result;
  const auto before = std::chrono::steady_clock::now();
  try {
    sql.query("COMMIT");
  } catch (const sql_error& failed) {
    result.connection_lost = failed.connection_lost();
    // Only a broken connection leaves it open; an error of COMMIT itself means rolled back.
    result.told = result.connection_lost ? outcome::lost : outcome::error;
    result.error = failed.what();
  }
  result.commit_time =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - before);
  return result;
}

// `body` writes the transaction's statements and returns the operation's name, empty if there was nothing to
// do.
template <class Body>
drive_result account_driver::run(sql_client& sql, Body&& body) {
  while (true) {
    transaction work(sql, model_, random_, next_number_);
    drive_result result;
    std::string_view name;
    try {
      name = body(work);
      if (name.empty())
        continue; // the change id is spent, nothing else
    } catch (const sql_error& failed) {
      result = {.told = outcome::error, .connection_lost = failed.connection_lost(), .error = failed.what()};
      name = "failed";
    }
    record_.intent(model_.account_id, next_number_, name, work.effects);
    if (result.told == outcome::ok)
      result = commit(sql);
    record_.result(model_.account_id, next_number_, result.told, result.error);
    ++next_number_;
    if (result.told != outcome::ok) { // what the model believes didn't happen, or nobody knows
      loaded_ = false;
      roll_back(sql);
    }
    return result;
  }
}

drive_result account_driver::step(sql_client& sql, std::span<const operation> mix) {
  if (!loaded_) {
    try {
      if (!load(sql))
        return {.told = outcome::error, .error = "no mailbox of that name: " + model_.name};
    } catch (const sql_error& failed) {
      return {.told = outcome::error, .connection_lost = failed.connection_lost(), .error = failed.what()};
    }
  }
  const auto total =
      std::accumulate(mix.begin(), mix.end(), 0U, [](auto sum, const auto& one) { return sum + one.weight; });
  return run(sql, [&](transaction& work) -> std::string_view {
    auto choice = random_.below(total);
    const auto chosen = std::ranges::find_if(mix, [&](const auto& one) {
      const bool mine = choice < one.weight;
      choice -= mine ? 0 : one.weight;
      return mine;
    });
    if (!chosen->perform(work))
      return {};
    work.write_tail();
    return chosen->name;
  });
}

drive_result account_driver::create(sql_client& sql, std::uint32_t start_id) {
  mailbox_model fresh;
  fresh.name = model_.name;
  fresh.account_id = account_uuid(model_.name, seed_);
  fresh.tracks_deletes = random_.chance(50);
  const auto place = allocate_mailbox(sql, start_id);
  fresh.mailbox_id = place.mailbox_id;
  fresh.group_id = place.group_id;
  fresh.volume_id = static_cast<std::uint32_t>(
      std::stoul(sql.value("SELECT message_volume_id FROM zimbra.current_volumes")));
  model_ = std::move(fresh);
  loaded_ = true;
  record_.account(model_.account_id, model_.name);
  return run(sql, [](transaction& work) {
    create_mailbox(work);
    return "create";
  });
}

drive_result account_driver::remove(sql_client& sql) {
  loaded_ = false;
  return run(sql, [](transaction& work) {
    delete_mailbox(work);
    return "delete_mailbox";
  });
}

} // namespace understudy::mailsim
