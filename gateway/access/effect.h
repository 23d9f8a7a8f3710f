// effect.h — what may happen to a record, and the small closed vocabularies of a call.
//
// Zero memory is a denial: every enum here has its strictest or "unknown" value
// at zero. The numbers are written into audit entries (docs/audit-entry.md):
// append, never renumber.
// Source: policy-semantics S3, S7, S10. Errors: none.
#ifndef DOMICILE_GATEWAY_ACCESS_EFFECT_H_
#define DOMICILE_GATEWAY_ACCESS_EFFECT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace domicile::access {

// In order of strictness: deny > escalate > mask > allow.
enum class Effect : uint8_t { kDeny = 0, kEscalate = 1, kMask = 2, kAllow = 3 };

constexpr Effect Strictest(Effect a, Effect b) { return a < b ? a : b; }
constexpr Effect Mildest(Effect a, Effect b) { return a < b ? b : a; }

// True, false or unknown. Unknown counts as whatever is strictest (S9).
enum class Tri : uint8_t { kUnknown = 0, kFalse = 1, kTrue = 2 };

// Unknown only before identification; no rule can name it.
enum class PrincipalKind : uint8_t {
  kUnknown = 0,
  kStaff = 1,
  kUser = 2,
  kService = 3,
  kPartner = 4
};

// The basis of an access jurisdiction (S2).
enum class Via : uint8_t {
  kResidence = 0,
  kLocation = 1,
  kEmployer = 2,
  kIssuer = 3,
  kWorkload = 4,
  kGateway = 5,
  kPeer = 6
};
inline constexpr int kViaCount = 7;

// What a method does to user data. `kUnlabelled` is denied with METHOD_NOT_CLASSIFIED.
enum class Action : uint8_t {
  kUnlabelled = 0,
  kRead = 1,
  kSearch = 2,
  kWrite = 3,
  kCreate = 4,
  kDelete = 5,
  kExport = 6,
  kAggregate = 7,
  kNone = 8
};
inline constexpr int kActionCount = 9;

// The verdict of one layer of rules; silent when no legal rule matched (S15).
enum class LegalVerdict : uint8_t { kSilent = 0, kDeny = 1, kEscalate = 2, kMask = 3, kAllow = 4 };
enum class CompanyVerdict : uint8_t {
  kNoRule = 0,
  kDeny = 1,
  kEscalate = 2,
  kMask = 3,
  kAllow = 4
};

enum class Layer : uint8_t { kCompany = 0, kLegal = 1 };
enum class Alert : uint8_t { kNone = 0, kInfo = 1, kWarning = 2, kPage = 3 };

// Lower-case names as they stand in policies, labels, entries' JSON and the CLI
// (`deny`, `staff`, `residence`, `read`, `no_rule`). Parse returns false for
// anything else.
absl::string_view Name(Effect);
absl::string_view Name(Tri);
absl::string_view Name(PrincipalKind);
absl::string_view Name(Via);
absl::string_view Name(Action);
absl::string_view Name(LegalVerdict);
absl::string_view Name(CompanyVerdict);
absl::string_view Name(Layer);
absl::string_view Name(Alert);
bool Parse(absl::string_view name, Effect* out);
bool Parse(absl::string_view name, PrincipalKind* out);
bool Parse(absl::string_view name, Via* out);
bool Parse(absl::string_view name, Action* out);
bool Parse(absl::string_view name, Layer* out);
bool Parse(absl::string_view name, Alert* out);

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_EFFECT_H_
