#include "gateway/control/config_reader.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "gateway/base/file.h"
#include "gateway/control/gateway_config.h"
#include "gateway/identity/workload.h"

namespace domicile::control {
namespace {

constexpr std::array<absl::string_view, 16> kControlMethods = {
    "exception.draft", "exception.list",   "exception.reads", "exception.show",
    "exception.sign",  "exception.submit", "exception.watch", "exception.withdraw",
    "log.tail",        "officer.list",     "subject.import",  "subject.set-home",
    "subject.show",    "tag.show",         "version",         "why"};

}  // namespace

bool IsName(absl::string_view text) {
  if (text.empty() || text.size() > 32 || !absl::ascii_islower(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

bool IsSpiffe(absl::string_view text, bool pattern) { return identity::ValidSpiffe(text, pattern); }

bool ParseHostPort(absl::string_view text, std::string& host, uint16_t& port) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  absl::string_view name = text.substr(0, colon);
  const absl::string_view digits = text.substr(colon + 1);
  if (absl::ConsumePrefix(&name, "[")) {
    if (!absl::ConsumeSuffix(&name, "]") || !absl::StrContains(name, ":")) return false;
  } else if (absl::StrContains(name, ":")) {
    return false;  // an IPv6 address without brackets: which part is the port?
  }
  uint32_t number = 0;
  if (name.empty() || digits.empty() || !absl::c_all_of(digits, absl::ascii_isdigit) ||
      !absl::SimpleAtoi(digits, &number) || number > 65535) {
    return false;
  }
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
  });
  if (!plain) return false;
  host = std::string(name);
  port = static_cast<uint16_t>(number);
  return true;
}

bool IsLoopback(absl::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  // Four numbers, not merely a prefix: 127.example.com is somebody's host.
  if (!absl::StartsWith(host, "127.")) return false;
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return absl::ascii_isdigit(c) || c == '.'; }) &&
         std::count(host.begin(), host.end(), '.') == 3;
}

bool ControlPatternMatches(absl::string_view pattern, absl::string_view method) {
  if (pattern == "*" || pattern == method) return true;
  return absl::ConsumeSuffix(&pattern, "*") && absl::EndsWith(pattern, ".") &&
         absl::StartsWith(method, pattern);
}

bool IsControlPattern(absl::string_view pattern) {
  return std::any_of(kControlMethods.begin(), kControlMethods.end(), [&](absl::string_view method) {
    return ControlPatternMatches(pattern, method);
  });
}

std::string ControlMethodList() { return absl::StrJoin(kControlMethods, ", "); }

std::string ConfigReader::Path(base::YamlMap& map, absl::string_view key) {
  const std::string path = map.Text(key);
  return path.empty() ? path : base::ResolveBeside(file_, path);
}

std::string ConfigReader::OptionalPath(base::YamlMap& map, absl::string_view key) {
  return map.Has(key) ? Path(map, key) : "";
}

access::CountryCode ConfigReader::Country(base::YamlMap& map, absl::string_view key) {
  const std::string text = map.Text(key);
  if (text.empty()) return access::kUnknownCountry;
  const std::optional<access::CountryCode> country = access::CountryCode::Parse(text);
  if (!country || country->unknown()) {
    map.Problem(key, absl::StrCat("`", key, "` must be an ISO 3166 country code in upper case"));
    return access::kUnknownCountry;
  }
  return *country;
}

std::vector<access::CountryCode> ConfigReader::Countries(base::YamlMap& map,
                                                         absl::string_view key) {
  std::vector<access::CountryCode> countries;
  for (const std::string& text : map.OptionalTexts(key)) {
    const std::optional<access::CountryCode> country = access::CountryCode::Parse(text);
    if (country && !country->unknown()) {
      countries.push_back(*country);
    } else {
      map.Problem(key, absl::StrCat("`", text, "` is no ISO 3166 country code in upper case"));
    }
  }
  return countries;
}

std::vector<base::YamlNode> ConfigReader::List(base::YamlMap& map, absl::string_view key,
                                               size_t max) {
  std::vector<base::YamlNode> list = map.OptionalList(key);
  if (list.size() > max) {
    map.Problem(key, absl::StrCat("`", key, "` holds ", list.size(), " entries, at most ", max));
    list.resize(max);
  }
  return list;
}

}  // namespace domicile::control
