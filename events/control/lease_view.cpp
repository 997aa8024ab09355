#include "events/control/lease_view.hpp"

#include <algorithm>
#include <utility>

namespace understudy {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

boot_time after(boot_time start, nanoseconds span) {
  return boot_time(start.value + span.count());
}

/// Longer than the lease by what two machines' clocks may differ in speed, and then some (R22).
nanoseconds takeover_wait(const lease_rules& rules) {
  return nanoseconds(rules.lease) * 11 / 10 + rules.skew;
}

std::string seconds(nanoseconds span) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(span).count());
}

/// Releases that are kept per node. Each covers all claims before it, so only the order of the last few
/// against the last few claims can matter.
constexpr std::size_t max_releases_kept = 64;

} // namespace

returned return_from(const std::vector<standing_claim>& claims) {
  returned all{kafka_offset{-1}};
  for (const auto& one : claims) {
    all.claim = std::max(all.claim, one.offset);
    all.appended = std::max(all.appended, one.appended);
  }
  return all;
}

lease_view::lease_view(node_name self, std::string process, std::int64_t started_ms, lease_rules rules)
    : self_(std::move(self))
    , process_(std::move(process))
    , started_ms_(started_ms)
    , rules_(rules) {}

void lease_view::fold(const lease_record& record, const lease_place& place) {
  next_ = place.offset.next();
  auto& peer = peers_[record.from.node];
  if (record.from.life < peer.life)
    return; // an older life's record that landed behind the new one's first (R12)
  if (std::exchange(peer.life, record.from.life) != record.from.life)
    for (auto& seen : claims_)
      seen.is_unsure = seen.is_unsure || (seen.against == record.from.node && !seen.is_gone);
  if (record.from.node == self_)
    fold_former(record, place.read);
  if (record.from.node == self_ && life_ && record.from.life > *life_ &&
      std::holds_alternative<lease_incarnation>(record.body))
    replace_by(fmt::format("life {}", record.from.life));
  if (const auto* body = std::get_if<renewal>(&record.body)) {
    fold_renewal(record.from, *body, place);
  } else if (const auto* against = std::get_if<claim>(&record.body)) {
    fold_claim(record.from, *against, place);
    peer.resigned = false;
  } else {
    peer.resigned = std::holds_alternative<resignation>(record.body);
  }
}

void lease_view::replace_by(std::string process) {
  if (!std::exchange(replaced_, true))
    replaced_by_ = std::move(process);
}

void lease_view::fold_former(const lease_record& record, boot_time read) {
  if (std::holds_alternative<lease_incarnation>(record.body))
    begun_ = begun_ || (life_ && record.from.life >= *life_);
  if (begun_)
    return;
  if (const auto* body = std::get_if<renewal>(&record.body); body != nullptr && body->process != process_)
    former_ = {body->process, read,
               longer(body->lease.value_or(milliseconds::zero()), body->skew.value_or(milliseconds::zero()))};
  else if (const auto* last = std::get_if<resignation>(&record.body);
           last != nullptr && former_ && last->process == former_->process)
    former_.reset();
}

/// The wait of a claim (R22), for the same reason: it renews no more once it has read that we began, and its
/// renewals before that were sent before they were read here. Nor are clocks compared: the brokers' stamps of
/// two records may be of two brokers, or of one whose clock was set in between.
std::optional<former_process> lease_view::former() const {
  if (!former_)
    return std::nullopt;
  return former_process{former_->process, after(former_->read, takeover_wait(former_->rules))};
}

void lease_view::fold_renewal(const writer& from, const renewal& body, const lease_place& place) {
  auto& peer = peers_[from.node];
  peer.last_renewal = place.read;
  peer.resigned = false;
  peer.rules = body.rules;
  peer.lease = body.lease.value_or(milliseconds::zero());
  peer.skew = body.skew.value_or(milliseconds::zero());
  peer.process = body.process;
  if (from.node != self_)
    return;
  if (body.process != process_) {
    const bool later = std::tie(body.started_ms, body.process) > std::tie(started_ms_, process_);
    if (later)
      replace_by(body.process);
    return;
  }
  if (!place.appended || body.sent <= counts_from_ || !claims_against_self().empty())
    return;
  const auto until = after(body.sent, rules_.lease);
  if (!until_ || place.read > *until_)
    since_ = place.read; // it had run out, or never ran
  until_ = std::max(until_.value_or(until), until);
  renewed_ = place.appended;
}

void lease_view::fold_claim(const writer& from, const claim& body, const lease_place& place) {
  seen_claim seen;
  seen.offset = place.offset;
  seen.appended = place.appended;
  seen.by = from.node;
  seen.against = body.against;
  seen.process = body.process;
  seen.sent = body.sent;
  seen.read = place.read;
  seen.control = body.control;
  if (const auto known = peers_.find(body.against); known != peers_.end()) {
    seen.last_renewal = known->second.last_renewal;
    seen.lease = known->second.lease;
    seen.skew = known->second.skew;
    seen.after_resignation = known->second.resigned;
  }
  claims_.push_back(std::move(seen));
  // What a node doesn't return within the retention is gone from the partition too; a claim against a node
  // that never comes back would else be kept for ever.
  std::erase_if(claims_, [&](const seen_claim& old) {
    return after(old.read, rules_.retention) < place.read && old.against != self_;
  });
  judge_claims();
}

void lease_view::fold_returned(const node_name& node, const returned& said, kafka_offset control,
                               boot_time read) {
  auto& releases = peers_[node].releases;
  releases.push_back({said, control});
  if (releases.size() > max_releases_kept)
    releases.pop_front();
  if (node == self_)
    counts_from_ = std::max(counts_from_, read);
}

void lease_view::fold_control(kafka_offset next) {
  control_ = std::max(control_, next);
  judge_claims();
}

void lease_view::resigned(boot_time handed_over) {
  counts_from_ = std::max(counts_from_, handed_over);
  until_.reset();
  renewed_.reset();
}

/// A node reads from where the log begins, and then only appends its life's first record: if a claim is still
/// there behind that, it was there when the node began to read. An end below what was read is a leader's that
/// is none any more (R19), or another log's.
void lease_view::fold_range(kafka_offset low, kafka_offset high) {
  if (high < next_)
    return;
  for (auto& seen : claims_) {
    seen.is_gone = seen.is_gone || (seen.is_unsure && seen.offset < low);
    seen.is_unsure = false;
  }
  judge_claims();
}

void lease_view::fold_break(boot_time now) {
  for (auto& seen : claims_) {
    seen.is_gone = true;
    seen.is_unsure = false;
  }
  judge_claims();
  // Whoever renewed before this process may have done so in what wasn't read. Where nothing was, retention
  // has cut off what is older than any lease.
  if (!begun_ && next_ != kafka_offset{0})
    former_ = former_renewal{{}, now, former_ ? former_->rules : rules_};
  resigned(now); // as behind a start: a renewal counts once what is there now was read up to it
}

bool lease_view::asks_for_range() const {
  return std::any_of(claims_.begin(), claims_.end(), [](const seen_claim& seen) { return seen.is_unsure; });
}

bool lease_view::holds(boot_time now) const {
  return until_ && now < *until_ && !replaced_;
}

std::optional<boot_time> lease_view::runs_until() const {
  return until_;
}

std::string lease_view::why_not_held(boot_time now) const {
  if (holds(now))
    return {};
  if (replaced_)
    return fmt::format("another process of this node's name began later ({}): this one stops", replaced_by_);
  if (const auto claims = claims_against_self(); !claims.empty())
    return fmt::format("{} claims this node's accounts", claims.back().by);
  if (!until_)
    return "no renewal of this process was read back yet";
  return fmt::format("it ran out {} ago, and no renewal was read back since",
                     seconds(nanoseconds(now.value - until_->value)));
}

std::optional<boot_time> lease_view::held_since(boot_time now) const {
  return holds(now) ? since_ : std::nullopt;
}

bool lease_view::counts(std::optional<broker_time> appended, boot_time now) const {
  if (!holds(now) || !appended || !renewed_)
    return false;
  const auto limit = rules_.lease - rules_.skew;
  return appended->value < renewed_->value + limit.count();
}

bool lease_view::returned_before(const seen_claim& from, kafka_offset control) const {
  const auto known = peers_.find(from.against);
  if (known == peers_.end())
    return false;
  const auto& releases = known->second.releases;
  return std::any_of(releases.begin(), releases.end(), [&](const release& r) {
    return r.said.ends(from.offset, from.appended) && r.control < control;
  });
}

void lease_view::judge_claims() {
  for (auto& seen : claims_) {
    if (!seen.judged)
      judge(seen);
    if (!seen.judged)
      return; // the ones behind may depend on it
  }
}

/// A claim by a node against which one stood when it claimed is void. Judged by the two logs alone, so that
/// all judge alike, once control is folded as far as the claimer's was.
void lease_view::judge(seen_claim& which) const {
  const auto count = [&](auto matters) {
    return std::count_if(claims_.begin(), claims_.end(), [&](const seen_claim& earlier) {
      return earlier.offset < which.offset && earlier.against == which.by && !earlier.is_void &&
             !returned_before(earlier, which.control) && matters(earlier);
    });
  };
  if (control_ < which.control || count([](const seen_claim& earlier) { return earlier.is_unsure; }) > 0)
    return;
  which.judged = true;
  which.is_void = count([](const seen_claim& earlier) { return !earlier.is_gone; }) > 0;
}

/// What isn't judged yet counts as good against us: better no ACK than a wrong one.
bool lease_view::stands(const seen_claim& which) const {
  return !which.is_void && !returned_before(which, control_);
}

std::vector<standing_claim> lease_view::claims_against_self() const {
  std::vector<standing_claim> standing;
  for (const auto& seen : claims_)
    if (seen.against == self_ && stands(seen))
      standing.push_back({seen.offset, seen.appended, seen.by});
  return standing;
}

claim_status lease_view::claim_against(const node_name& node, boot_time now) const {
  claim_status status;
  const auto newest = std::find_if(claims_.rbegin(), claims_.rend(), [&](const seen_claim& seen) {
    return seen.by == self_ && seen.against == node && seen.process == process_;
  });
  if (newest == claims_.rend())
    return status;
  status.offset = newest->offset;
  status.appended = newest->appended;
  const auto spoil = [&](std::string why) {
    status.stage = claim_stage::spoilt;
    status.why = std::move(why);
    return status;
  };
  if (returned_before(*newest, control_))
    return spoil(fmt::format("{} has returned", node));
  if (newest->is_void)
    return spoil("void: a claim against this node stood before it");
  if (newest->is_gone)
    return spoil(
        fmt::format("the log doesn't have it any more: {} may live on without having read it", node));
  if (after(newest->read, rules_.retention / 2) <= now)
    return spoil("too old: records before it may be gone from the log");
  const auto since = held_since(now);
  if (!since || *since > newest->sent)
    return spoil("this node's own lease ran out since");
  const auto from = newest->last_renewal.value_or(newest->read);
  const auto wait = takeover_wait(longer(newest->lease, newest->skew));
  const auto ready = newest->after_resignation ? newest->read : after(from, wait);
  const bool is_sure = newest->judged && !newest->is_unsure;
  status.stage = now >= ready && is_sure ? claim_stage::ready : claim_stage::waiting;
  status.until = ready;
  status.why =
      newest->after_resignation
          ? fmt::format("{} had resigned", node)
          : fmt::format("{} of {} waited", seconds(nanoseconds(now.value - from.value)), seconds(wait));
  return status;
}

lease_rules lease_view::longer(milliseconds lease, milliseconds skew) const {
  auto rules = rules_;
  rules.lease = std::max(rules.lease, lease);
  rules.skew = std::max(rules.skew, skew);
  return rules;
}

bool lease_view::suspected(const node_name& node, boot_time now) const {
  const auto since = held_since(now);
  if (!since)
    return false;
  const auto known = peers_.find(node);
  if (known == peers_.end())
    return after(*since, rules_.lease + rules_.skew) <= now;
  if (known->second.resigned)
    return true;
  const auto seen = std::max(*since, known->second.last_renewal.value_or(*since));
  const auto rules = longer(known->second.lease, known->second.skew);
  return after(seen, rules.lease + rules.skew) <= now;
}

peer_lease lease_view::peer(const node_name& node) const {
  peer_lease view;
  const auto known = peers_.find(node);
  if (known == peers_.end())
    return view;
  view.last_renewal_read = known->second.last_renewal;
  view.resigned = known->second.resigned;
  view.rules = known->second.rules;
  view.process = known->second.process;
  view.claimed = std::any_of(claims_.begin(), claims_.end(), [&](const seen_claim& seen) {
    return seen.against == node && !seen.is_gone && stands(seen);
  });
  return view;
}

std::vector<node_name> lease_view::peers() const {
  std::vector<node_name> names;
  for (const auto& [name, peer] : peers_)
    names.push_back(name);
  return names;
}

std::string why_not_renew(const renewal_facts& facts, boot_time now, const lease_rules& rules) {
  const auto fresh = [&](const std::optional<boot_time>& at) { return at && now < after(*at, rules.lease); };
  if (!fresh(facts.control_read_to_end))
    return "control was not read to its end within the lease's time";
  if (!facts.capture_attached)
    return "the capture is not attached to MariaDB's binlog";
  if (!fresh(facts.committed))
    return "MariaDB has not committed within the lease's time";
  return {};
}

} // namespace understudy
