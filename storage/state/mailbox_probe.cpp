#include "storage/state/mailbox_probe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <iterator>

namespace understudy {
namespace {

using wall_clock = std::chrono::system_clock;

template <class Number>
std::optional<Number> leading_number(std::string_view text) {
  Number out{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc{})
    return std::nullopt;
  return out;
}

/// Field 22 of /proc/PID/stat: clock ticks since the boot. Fields are counted from behind the program's name,
/// which may hold blanks and brackets.
std::optional<std::uint64_t> start_ticks(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/stat");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos)
    return std::nullopt;
  std::string_view rest = std::string_view(text).substr(name_end + 1);
  constexpr int fields_before = 20; // from the state, field 3, to field 22, each behind a blank
  for (int field = 0; field < fields_before; ++field) {
    const auto blank = rest.find(' ');
    if (blank == std::string_view::npos)
      return std::nullopt;
    rest.remove_prefix(blank + 1);
  }
  return leading_number<std::uint64_t>(rest);
}

/// Wall time now minus what CLOCK_BOOTTIME says has passed.
wall_clock::time_point boot_moment() {
  timespec since{};
  clock_gettime(CLOCK_BOOTTIME, &since);
  return wall_clock::now() -
         std::chrono::duration_cast<wall_clock::duration>(std::chrono::seconds(since.tv_sec) +
                                                          std::chrono::nanoseconds(since.tv_nsec));
}

/// The exit status; nullopt = it couldn't be started, was killed, or took too long.
std::optional<int> run(std::vector<std::string> command, std::chrono::milliseconds limit) {
  std::vector<char*> arguments;
  for (auto& word : command)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO})
    posix_spawn_file_actions_addopen(&files, stream, "/dev/null", O_RDWR, 0);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0)
    return std::nullopt;
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  pollfd ended{handle, POLLIN, 0};
  if (handle < 0 || poll(&ended, 1, static_cast<int>(limit.count())) != 1)
    kill(child, SIGKILL);
  if (handle >= 0)
    close(handle);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status))
    return std::nullopt;
  return WEXITSTATUS(status);
}

} // namespace

std::optional<wall_clock::time_point> process_start(const std::filesystem::path& pid_file) {
  std::ifstream in(pid_file);
  std::string text;
  if (!std::getline(in, text))
    return std::nullopt;
  const auto process = leading_number<pid_t>(text);
  if (!process || *process <= 0)
    return std::nullopt;
  const auto ticks = start_ticks(*process);
  if (!ticks)
    return wall_clock::now();
  const auto ticks_per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  return boot_moment() + std::chrono::milliseconds(*ticks * 1000 / ticks_per_second);
}

std::optional<bool> may_be_loaded(const loaded_mailbox_probe& probe, const account_id& account,
                                  wall_clock::time_point last_primary, std::chrono::milliseconds limit) {
  std::optional<wall_clock::time_point> started;
  if (!probe.pid_file.empty())
    started = process_start(probe.pid_file);
  if (started && *started > last_primary)
    return false;
  if (!probe.command.empty()) {
    auto command = probe.command;
    command.push_back(account.value);
    if (const auto status = run(std::move(command), limit))
      return *status != 0;
  }
  // A mail server that ran while the account was primary here may well have it.
  return started ? std::optional(true) : std::nullopt;
}

} // namespace understudy
