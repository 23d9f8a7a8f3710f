#include "gateway/control/officers_file.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/base/bytes.h"
#include "gateway/base/yaml.h"
#include "gateway/crypto/signature.h"

namespace domicile::control {
namespace {

constexpr absl::string_view kHead = "domicile-officers/v1";
constexpr size_t kWords = 12;  // of an officer's line

std::string TimeText(absl::Time time) {
  if (time == absl::InfiniteFuture()) return "-";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::Status Problem(absl::string_view file, size_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ": ", what));
}

// nullopt: no such time.
std::optional<absl::Time> ReadTime(absl::string_view text, bool may_be_open) {
  if (may_be_open && text == "-") return absl::InfiniteFuture();
  return base::ParseTime(text);
}

absl::StatusOr<exceptions::OfficerKey> ParseLine(absl::string_view text, absl::string_view file,
                                                 size_t line, absl::string_view region) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
  if (words.size() != kWords || words[0] != "officer" || words[2] != "from" ||
      words[4] != "until" || words[6] != "public" || words[8] != "issuer" ||
      words[10] != "subject") {
    return Problem(file, line,
                   "expected `officer ID from TIME until TIME public KEY issuer URL subject ID`; "
                   "`domicile officer key` prints it");
  }
  exceptions::OfficerKey key;
  key.key_id = std::string(words[1]);
  const std::optional<absl::Time> from = ReadTime(words[3], /*may_be_open=*/false);
  const std::optional<absl::Time> until = ReadTime(words[5], /*may_be_open=*/true);
  if (!from || !until || *until <= *from) {
    return Problem(file, line, "`from` and `until` are times in UTC, in this order");
  }
  key.from = *from;
  key.until = *until;
  const std::optional<std::string> bytes = base::Base64UrlDecode(words[7]);
  if (!bytes || bytes->size() != crypto::kEd25519KeyBytes) {
    return Problem(file, line, "`public` is 32 bytes in base64url");
  }
  key.public_key = *bytes;
  if (key.key_id != exceptions::OfficerKeyId(key.public_key)) {
    return Problem(file, line, "the id is not that of the key");
  }
  key.issuer = std::string(words[9]);
  key.subject = std::string(words[11]);
  if (key.issuer.empty() || key.subject.empty()) {
    return Problem(file, line, "`issuer` and `subject` are those of the officer's token");
  }
  key.region = std::string(region);
  return key;
}

}  // namespace

absl::StatusOr<std::vector<exceptions::OfficerKey>> ParseOfficers(absl::string_view text,
                                                                  absl::string_view file,
                                                                  absl::string_view region) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.empty() || !lines.back().empty()) {
    return Problem(file, lines.size(), "the last line needs an end");
  }
  lines.pop_back();
  if (lines.size() < 2 || lines[0] != kHead) {
    return Problem(file, 1, absl::StrCat("expected `", kHead, "`"));
  }
  if (lines[1] != absl::StrCat("region ", region)) {
    return absl::FailedPreconditionError(
        absl::StrCat(file, ":2: expected `region ", region, "`: officers of another region"));
  }
  if (lines.size() - 2 > kOfficersMax) {
    return Problem(file, kOfficersMax + 3, absl::StrCat("more than ", kOfficersMax, " officers"));
  }
  std::vector<exceptions::OfficerKey> keys;
  for (size_t i = 2; i < lines.size(); ++i) {
    absl::StatusOr<exceptions::OfficerKey> key = ParseLine(lines[i], file, i + 1, region);
    if (!key.ok()) return key.status();
    for (const exceptions::OfficerKey& before : keys) {
      if (before.key_id == key->key_id) return Problem(file, i + 1, "this key is there twice");
    }
    keys.push_back(*std::move(key));
  }
  return keys;
}

std::string OfficerLine(const exceptions::OfficerKey& key) {
  return absl::StrCat("officer ", key.key_id, " from ", TimeText(key.from), " until ",
                      TimeText(key.until), " public ", base::Base64UrlEncode(key.public_key),
                      " issuer ", key.issuer, " subject ", key.subject, "\n");
}

std::string OfficersHead(absl::string_view region) {
  return absl::StrCat(kHead, "\nregion ", region, "\n");
}

}  // namespace domicile::control
