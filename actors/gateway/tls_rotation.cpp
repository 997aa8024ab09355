#include "actors/gateway/tls_rotation.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace understudy {

namespace {

constexpr std::array<const char*, 3> names{"ca.pem", "certificate.pem", "key.pem"};

result<void> write_private(const std::filesystem::path& file, const std::string& text) {
  int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool written =
      descriptor >= 0 && ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  int code = errno;
  if (descriptor >= 0)
    ::close(descriptor);
  if (!written)
    return failure(fmt::format("can't write {}: {}", file.string(), std::generic_category().message(code)),
                   "check the permissions and the space of node.state_dir");
  return {};
}

} // namespace

result<tls_rotation> tls_rotation::start(tls_files source, std::filesystem::path private_dir,
                                         const tls_texts& texts) {
  tls_rotation made;
  made.source_ = std::move(source);
  made.dir_ = std::move(private_dir);
  std::error_code problem;
  std::filesystem::create_directories(made.dir_, problem);
  if (problem || ::chmod(made.dir_.c_str(), 0700) != 0)
    return failure(fmt::format("can't create {}", made.dir_.string()),
                   "check the permissions of node.state_dir");
  // Stamped first: a change between here and the reading is seen at the next look.
  made.seen_ = made.stamps_now();
  if (auto written = made.write_aside(texts); !written)
    return tl::make_unexpected(written.error());
  if (auto installed = made.install(); !installed)
    return tl::make_unexpected(installed.error());
  made.in_use_ = texts;
  return made;
}

tls_files tls_rotation::private_files() const {
  return {dir_ / names[0], dir_ / names[1], dir_ / names[2]};
}

tls_rotation::stamps tls_rotation::stamps_now() const {
  stamps now{};
  std::array<const std::filesystem::path*, 3> files{&source_.ca, &source_.certificate, &source_.key};
  for (std::size_t i = 0; i < files.size(); ++i) {
    struct stat status{};
    if (::stat(files[i]->c_str(), &status) == 0)
      now[i] = {static_cast<std::int64_t>(status.st_ino), status.st_size, status.st_mtim.tv_sec,
                status.st_mtim.tv_nsec};
  }
  return now;
}

std::optional<tls_texts> tls_rotation::look(const std::function<void(const std::string&)>& report) {
  auto now = stamps_now();
  if (now == seen_ && problem_.empty())
    return std::nullopt;
  bool unchanged = now == seen_;
  seen_ = now;
  auto texts = check_tls_files(source_);
  if (!texts) {
    bool lasting = unchanged && texts.error().what == problem_;
    problem_ = texts.error().what;
    if (lasting && !std::exchange(problem_reported_, true))
      report(fmt::format("the new TLS files are not used, the old ones stay in use: {}", problem_));
    return std::nullopt;
  }
  problem_.clear();
  problem_reported_ = false;
  if (*texts == in_use_)
    return std::nullopt;
  if (auto written = write_aside(*texts); !written) {
    report(written.error().what);
    problem_ = written.error().what; // looked at again
    return std::nullopt;
  }
  in_use_ = *texts;
  return *texts;
}

result<void> tls_rotation::write_aside(const tls_texts& texts) const {
  std::array<const std::string*, 3> contents{&texts.ca, &texts.certificate, &texts.key};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (auto written = write_private(dir_ / (std::string(names[i]) + ".new"), *contents[i]); !written)
      return written;
  return {};
}

result<void> tls_rotation::install() {
  for (const auto* name : names) {
    std::error_code problem;
    std::filesystem::rename(dir_ / (std::string(name) + ".new"), dir_ / name, problem);
    if (problem)
      return failure(fmt::format("can't replace {}: {}", (dir_ / name).string(), problem.message()));
  }
  return {};
}

} // namespace understudy
