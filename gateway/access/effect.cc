#include "gateway/access/effect.h"

#include <array>
#include <cstddef>

namespace domicile::access {
namespace {

constexpr std::array<absl::string_view, 4> kEffects = {"deny", "escalate", "mask", "allow"};
constexpr std::array<absl::string_view, 3> kTris = {"unknown", "false", "true"};
constexpr std::array<absl::string_view, 5> kKinds = {"unknown", "staff", "user", "service",
                                                     "partner"};
constexpr std::array<absl::string_view, kViaCount> kVias = {
    "residence", "location", "employer", "issuer", "workload", "gateway", "peer"};
constexpr std::array<absl::string_view, kActionCount> kActions = {
    "unlabelled", "read", "search", "write", "create", "delete", "export", "aggregate", "none"};
constexpr std::array<absl::string_view, 5> kLegal = {"silent", "deny", "escalate", "mask", "allow"};
constexpr std::array<absl::string_view, 5> kCompany = {"no_rule", "deny", "escalate", "mask",
                                                       "allow"};
constexpr std::array<absl::string_view, 2> kLayers = {"company", "legal"};
constexpr std::array<absl::string_view, 4> kAlerts = {"none", "info", "warning", "page"};

template <class E, size_t N>
absl::string_view NameIn(const std::array<absl::string_view, N>& names, E value) {
  const size_t place = static_cast<size_t>(value);
  return place < N ? names[place] : absl::string_view("?");
}

// `first`: the places before it name no value that a policy or label may write.
template <class E, size_t N>
bool ParseIn(const std::array<absl::string_view, N>& names, size_t first, absl::string_view name,
             E* out) {
  for (size_t i = first; i < N; ++i) {
    if (names[i] == name) {
      *out = static_cast<E>(i);
      return true;
    }
  }
  return false;
}

}  // namespace

absl::string_view Name(Effect v) { return NameIn(kEffects, v); }
absl::string_view Name(Tri v) { return NameIn(kTris, v); }
absl::string_view Name(PrincipalKind v) { return NameIn(kKinds, v); }
absl::string_view Name(Via v) { return NameIn(kVias, v); }
absl::string_view Name(Action v) { return NameIn(kActions, v); }
absl::string_view Name(LegalVerdict v) { return NameIn(kLegal, v); }
absl::string_view Name(CompanyVerdict v) { return NameIn(kCompany, v); }
absl::string_view Name(Layer v) { return NameIn(kLayers, v); }
absl::string_view Name(Alert v) { return NameIn(kAlerts, v); }

bool Parse(absl::string_view name, Effect* out) { return ParseIn(kEffects, 0, name, out); }
bool Parse(absl::string_view name, PrincipalKind* out) { return ParseIn(kKinds, 1, name, out); }
bool Parse(absl::string_view name, Via* out) { return ParseIn(kVias, 0, name, out); }
bool Parse(absl::string_view name, Action* out) { return ParseIn(kActions, 1, name, out); }
bool Parse(absl::string_view name, Layer* out) { return ParseIn(kLayers, 0, name, out); }
bool Parse(absl::string_view name, Alert* out) { return ParseIn(kAlerts, 1, name, out); }

}  // namespace domicile::access
