#include "gateway/exceptions/form.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/utf8.h"

namespace domicile::exceptions {
namespace {

using nlohmann::json;

constexpr absl::string_view kTimeFormat = "%E4Y-%m-%dT%H:%M:%SZ";
constexpr size_t kTimeBytes = 20;

struct Range {
  char32_t first, last;
};
// Categories Cc, Cf, Zl and Zp, in rising order.
constexpr Range kNotPlain[] = {
    {0x0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},
    {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},
    {0x8e2, 0x8e2},     {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f},   {0xfeff, 0xfeff},   {0xfff9, 0xfffb},   {0x110bd, 0x110bd},
    {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe007f},
};

// The first character of valid UTF-8, and its size in bytes.
char32_t FirstCharacter(absl::string_view text, size_t* size) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  *size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  constexpr unsigned char kLeadBits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t character = lead & kLeadBits[*size];
  for (size_t i = 1; i < *size; ++i) character = character << 6 | (byte(i) & 0x3f);
  return character;
}

bool IsPlain(absl::string_view text, size_t bytes_max, char allowed) {
  if (text.size() > bytes_max || !base::IsUtf8(text)) return false;
  while (!text.empty()) {
    size_t size = 0;
    const char32_t character = FirstCharacter(text, &size);
    if (allowed == '\0' || character != static_cast<char32_t>(allowed)) {
      for (const Range& range : kNotPlain) {
        if (character >= range.first && character <= range.last) return false;
      }
    }
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace

std::string Write(const json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

absl::StatusOr<json> ReadObject(absl::string_view what, absl::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": over ", bytes_max, " bytes"));
  }
  json value = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": not a JSON object"));
  }
  return value;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone());
}

bool IsWholeSecond(absl::Time time) {
  return time == absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

bool IsPlainText(absl::string_view text, size_t bytes_max) {
  return IsPlain(text, bytes_max, '\0');
}

bool IsPlainLines(absl::string_view text, size_t bytes_max) {
  return IsPlain(text, bytes_max, '\n');
}

bool IsName(absl::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

const json& Members::Get(const char* name) {
  static const json none;
  const auto it = object_.find(name);
  return it == object_.end() ? none : *it;
}

void Members::Fail(const char* name) {
  if (!status_.ok()) return;
  status_ = absl::InvalidArgumentError(
      absl::StrCat(what_, ": member \"", name, "\" is missing, or not as it has to be"));
}

std::string Members::Text(const char* name) {
  const json& value = Get(name);
  if (value.is_string()) return value.get<std::string>();
  Fail(name);
  return "";
}

bool Members::Flag(const char* name) {
  const json& value = Get(name);
  if (value.is_boolean()) return value.get<bool>();
  Fail(name);
  return false;
}

uint64_t Members::Number(const char* name, uint64_t max) {
  const json& value = Get(name);
  if (value.is_number_unsigned() && value.get<uint64_t>() <= max) return value.get<uint64_t>();
  Fail(name);
  return 0;
}

absl::Time Members::Time(const char* name) {
  const std::string text = Text(name);
  absl::Time time;
  std::string problem;  // quotes the text, so it goes nowhere
  if (text.size() == kTimeBytes && absl::ParseTime(kTimeFormat, text, &time, &problem) &&
      time >= absl::UnixEpoch()) {
    return time;
  }
  Fail(name);
  return absl::UnixEpoch();
}

std::vector<std::string> Members::Texts(const char* name, size_t count_max) {
  const json& value = Get(name);
  std::vector<std::string> texts;
  if (!value.is_array() || value.size() > count_max) {
    Fail(name);
    return texts;
  }
  for (const json& element : value) {
    if (!element.is_string()) {
      Fail(name);
      return {};
    }
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

std::vector<access::CountryCode> Members::Countries(const char* name, size_t count_max) {
  std::vector<access::CountryCode> countries;
  for (const std::string& text : Texts(name, count_max)) {
    std::optional<access::CountryCode> country = access::CountryCode::Parse(text);
    if (!country) {
      Fail(name);
      return {};
    }
    countries.push_back(*country);
  }
  return countries;
}

const json& Members::Object(const char* name) {
  static const json empty = json::object();
  const json& value = Get(name);
  if (value.is_object()) return value;
  Fail(name);
  return empty;
}

bool Members::FromHex(absl::string_view hex, uint8_t* out, size_t size_bytes) {
  std::optional<std::string> bytes = base::HexDecode(hex);
  if (!bytes || bytes->size() != size_bytes) return false;
  std::copy(bytes->begin(), bytes->end(), out);
  return true;
}

}  // namespace domicile::exceptions
