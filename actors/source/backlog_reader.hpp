// Reads the binlog a second time for accounts of whose events some were left out of the log (R4, P7), beside
// capture and without its part in any COMMIT: a plain dump, which acknowledges nothing. It exists only while
// there is something to read, and reads on only while little of it is on its way to Kafka.
#pragma once
#include "actors/source/account.hpp"
#include "actors/source/reading_window.hpp"
#include "storage/binlog/capture_source.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace understudy {

class backlog_reader {
public:
  struct options {
    /// Its id differs from everybody's; start and semi-sync are ours to choose.
    stream_options stream;
    /// Asked by our thread alone.
    std::shared_ptr<const table_routing> routing;
    std::shared_ptr<const account_surroundings> around;
    /// Before each connection: it may be another server's.
    std::function<result<void>()> admitted;
    /// Of what was read, on its way to Kafka, in bytes of the binlog.
    std::size_t most_in_flight = std::size_t{8} << 20;
    /// What happens, in words; true: it's a trouble. Our thread.
    std::function<void(bool, const std::string&)> report;
  };

  explicit backlog_reader(options o);
  ~backlog_reader(); ///< stop()

  struct account {
    account_id id;
    mailbox_id mailbox; ///< in the local database
    epoch term;         ///< in which it is written here
  };
  /// From here on what the log lacks of these is read, and produced with the numbers that it had. How it ends
  /// the log knows: an account in order isn't among what it left out any more; of another one it knows why it
  /// can't be read. Any thread; never blocks long.
  void follow(const std::vector<account>& accounts);
  bool follows(const account_id& account) const;
  /// It may be followed again, and goes on where it was. Any thread.
  void leave(const account_id& account);
  /// Any thread but ours; blocking.
  void stop();
  std::uint64_t events() const { return events_; } ///< that were produced; any thread

private:
  void run();
  result<void> run_connection();
  result<void> read_on(capture_source& source);
  std::optional<gtid_position> where_to_begin();
  void take(sliced_transaction&& transaction);
  void take_slice(const account_id& account, const sliced_transaction& transaction,
                  sliced_transaction::slice&& slice, std::size_t bytes);
  std::vector<std::pair<account_id, sliced_transaction::slice>> slices_of(sliced_transaction& transaction);
  void give_up_at(const sliced_transaction& transaction);
  void look_for_what_didnt_come();
  void give_up_all(const std::string& why);
  void forget(const account_id& account);
  void say_the_end();
  std::vector<std::pair<account_id, epoch>> followed() const;

  options options_;
  std::shared_ptr<reading_window> window_;
  mutable std::mutex mutex_; ///< of everything below but what is our thread's
  std::condition_variable wake_;
  std::unordered_map<account_id, epoch> followed_;
  std::unordered_map<mailbox_id, account_id> mailboxes_; ///< of these, as of what was read last
  std::unique_ptr<capture_source> source_;
  gtid_position read_; ///< of this connection
  bool again_ = false; ///< from an earlier place: somebody was added who lacks what was read already
  bool stopping_ = false;
  std::atomic<std::uint64_t> events_{0};
  // Our thread's.
  std::uint64_t events_said_ = 0;
  std::size_t in_order_ = 0;   ///< accounts since there was nothing to read
  std::uint64_t unlooked_ = 0; ///< transactions since it was looked for what didn't come
  std::thread thread_;
};

} // namespace understudy
