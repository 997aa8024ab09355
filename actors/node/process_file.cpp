#include "actors/node/process_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace understudy {
namespace {

/// A process that was killed before it renewed leaves the one before it to be known: so many in a row.
constexpr std::size_t most_kept = 32;

/// A copy of the file has another inode, or lies on another device; a copy of the whole machine is started by
/// itself. Empty: it can't be told.
std::string identity_of(int file) {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string boot;
  struct stat there{};
  if (!std::getline(in, boot) || ::fstat(file, &there) != 0)
    return {};
  return fmt::format("{} {} {}", boot, there.st_dev, there.st_ino);
}

std::string text_of(int file) {
  std::string text(std::size_t{64} << 10, '\0');
  const auto length = ::pread(file, text.data(), text.size(), 0);
  text.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  return text;
}

/// The processes, oldest first, that a file with this identity names.
std::vector<std::string> processes_in(const std::string& text, const std::string& identity) {
  std::istringstream lines(text);
  std::string line;
  std::vector<std::string> found;
  if (identity.empty() || !std::getline(lines, line) || line != identity)
    return found;
  while (std::getline(lines, line))
    found.push_back(line);
  return found;
}

/// In place: the file that was locked must stay the one that is there.
bool write_text(int file, const std::string& text) {
  return ::ftruncate(file, 0) == 0 &&
         ::pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

} // namespace

result<process_file> process_file::take(const std::filesystem::path& state_dir, const std::string& process) {
  std::error_code wrong;
  std::filesystem::create_directories(state_dir, wrong);
  const auto path = state_dir / "process";
  const int file = wrong ? -1 : ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  const auto refused = [&](const std::string& why) {
    return failure(fmt::format("{} can't be written: {}", path.string(), why),
                   "check the permissions and the space of node.state_dir");
  };
  if (file < 0)
    return refused(wrong ? wrong.message() : std::generic_category().message(errno));
  process_file taken(file, {});
  const bool is_locked = ::flock(file, LOCK_EX | LOCK_NB) == 0;
  if (!is_locked && errno == EWOULDBLOCK)
    return failure(fmt::format("another understudyd uses node.state_dir {}", state_dir.string()),
                   "end it first, or give this node a state_dir of its own");
  // Where nothing can be locked, as on some network's file systems, nobody is known to have ended.
  const auto identity = is_locked ? identity_of(file) : std::string{};
  auto processes = processes_in(text_of(file), identity);
  taken.ended_ = {processes.begin(), processes.end()};
  processes.push_back(process);
  if (processes.size() > most_kept)
    processes.erase(processes.begin(), processes.end() - most_kept);
  if (!write_text(file, fmt::format("{}\n{}\n", identity, fmt::join(processes, "\n"))))
    return refused(std::generic_category().message(errno));
  return taken;
}

process_file::process_file(process_file&& other) noexcept
    : file_(std::exchange(other.file_, -1))
    , ended_(std::move(other.ended_)) {}

process_file::~process_file() {
  if (file_ >= 0)
    ::close(file_);
}

} // namespace understudy
