// Appends JSON to a string. The encoder knows its own structure: no tree is built, nothing is copied twice.
#pragma once
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace understudy {

/// Bytes that `text`'s character takes inside a JSON string.
std::size_t escaped_size(char byte);

class json_writer {
public:
  explicit json_writer(std::string& out)
      : out_(out) {}

  void open(char bracket) {
    comma();
    out_ += bracket;
    fresh_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    fresh_ = false;
  }
  /// `name` needs no escaping.
  void key(std::string_view name) {
    comma();
    out_ += '"';
    out_ += name;
    out_ += "\":";
    fresh_ = true;
  }
  /// `utf8` must be valid.
  void text(std::string_view utf8);
  void base64(std::string_view bytes);
  void null() { word("null"); }
  void boolean(bool yes) { word(yes ? "true" : "false"); }
  /// 64-bit numbers in full, never by way of a double (case T02).
  template <std::integral Number>
  void number(Number n);

  template <std::integral Number>
  void field(std::string_view name, Number n) {
    key(name);
    number(n);
  }
  void field(std::string_view name, std::string_view utf8) {
    key(name);
    text(utf8);
  }
  std::size_t size() const { return out_.size(); }

private:
  void comma() {
    if (!fresh_)
      out_ += ',';
    fresh_ = false;
  }
  void word(std::string_view w) {
    comma();
    out_ += w;
  }
  std::string& out_;
  bool fresh_ = true; ///< behind an opening bracket or a key: no comma is due
};

} // namespace understudy
