#include "gateway/proxy/metadata.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"

namespace domicile::proxy {
namespace {

bool IsBinary(absl::string_view name) { return absl::EndsWith(name, "-bin"); }

bool ValidBinaryValue(absl::string_view value) {
  while (true) {
    size_t comma = value.find(',');
    if (!base::Base64DecodeAnyPadding(value.substr(0, comma)).has_value()) return false;
    if (comma == absl::string_view::npos) return true;
    value.remove_prefix(comma + 1);
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

struct TimeUnit {
  char letter;
  absl::Duration length;
};

}  // namespace

bool ValidMetadataKey(absl::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

bool ValidAsciiValue(absl::string_view value) {
  // Every byte, without an early end: that is many bytes at a step, and a token has hundreds.
  bool valid = true;
  for (char c : value) valid &= c >= 0x20 && c <= 0x7e;
  return valid;
}

std::optional<std::string> DecodeBinaryValue(absl::string_view value) {
  return base::Base64DecodeAnyPadding(value);
}

std::string EncodeBinaryValue(absl::string_view bytes) {
  std::string text = base::Base64Encode(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

bool IsHopHeader(absl::string_view name) {
  if (name.empty() || name[0] == ':') return true;
  switch (name[0]) {
    case 'c':
      return name == "connection" || name == "content-length" || name == "content-type" ||
             name == "content-encoding";
    case 'g':
      // The protocol's own: each end of the gateway writes these itself.
      return name == "grpc-timeout" || name == "grpc-encoding" || name == "grpc-accept-encoding" ||
             name == "grpc-status" || name == "grpc-message" || name == "grpc-status-details-bin" ||
             name == "grpc-internal-encoding-request";
    case 'h':
      return name == "host" || name == "http2-settings";
    case 'k':
      return name == "keep-alive";
    case 'p':
      return absl::StartsWith(name, "proxy-");
    case 't':
      return name == "te" || name == "trailer" || name == "transfer-encoding";
    case 'u':
      return name == "upgrade";
    default:
      return false;
  }
}

bool IsSpoofable(absl::string_view name) {
  switch (name.empty() ? '\0' : name[0]) {
    case 'd':
      return absl::StartsWith(name, "domicile-");
    case 'f':
      return name == "forwarded";
    case 'g':
      return absl::StartsWith(name, "grpclb");
    case 'l':
      return absl::StartsWith(name, "l5d-");
    case 'v':
      return name == "via";
    case 'x':
      return absl::StartsWith(name, "x-forwarded-") || absl::StartsWith(name, "x-residency-") ||
             absl::StartsWith(name, "x-envoy-") || absl::StartsWith(name, "x-domicile-") ||
             name == "x-real-ip" || name == "x-client-cert" || name == "x-original-url" ||
             name == "x-rewrite-url";
    default:
      return false;
  }
}

MetadataProblem CheckMetadata(const HeaderBlock& headers) {
  for (size_t i = 0; i < headers.size(); ++i) {
    absl::string_view name = headers.name(i);
    if (!name.empty() && name[0] == ':') continue;
    if (!ValidMetadataKey(name)) return MetadataProblem::kKey;
    if (!ValidAsciiValue(headers.value(i))) return MetadataProblem::kValue;
    if (IsBinary(name) && !ValidBinaryValue(headers.value(i))) return MetadataProblem::kBinary;
  }
  return MetadataProblem::kNone;
}

std::optional<absl::Duration> ParseTimeout(absl::string_view value) {
  if (value.size() < 2 || value.size() > 9) return std::nullopt;
  int64_t number = 0;
  for (char c : value.substr(0, value.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  switch (value.back()) {
    case 'H':
      return absl::Hours(number);
    case 'M':
      return absl::Minutes(number);
    case 'S':
      return absl::Seconds(number);
    case 'm':
      return absl::Milliseconds(number);
    case 'u':
      return absl::Microseconds(number);
    case 'n':
      return absl::Nanoseconds(number);
    default:
      return std::nullopt;
  }
}

std::string FormatTimeout(absl::Duration timeout) {
  const TimeUnit units[] = {{'n', absl::Nanoseconds(1)},  {'u', absl::Microseconds(1)},
                            {'m', absl::Milliseconds(1)}, {'S', absl::Seconds(1)},
                            {'M', absl::Minutes(1)},      {'H', absl::Hours(1)}};
  if (timeout < absl::Nanoseconds(1)) return "1n";
  for (const TimeUnit& unit : units) {
    absl::Duration rest;
    int64_t count = absl::IDivDuration(timeout, unit.length, &rest);
    if (count <= 99'999'999) return absl::StrCat(count, std::string(1, unit.letter));
  }
  return "99999999H";
}

std::string EncodeStatusMessage(absl::string_view message) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(message.size());
  for (char c : message) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

std::string DecodeStatusMessage(absl::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '%' && i + 2 < value.size() && HexDigit(value[i + 1]) >= 0 &&
        HexDigit(value[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(value[i + 1]) * 16 + HexDigit(value[i + 2])));
      i += 2;
    } else {
      out.push_back(value[i]);
    }
  }
  return out;
}

}  // namespace domicile::proxy
