// Renewed certificates without a restart (DESIGN §5): CAF reads its PEM files at each connection and ends the
// process on a broken one, so it's given a private copy, which only checked files get into.
#pragma once
#include "actors/gateway/tls_material.hpp"
#include "events/model/error.hpp"

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace understudy {

class tls_rotation {
public:
  /// Puts `texts`, checked, into `private_dir` (made if needed, 0700).
  static result<tls_rotation> start(tls_files source, std::filesystem::path private_dir,
                                    const tls_texts& texts);
  /// What CAF reads.
  tls_files private_files() const;
  /// New texts, checked and written aside, if the source files changed: install() is due. A problem that is
  /// still there at the second look is reported once: files are replaced one after another.
  std::optional<tls_texts> look(const std::function<void(const std::string&)>& report);
  /// Swaps in what look() wrote aside. To be called where no connection is being accepted.
  result<void> install();

private:
  /// Inode, size and time of the three files: cheap to compare every second.
  using stamps = std::array<std::array<std::int64_t, 4>, 3>;
  stamps stamps_now() const;
  result<void> write_aside(const tls_texts& texts) const;

  tls_files source_;
  std::filesystem::path dir_;
  stamps seen_{};
  tls_texts in_use_;
  std::string problem_;
  bool problem_reported_ = false;
};

} // namespace understudy
