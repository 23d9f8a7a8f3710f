#include "gateway/crypto/key_ring_text.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gateway/base/bytes.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/base/yaml.h"

namespace domicile::crypto {
namespace {

constexpr size_t kMaterialBytes = 32;

// Reads lines and knows where it is.
class Lines {
 public:
  Lines(absl::string_view text, absl::string_view file) : rest_(text), file_(file) {}

  bool AtEnd() const { return rest_.empty(); }
  int line() const { return line_; }
  absl::Status Problem(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(file_, ":", line_, ": ", what));
  }
  absl::Status Conflict(absl::string_view what) const {
    return absl::FailedPreconditionError(absl::StrCat(file_, ":", line_, ": ", what));
  }
  absl::StatusOr<absl::string_view> Next(absl::string_view expected) {
    ++line_;
    size_t end = rest_.find('\n');
    if (end == absl::string_view::npos) return Problem(absl::StrCat("expected ", expected));
    absl::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  // A line of `key value`; gives the value.
  absl::StatusOr<absl::string_view> Value(absl::string_view key) {
    const std::string expected = absl::StrCat("`", key, " ...`");
    DOMICILE_ASSIGN_OR_RETURN(absl::string_view line, Next(expected));
    if (line.size() <= key.size() || line.substr(0, key.size()) != key || line[key.size()] != ' ') {
      return Problem(absl::StrCat("expected ", expected));
    }
    return line.substr(key.size() + 1);
  }

 private:
  absl::string_view rest_;
  absl::string_view file_;
  int line_ = 0;
};

std::optional<uint32_t> ParseKeyId(absl::string_view text) {
  std::optional<std::string> bytes = base::HexDecode(text);
  if (!bytes || bytes->size() != 4) return std::nullopt;
  return base::GetBigEndian32(bytes->data());
}

// Whole seconds in UTC, in the one spelling that FormatRingTime writes.
std::optional<absl::Time> ParseRingTime(absl::string_view text) {
  std::optional<absl::Time> time = base::ParseTime(text);
  if (!time || FormatRingTime(*time) != text) return std::nullopt;
  return time;
}

absl::StatusOr<RingLine> ReadKey(Lines& lines, RingForm form) {
  const absl::string_view word = form == RingForm::kSecret ? "secret" : "public";
  const std::string expected = absl::StrCat("`key ID from TIME until TIME|- ", word, " BASE64URL`");
  DOMICILE_ASSIGN_OR_RETURN(absl::string_view text, lines.Next(expected));
  std::vector<absl::string_view> parts = absl::StrSplit(text, ' ');
  if (parts.size() != 8 || parts[0] != "key" || parts[2] != "from" || parts[4] != "until" ||
      parts[6] != word) {
    return lines.Problem(absl::StrCat("expected ", expected));
  }
  RingLine key;
  key.line = lines.line();
  std::optional<uint32_t> id = ParseKeyId(parts[1]);
  if (!id) return lines.Problem("a key id is 8 hex digits in lower case");
  key.id = *id;
  std::optional<absl::Time> from = ParseRingTime(parts[3]);
  if (!from) return lines.Problem("`from` is not a time such as 2026-11-24T05:58:24Z");
  key.from = *from;
  if (parts[5] != "-") {
    key.until = ParseRingTime(parts[5]);
    if (!key.until) return lines.Problem("`until` is neither `-` nor a time");
    if (*key.until <= key.from) return lines.Problem("`until` is not later than `from`");
  }
  std::optional<std::string> material = base::Base64UrlDecode(parts[7]);
  if (!material || material->size() != kMaterialBytes) {
    return lines.Problem("the key is not 32 bytes in base64url");
  }
  key.material = Secret(*std::move(material));
  return key;
}

absl::Status ReadHead(Lines& lines, RingForm form, KeyUse use, absl::string_view region) {
  const absl::string_view magic =
      form == RingForm::kSecret ? "domicile-key-ring/v1" : "domicile-public-keys/v1";
  DOMICILE_ASSIGN_OR_RETURN(absl::string_view first, lines.Next(magic));
  if (first != magic) return lines.Problem(absl::StrCat("expected `", magic, "`"));
  DOMICILE_ASSIGN_OR_RETURN(absl::string_view use_name, lines.Value("use"));
  std::optional<KeyUse> found = ParseKeyUse(use_name);
  if (!found) return lines.Problem("no such use of a key");
  if (*found != use) {
    return lines.Conflict(absl::StrCat("a ring for `", use_name, "` where one for `", Name(use),
                                       "` is needed; one key has one use"));
  }
  if (form == RingForm::kSecret) {
    DOMICILE_ASSIGN_OR_RETURN(absl::string_view kind, lines.Value("kind"));
    const absl::string_view needed = IsSigning(use) ? "ed25519" : "hmac-sha256";
    if (kind != needed) return lines.Problem(absl::StrCat("kind must be ", needed));
  }
  DOMICILE_ASSIGN_OR_RETURN(absl::string_view stated, lines.Value("region"));
  if (stated != kSharedRegion && !IsRingRegion(stated)) return lines.Problem("no region code");
  if (stated != region) {
    return lines.Conflict(absl::StrCat("keys of region `", stated, "` where those of `", region,
                                       "` are needed; two regions' keys never share a process"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string KeyIdText(uint32_t id) { return absl::StrFormat("%08x", id); }

uint32_t DeriveKeyId(KeyUse use, absl::string_view region, absl::string_view material) {
  constexpr absl::string_view kNul("\0", 1);
  Sha256Stream stream;
  for (absl::string_view part :
       {absl::string_view("domicile-key-id/v1"), kNul, Name(use), kNul, region, kNul, material}) {
    stream.Update(part);
  }
  Digest digest = stream.Finish();
  return base::GetBigEndian32(View(digest).data());
}

std::string FormatRingTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

bool IsRingRegion(absl::string_view region) {
  if (region.empty() || region.size() > base::limits::kRegionCodeBytesMax) return false;
  if (region[0] < 'a' || region[0] > 'z') return false;
  for (char c : region) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return true;
}

absl::StatusOr<RingText> ReadRingText(absl::string_view text, absl::string_view file, RingForm form,
                                      KeyUse use, absl::string_view region) {
  Lines lines(text, file);
  DOMICILE_RETURN_IF_ERROR(ReadHead(lines, form, use, region));
  RingText ring;
  while (!lines.AtEnd()) {
    DOMICILE_ASSIGN_OR_RETURN(RingLine key, ReadKey(lines, form));
    if (ring.keys.size() >= base::limits::kRingKeysMax) {
      return lines.Problem(absl::StrCat("more than ", base::limits::kRingKeysMax, " keys"));
    }
    for (const RingLine& other : ring.keys) {
      if (other.id == key.id) return lines.Problem("a key id stands twice");
    }
    if (!ring.keys.empty() && key.from <= ring.keys.back().from) {
      return lines.Problem("keys are not in rising `from`");
    }
    ring.keys.push_back(std::move(key));
  }
  if (ring.keys.empty()) return lines.Problem("holds no key");
  return ring;
}

}  // namespace domicile::crypto
