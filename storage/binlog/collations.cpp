#include "storage/binlog/collations.hpp"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace understudy {
namespace {

struct collation_run {
  std::uint32_t first;
  std::uint32_t last;
  character_set charset;
};

// From information_schema.COLLATION_CHARACTER_SET_APPLICABILITY of MariaDB 10.11, as runs of neighbouring
// ids of one character set. The NO PAD twins of 1024 to 2047 are left out: their ids are these + 1024.
constexpr collation_run runs[] = {
    {1, 1, {"big5", 2}},          {2, 2, {"latin2", 1}},      {3, 3, {"dec8", 1}},
    {4, 4, {"cp850", 1}},         {5, 5, {"latin1", 1}},      {6, 6, {"hp8", 1}},
    {7, 7, {"koi8r", 1}},         {8, 8, {"latin1", 1}},      {9, 9, {"latin2", 1}},
    {10, 10, {"swe7", 1}},        {11, 11, {"ascii", 1}},     {12, 12, {"ujis", 3}},
    {13, 13, {"sjis", 2}},        {14, 14, {"cp1251", 1}},    {15, 15, {"latin1", 1}},
    {16, 16, {"hebrew", 1}},      {18, 18, {"tis620", 1}},    {19, 19, {"euckr", 2}},
    {20, 20, {"latin7", 1}},      {21, 21, {"latin2", 1}},    {22, 22, {"koi8u", 1}},
    {23, 23, {"cp1251", 1}},      {24, 24, {"gb2312", 2}},    {25, 25, {"greek", 1}},
    {26, 26, {"cp1250", 1}},      {27, 27, {"latin2", 1}},    {28, 28, {"gbk", 2}},
    {29, 29, {"cp1257", 1}},      {30, 30, {"latin5", 1}},    {31, 31, {"latin1", 1}},
    {32, 32, {"armscii8", 1}},    {33, 33, {"utf8mb3", 3}},   {34, 34, {"cp1250", 1}},
    {35, 35, {"ucs2", 2}},        {36, 36, {"cp866", 1}},     {37, 37, {"keybcs2", 1}},
    {38, 38, {"macce", 1}},       {39, 39, {"macroman", 1}},  {40, 40, {"cp852", 1}},
    {41, 42, {"latin7", 1}},      {43, 43, {"macce", 1}},     {44, 44, {"cp1250", 1}},
    {45, 46, {"utf8mb4", 4}},     {47, 49, {"latin1", 1}},    {50, 52, {"cp1251", 1}},
    {53, 53, {"macroman", 1}},    {54, 55, {"utf16", 4}},     {56, 56, {"utf16le", 4}},
    {57, 57, {"cp1256", 1}},      {58, 59, {"cp1257", 1}},    {60, 61, {"utf32", 4}},
    {62, 62, {"utf16le", 4}},     {63, 63, {"binary", 1}},    {64, 64, {"armscii8", 1}},
    {65, 65, {"ascii", 1}},       {66, 66, {"cp1250", 1}},    {67, 67, {"cp1256", 1}},
    {68, 68, {"cp866", 1}},       {69, 69, {"dec8", 1}},      {70, 70, {"greek", 1}},
    {71, 71, {"hebrew", 1}},      {72, 72, {"hp8", 1}},       {73, 73, {"keybcs2", 1}},
    {74, 74, {"koi8r", 1}},       {75, 75, {"koi8u", 1}},     {77, 77, {"latin2", 1}},
    {78, 78, {"latin5", 1}},      {79, 79, {"latin7", 1}},    {80, 80, {"cp850", 1}},
    {81, 81, {"cp852", 1}},       {82, 82, {"swe7", 1}},      {83, 83, {"utf8mb3", 3}},
    {84, 84, {"big5", 2}},        {85, 85, {"euckr", 2}},     {86, 86, {"gb2312", 2}},
    {87, 87, {"gbk", 2}},         {88, 88, {"sjis", 2}},      {89, 89, {"tis620", 1}},
    {90, 90, {"ucs2", 2}},        {91, 91, {"ujis", 3}},      {92, 93, {"geostd8", 1}},
    {94, 94, {"latin1", 1}},      {95, 96, {"cp932", 2}},     {97, 98, {"eucjpms", 3}},
    {99, 99, {"cp1250", 1}},      {101, 124, {"utf16", 4}},   {128, 159, {"ucs2", 2}},
    {160, 183, {"utf32", 4}},     {192, 223, {"utf8mb3", 3}}, {224, 247, {"utf8mb4", 4}},
    {576, 578, {"utf8mb3", 3}},   {608, 610, {"utf8mb4", 4}}, {640, 642, {"ucs2", 2}},
    {672, 674, {"utf16", 4}},     {736, 738, {"utf32", 4}},   {2048, 2247, {"utf8mb3", 3}},
    {2304, 2503, {"utf8mb4", 4}}, {2560, 2759, {"ucs2", 2}},  {2816, 3015, {"utf16", 4}},
    {3072, 3271, {"utf32", 4}},
};
constexpr std::uint32_t no_pad = 1024;
constexpr std::uint32_t last_no_pad = 2047;

/// MariaDB's names of character sets that iconv knows by another one.
std::string_view iconv_name(std::string_view charset) {
  constexpr std::pair<std::string_view, std::string_view> other_names[] = {
      {"latin2", "ISO-8859-2"},
      {"latin5", "ISO-8859-9"},
      {"latin7", "ISO-8859-13"},
      {"greek", "ISO-8859-7"},
      {"hebrew", "ISO-8859-8"},
      {"ucs2", "UCS-2BE"},
      {"utf16", "UTF-16BE"},
      {"utf16le", "UTF-16LE"},
      {"utf32", "UTF-32BE"},
      {"sjis", "SHIFT_JIS"},
      {"ujis", "EUC-JP"},
      {"eucjpms", "EUC-JP-MS"},
      {"euckr", "EUC-KR"},
      {"macroman", "MACINTOSH"},
      {"tis620", "TIS-620"},
      {"koi8r", "KOI8-R"},
      {"koi8u", "KOI8-U"},
      {"armscii8", "ARMSCII-8"},
      {"macce", "MAC-CENTRALEUROPE"},
  };
  for (const auto& [name, other] : other_names)
    if (name == charset)
      return other;
  return charset;
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

/// MariaDB's latin1 is cp1252, its five holes standing for the control characters of ISO 8859-1.
std::string from_latin1(std::string_view bytes) {
  constexpr char16_t high[32] = {0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
                                 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};
  std::string out;
  for (const char byte : bytes) {
    const auto c = static_cast<std::uint8_t>(byte);
    append_utf8(out, c >= 0x80 && c < 0xA0 ? high[c - 0x80] : c);
  }
  return out;
}

std::optional<std::string> by_iconv(std::string_view bytes, std::string_view charset) {
  const iconv_t converter = iconv_open("UTF-8", std::string(iconv_name(charset)).c_str());
  if (converter == reinterpret_cast<iconv_t>(-1))
    return std::nullopt;
  std::string input(bytes);
  std::string out(bytes.size() * 4 + 4, '\0'); // no character takes more than four bytes for one
  char* from = input.data();
  char* to = out.data();
  std::size_t from_left = input.size();
  std::size_t to_left = out.size();
  const bool whole =
      iconv(converter, &from, &from_left, &to, &to_left) != static_cast<std::size_t>(-1) && from_left == 0;
  iconv_close(converter);
  if (!whole)
    return std::nullopt;
  out.resize(out.size() - to_left);
  return out;
}

} // namespace

const character_set* charset_of_collation(std::uint32_t id) {
  if (id >= no_pad && id <= last_no_pad)
    id -= no_pad;
  const auto* run = std::upper_bound(std::begin(runs), std::end(runs), id,
                                     [](std::uint32_t x, const collation_run& r) { return x < r.first; });
  if (run == std::begin(runs) || id > (--run)->last)
    return nullptr;
  return &run->charset;
}

bool is_utf8_charset(std::string_view charset) {
  return charset == "utf8mb4" || charset == "utf8mb3" || charset == "ascii";
}

bool is_valid_utf8(std::string_view bytes) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const auto* const end = at + bytes.size();
  const auto follows = [&](std::ptrdiff_t i, std::uint8_t low, std::uint8_t high) {
    return i < end - at && at[i] >= low && at[i] <= high;
  };
  while (at != end) {
    const std::uint8_t first = *at;
    if (first < 0x80) {
      ++at;
    } else if (first >= 0xC2 && first <= 0xDF) {
      if (!follows(1, 0x80, 0xBF))
        return false;
      at += 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
      const std::uint8_t low = first == 0xE0 ? 0xA0 : 0x80;
      const std::uint8_t high = first == 0xED ? 0x9F : 0xBF;
      if (!follows(1, low, high) || !follows(2, 0x80, 0xBF))
        return false;
      at += 3;
    } else if (first >= 0xF0 && first <= 0xF4) {
      const std::uint8_t low = first == 0xF0 ? 0x90 : 0x80;
      const std::uint8_t high = first == 0xF4 ? 0x8F : 0xBF;
      if (!follows(1, low, high) || !follows(2, 0x80, 0xBF) || !follows(3, 0x80, 0xBF))
        return false;
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset) {
  if (is_utf8_charset(charset) && is_valid_utf8(bytes))
    return std::string(bytes);
  if (charset == "latin1")
    return from_latin1(bytes);
  if (is_utf8_charset(charset) || charset == "binary")
    return std::nullopt;
  return by_iconv(bytes, charset);
}

} // namespace understudy
