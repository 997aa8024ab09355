#include "storage/state/directory_probe.hpp"

#include "events/model/named_thread.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/vfs.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

namespace understudy {

directory_answer judge_failure(int error_number) {
  directory_answer answer{std::nullopt, std::generic_category().message(error_number)};
  switch (error_number) {
  case ENOENT:
  case ENOTDIR:
  case ENODEV:
  case ENXIO:
  case ESTALE:
  case EIO:
  case ENOTCONN: // a FUSE file system whose process has died
  case EHOSTDOWN:
  case EHOSTUNREACH:
    answer.reached = false;
    break;
  default:
    break;
  }
  return answer;
}

directory_answer look_at_directory(const std::string& path) {
  if (!path.starts_with('/'))
    return {std::nullopt, "not an absolute path"};
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(opendir(path.c_str()), closedir);
  // What is cached of a mount opens also while its server is gone; its size is asked of the server.
  struct statfs size{};
  if (!opened || fstatfs(dirfd(opened.get()), &size) != 0)
    return judge_failure(errno);
  while (true) {
    errno = 0;
    const auto* entry = readdir(opened.get()); // NOLINT(concurrency-mt-unsafe): a stream of this thread's own
    if (entry == nullptr && errno != 0)
      return judge_failure(errno);
    if (entry == nullptr) // a new volume, or a mount point without its mount
      return {std::nullopt, "empty, as if it weren't mounted"};
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..")
      return {true, {}};
  }
}

directory_probe::directory_probe(look_function look_at, std::chrono::milliseconds patience,
                                 std::chrono::milliseconds age)
    : look_at_(std::move(look_at))
    , patience_(patience)
    , age_(age) {}

bool directory_probe::is_over(const look& known) const {
  return known.answer.wait_for(std::chrono::seconds::zero()) == std::future_status::ready &&
         std::chrono::steady_clock::now() - known.begun >= age_;
}

directory_probe::look directory_probe::begin(const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::erase_if(looks_, [&](const auto& known) { return is_over(known.second); });
  if (const auto known = looks_.find(path); known != looks_.end())
    return known->second;
  std::packaged_task<directory_answer()> task([look_at = look_at_, path] { return look_at(path); });
  look begun{task.get_future().share(), std::chrono::steady_clock::now()};
  try {
    // Nobody could end it while it hangs, and it holds nothing of ours.
    named_thread("volume", std::move(task)).detach();
  } catch (const std::system_error& none) {
    std::promise<directory_answer> unasked;
    unasked.set_value({std::nullopt, fmt::format("not looked at: {}", none.what())});
    return {unasked.get_future().share(), begun.begun};
  }
  looks_.emplace(path, begun);
  return begun;
}

directory_answer directory_probe::await(const look& begun) const {
  if (begun.answer.wait_until(begun.begun + patience_) == std::future_status::ready)
    return begun.answer.get();
  return {std::nullopt, "no answer"};
}

} // namespace understudy
