// Who has used a node's state_dir: one process at a time, and a later one knows that the former has ended
// (R19).
#pragma once
#include "events/model/error.hpp"

#include <filesystem>
#include <set>
#include <string>

namespace understudy {

class process_file {
public:
  /// Locks `state_dir`, which is made if it's absent, for as long as this object lives, and enters `process`
  /// (a UUID) there. Fails if another process has it, or it can't be written.
  static result<process_file> take(const std::filesystem::path& state_dir, const std::string& process);
  ~process_file();
  process_file(process_file&& other) noexcept;
  process_file& operator=(process_file&&) = delete;

  /// It used this very directory since this machine was started, and so it isn't alive: the lock was its own.
  /// Of a directory that was copied, restored, or moved to another machine nothing is known.
  bool has_ended(const std::string& process) const { return ended_.contains(process); }

private:
  process_file(int file, std::set<std::string> ended)
      : file_(file)
      , ended_(std::move(ended)) {}

  int file_;
  std::set<std::string> ended_;
};

} // namespace understudy
