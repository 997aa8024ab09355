// R32: can a directory be reached from this host? A mount whose server is gone may block whoever asks for
// ever.
#pragma once
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace understudy {

/// What the file system says of a directory.
struct directory_answer {
  std::optional<bool> reached; ///< none: nothing proves either
  std::string why;             ///< why not, or why that isn't known: a clause
};

/// What it means that a directory couldn't be opened or read, by `errno`: only what proves that nobody on
/// this host gets at it counts as not reached. That this process may not look (EACCES) proves nothing.
directory_answer judge_failure(int error_number);

/// Opens and reads it. Blocking, maybe for ever.
directory_answer look_at_directory(const std::string& path);

/// Looks on threads of its own: one a directory at most, which is left behind if it hangs and keeps others
/// from being begun. Any thread.
class directory_probe {
public:
  using look_function = std::function<directory_answer(const std::string& path)>;
  /// One look, by whoever began it.
  struct look {
    std::shared_future<directory_answer> answer;
    std::chrono::steady_clock::time_point begun;
  };

  /// `patience`: for one look, from its beginning; less than what a peer waits for figures. `age`: an answer
  /// serves so long, from the beginning of its look, so that a thousand accounts cost one.
  explicit directory_probe(look_function look_at = look_at_directory,
                           std::chrono::milliseconds patience = std::chrono::milliseconds(700),
                           std::chrono::milliseconds age = std::chrono::seconds(2));

  /// A look at the path (as the mail server has it) that is under way, or a new one if there's none and the
  /// last is too old. Never blocks.
  look begin(const std::string& path);
  /// Waits until its patience is over; what hasn't answered by then isn't known.
  directory_answer await(const look& begun) const;

private:
  bool is_over(const look& known) const;

  const look_function look_at_;
  const std::chrono::milliseconds patience_;
  const std::chrono::milliseconds age_;
  std::mutex mutex_;
  std::map<std::string, look> looks_; ///< under way, or not too old
};

} // namespace understudy
