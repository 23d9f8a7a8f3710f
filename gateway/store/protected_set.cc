#include "gateway/store/protected_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/issue.h"
#include "gateway/crypto/digest.h"
#include "gateway/store/json_lines.h"
#include "nlohmann/json.hpp"

namespace domicile::store {
namespace {

constexpr absl::string_view kLabel("domicile person v1\0", 19);
constexpr absl::string_view kKeys[] = {"person", "kind"};
constexpr uint8_t kProtectedBit = 1, kMinorBit = 2;

// 0 for a kind that is not known. A minor is no protected person by that alone.
uint8_t BitOf(absl::string_view kind) {
  if (kind == "minor") return kMinorBit;
  for (absl::string_view known : {"journalist", "source", "official", "activist", "other"})
    if (kind == known) return kProtectedBit;
  return 0;
}

std::string TextMember(const nlohmann::json& object, const char* name) {
  auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

PersonHash HashPerson(absl::string_view key, const access::DataSubject& subject) {
  std::string message(kLabel);
  for (absl::string_view part :
       {absl::string_view(subject.name_space), absl::string_view(subject.id)}) {
    // A part beyond 64 KiB cannot come from a scanned message; cut lengths would still differ.
    base::PutBigEndian16(static_cast<uint16_t>(std::min<size_t>(part.size(), 0xffff)), &message);
    absl::StrAppend(&message, part);
  }
  return crypto::HmacSha256(key, message);
}

absl::StatusOr<ProtectedSet> ProtectedSet::Parse(absl::string_view content,
                                                 std::vector<std::string> keys,
                                                 absl::string_view file, absl::Time as_of) {
  ProtectedSet set;
  base::Issues issues;
  ReadJsonLines(content, file, kKeys, issues, [&](int line, const nlohmann::json& object) {
    std::optional<std::string> hash = base::HexDecode(TextMember(object, "person"));
    uint8_t bit = BitOf(TextMember(object, "kind"));
    if (!hash || hash->size() != sizeof(PersonHash))
      return issues.Add(file, line, "person is not 64 hex digits");
    if (bit == 0) return issues.Add(file, line, "kind is not known");
    PersonHash person;
    std::copy(hash->begin(), hash->end(), reinterpret_cast<char*>(person.data()));
    set.bits_[person] |= bit;
  });
  if (!issues.ok()) return issues.ToStatus();
  set.keys_ = std::move(keys);
  set.as_of_ = as_of;
  return set;
}

Protection ProtectedSet::Find(const access::DataSubject& subject) const {
  uint8_t bits = 0;
  for (const std::string& key : keys_) {
    auto found = bits_.find(HashPerson(key, subject));
    if (found != bits_.end()) bits |= found->second;
  }
  auto tri = [bits](uint8_t bit) {
    return (bits & bit) != 0 ? access::Tri::kTrue : access::Tri::kFalse;
  };
  return {.protected_person = tri(kProtectedBit), .minor = tri(kMinorBit)};
}

}  // namespace domicile::store
