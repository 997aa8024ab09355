#include "actors/replica/progress_store.hpp"

#include "storage/state/mailstore_queries.hpp"
#include "storage/state/shape_store.hpp"

namespace understudy {
namespace {

template <class Map>
void merge_newer(Map& into, Map&& newer) {
  for (auto& [key, value] : newer)
    into.insert_or_assign(key, std::move(value));
}

} // namespace

progress_store::progress_store(sql_options sql, std::shared_ptr<const profile> rules)
    : sql_(std::move(sql))
    , rules_(std::move(rules)) {
  sql_.setup = local_setup();
}

result<sql_session*> progress_store::session() {
  if (session_ && session_->connected())
    return &*session_;
  auto opened = sql_session::open(sql_);
  if (!opened)
    return tl::make_unexpected(error(opened.error()));
  return &session_.emplace(std::move(*opened));
}

result<stored_replicas> progress_store::load() {
  auto s = session();
  if (!s)
    return tl::make_unexpected(s.error());
  stored_replicas found;
  shape_store shapes(**s);
  mailstore_queries mailstore(**s, rules_);
  return shapes.ensure()
      .and_then([&] { return shapes.shapes(); })
      .and_then([&](std::vector<std::string> documents) {
        found.shapes = std::move(documents);
        return shapes.lines();
      })
      .and_then([&](const std::map<partition_id, std::string>& lines) -> result<local_state> {
        for (const auto& [partition, text] : lines) {
          auto lives = lives_log::parse(text);
          if (!lives)
            return tl::make_unexpected(lives.error());
          found.lives.emplace(partition, std::move(*lives));
        }
        return local_state::open(**s);
      })
      .and_then([&](local_state local) {
        return local.reader_places().and_then([&](std::map<partition_id, reader_place> places) {
          found.places = std::move(places);
          return local.stopped();
        });
      })
      .and_then([&](const std::vector<stopped_account>& stopped) {
        for (const auto& one : stopped)
          found.stopped.emplace(one.account, one);
        return logged_state(**s).replicas();
      })
      .and_then([&](const std::vector<replica_record>& rows) {
        for (const auto& row : rows)
          found.replicas.emplace(row.account,
                                 stored_replicas::replica{row, rules_->group_of(row.mailbox).value});
        return mailstore.each_account([&](const registered_account& known) {
          if (const auto replica = found.replicas.find(known.account); replica != found.replicas.end())
            replica->second.group = known.group.value;
        });
      })
      .and_then([&] { return mailstore.current_index_volume(); })
      .map([&](std::int64_t volume) {
        found.index_volume = static_cast<std::uint64_t>(volume);
        return std::move(found);
      });
}

result<std::optional<stored_replicas::replica>> progress_store::find(const account_id& account) {
  auto s = session();
  if (!s)
    return tl::make_unexpected(s.error());
  auto row = logged_state(**s).replica_of(account);
  if (!row)
    return tl::make_unexpected(row.error());
  if (!*row)
    return std::optional<stored_replicas::replica>{};
  auto known = mailstore_queries(**s, rules_).find_by_id({account});
  if (!known)
    return tl::make_unexpected(known.error());
  // Its mailbox may be deleted, and made again by what is replayed next.
  const auto group = known->empty() ? rules_->group_of((*row)->mailbox) : known->front().group;
  return std::optional(stored_replicas::replica{std::move(**row), group.value});
}

result<void> progress_store::store(reading_progress reached) {
  merge_newer(due_.places, std::move(reached.places));
  merge_newer(due_.lives, std::move(reached.lives));
  merge_newer(due_.reasons, std::move(reached.reasons));
  due_.shapes.merge(reached.shapes);
  auto s = session();
  if (!s)
    return tl::make_unexpected(s.error());
  shape_store shapes(**s);
  auto local = local_state::open(**s);
  if (!local)
    return tl::make_unexpected(local.error());
  if (auto done = shapes.store_shapes(due_.shapes); !done)
    return done;
  std::map<account_id, std::optional<stopped_account>> stopped;
  for (const auto& [account, why] : due_.reasons)
    stopped[account] = why ? std::optional(stopped_account{account, why->first, why->second,
                                                           std::chrono::system_clock::now()})
                           : std::nullopt;
  if (auto done = shapes.store_lines(due_.lives); !done)
    return done;
  if (auto done = local->store_progress(due_.places, stopped); !done)
    return done;
  due_ = {};
  return {};
}

} // namespace understudy
