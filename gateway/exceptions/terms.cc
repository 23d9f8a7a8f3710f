#include "gateway/exceptions/terms.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/exceptions/form.h"

namespace domicile::exceptions {
namespace {

constexpr absl::string_view kSubjectContext{"domicile-exception-subject/v1\0", 30};
static_assert(kSubjectContext.back() == '\0', "the label ends with its NUL");

absl::Status Wider(absl::string_view member) {
  return absl::InvalidArgumentError(
      absl::StrCat("narrower terms: ", member, " lets through more than before"));
}
absl::Status Differs(absl::string_view member) {
  return absl::InvalidArgumentError(
      absl::StrCat("narrower terms: ", member, " has to stay what it was"));
}

template <class T>
bool IsSubset(const std::vector<T>& part, const std::vector<T>& whole) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

}  // namespace

std::string ToText(ExceptionId id) {
  std::string bytes;
  base::PutBigEndian64(id, &bytes);
  return base::HexEncode(bytes);
}

absl::StatusOr<ExceptionId> ParseExceptionId(absl::string_view text) {
  std::optional<std::string> bytes = base::HexDecode(text);
  if (bytes && bytes->size() == sizeof(ExceptionId)) {
    const ExceptionId id = base::GetBigEndian64(bytes->data());
    if (id != 0) return id;
  }
  return absl::InvalidArgumentError("exception id: not 16 lower-case hex digits, or zero");
}

SubjectReference MakeSubjectReference(absl::string_view person_key, ExceptionId exception) {
  SubjectReference reference{};
  if (person_key.empty()) return reference;
  std::string message(kSubjectContext);
  base::PutBigEndian64(exception, &message);
  const crypto::Digest mac = crypto::HmacSha256(person_key, message);
  std::copy_n(mac.begin(), reference.size(), reference.begin());
  return reference;
}

void Normalise(Terms& terms) {
  SortUnique(terms.origins);
  SortUnique(terms.subjects);
  SortUnique(terms.categories);
  SortUnique(terms.methods);
  SortUnique(terms.actions);
  SortUnique(terms.jurisdictions);
}

bool IsNormal(const Terms& terms) {
  return IsSortedUnique(terms.origins) && IsSortedUnique(terms.subjects) &&
         IsSortedUnique(terms.categories) && IsSortedUnique(terms.methods) &&
         IsSortedUnique(terms.actions) && IsSortedUnique(terms.jurisdictions);
}

absl::Status CheckNarrower(const Terms& wider, const Terms& narrower) {
  if (!IsNormal(wider) || !IsNormal(narrower)) {
    return absl::InvalidArgumentError("narrower terms: not in normal form");
  }
  if (narrower.exception != wider.exception) return Differs("exception");
  if (narrower.revision == 0 || narrower.revision - 1 != wider.revision) {
    return absl::InvalidArgumentError("narrower terms: revision is not the next one");
  }
  if (narrower.principal != wider.principal) return Differs("principal");
  if (narrower.purpose != wider.purpose) return Differs("purpose");
  if (narrower.legal_basis != wider.legal_basis) return Differs("legal_basis");
  if (narrower.break_glass != wider.break_glass) return Differs("break_glass");
  if (!wider.licence.empty() && narrower.licence != wider.licence) return Differs("licence");
  if (!wider.ticket.empty() && narrower.ticket != wider.ticket) return Wider("ticket");
  if (!IsSubset(narrower.origins, wider.origins)) return Wider("origins");
  // Nobody named is anybody, which only nobody named contains.
  if (!wider.subjects.empty() &&
      (narrower.subjects.empty() || !IsSubset(narrower.subjects, wider.subjects))) {
    return Wider("subjects");
  }
  if (!IsSubset(narrower.categories, wider.categories)) return Wider("categories");
  if (!IsSubset(narrower.methods, wider.methods)) return Wider("methods");
  if (!IsSubset(narrower.actions, wider.actions)) return Wider("actions");
  if (!IsSubset(narrower.jurisdictions, wider.jurisdictions)) return Wider("jurisdictions");
  if (narrower.not_before < wider.not_before) return Wider("not_before");
  if (narrower.not_after > wider.not_after) return Wider("not_after");
  if (narrower.reads_max > wider.reads_max) return Wider("reads_max");
  if (narrower.distinct_subjects_max > wider.distinct_subjects_max) {
    return Wider("distinct_subjects_max");
  }
  return absl::OkStatus();
}

std::array<uint8_t, 32> DigestOf(const Terms& terms) { return crypto::Sha256(ToJson(terms)); }

}  // namespace domicile::exceptions
