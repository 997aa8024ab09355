// Rows as compact arrays: fields "f" (fingerprints of the shapes) and "r" (the rows).
#pragma once
#include "events/codec/json_writer.hpp"
#include "events/model/row_change.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace understudy {

class row_encoder {
public:
  explicit row_encoder(json_writer& json)
      : json_(json) {}

  void write(const std::vector<row_change>& rows);
  /// The first thing that can't be encoded; empty = nothing.
  const std::string& problem() const { return problem_; }

private:
  std::size_t index_of(const shape* table);
  void row(const row_change& change);
  void cells(const std::vector<cell>& list, const shape& table);
  void content(const value& v, const column& c);
  void tagged(std::string_view tag, std::string_view bytes, bool as_base64);

  json_writer& json_;
  std::vector<const shape*> shapes_;
  std::size_t latest_ = 0; ///< of shapes_: rows of one table follow each other
  std::string problem_;
};

} // namespace understudy
