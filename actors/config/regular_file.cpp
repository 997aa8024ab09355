#include "actors/config/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace understudy {

namespace {

struct descriptor {
  int number;
  ~descriptor() {
    if (number >= 0)
      ::close(number);
  }
};

auto refused(const std::filesystem::path& file, std::string_view why) {
  return failure(fmt::format("can't read {}: {}", file.string(), why),
                 "check the file's name and permissions");
}

} // namespace

result<std::string> read_regular_file(const std::filesystem::path& file, std::size_t limit) {
  // O_NONBLOCK: opening a FIFO without a writer would wait for ever.
  descriptor source{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (source.number < 0)
    return refused(file, std::generic_category().message(errno));
  struct stat status{};
  if (::fstat(source.number, &status) != 0)
    return refused(file, std::generic_category().message(errno));
  if (S_ISDIR(status.st_mode))
    return refused(file, "it's a directory");
  if (!S_ISREG(status.st_mode))
    return refused(file, "it isn't a regular file");
  std::string text;
  std::array<char, 64 << 10> piece;
  for (;;) {
    auto got = ::read(source.number, piece.data(), piece.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return refused(file, std::generic_category().message(errno));
    if (got == 0)
      return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > limit)
      return refused(file, fmt::format("it's larger than {} bytes", limit));
  }
}

} // namespace understudy
