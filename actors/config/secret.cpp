#include "actors/config/node_config.hpp"
#include "actors/config/regular_file.hpp"

namespace understudy {

result<std::string> read_secret(const std::filesystem::path& file) {
  constexpr std::size_t largest_secret = 64 << 10; // a Kerberos or TLS secret is far smaller
  auto text = read_regular_file(file, largest_secret);
  if (!text)
    return text;
  // Editors and `echo` end the line; any other blank may belong to the secret (case O06).
  if (text->ends_with('\n'))
    text->pop_back();
  if (text->ends_with('\r'))
    text->pop_back();
  if (text->empty())
    return failure(fmt::format("the secret's file {} is empty", file.string()), "write the secret into it");
  if (text->find('\0') != std::string::npos)
    return failure(fmt::format("the secret's file {} holds a NUL byte", file.string()),
                   "write the secret as text");
  return text;
}

} // namespace understudy
