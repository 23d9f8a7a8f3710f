// staff.h — what the company's own directory says about a member of staff.
//
// Why: a token says where an issuer believes somebody is; the directory says who
// employs them, where they live and which roles they really have. The two are
// joined in identify.h: countries are united, roles are intersected (P4), so
// neither can loosen what the other says.
// Source: design 6.4 (`staff.csv`), policy-semantics S2; 28 CFR 202.211 for us_person.
// `store/` reads the file; this header only holds rows and looks them up.
// Personal data of staff: never in a log line, an error text or an entry in the clear.
// Thread-safety: immutable after Create.
// Limits: rows and locations a row are bounded by the reader.
#ifndef DOMICILE_GATEWAY_IDENTITY_STAFF_H_
#define DOMICILE_GATEWAY_IDENTITY_STAFF_H_

#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/country.h"
#include "gateway/access/effect.h"

namespace domicile::identity {

// One credible sign of where somebody is. Every one counts (scenario 19); an
// old one still counts and adds ZZ (scenario 20).
struct Location {
  std::string source;                    // "badge", "device", "token"; never empty
  access::CountryCode country;           // ZZ when the source could not tell
  absl::Time at = absl::InfinitePast();  // when it was seen; InfinitePast: unknown, so stale
  friend bool operator==(const Location&, const Location&) = default;
};

// One row of staff.csv:
//   id,employer,residence,manager,team,roles,us_person,status,valid_from,valid_to,locations
// `residence` and `roles` are lists with `;`. `locations` is a list with `;` of
// source:CC@time, for example  badge:CN@2026-11-24T05:00:00Z;device:IE@2026-11-24T05:01:00Z
struct StaffFacts {
  std::string id;        // equals the token's subject
  std::string employer;  // an entity's name, or a country code in upper case; "" is missing
  std::vector<access::CountryCode> residences;  // empty is missing
  std::string manager;                          // id, "" for none
  std::string team;
  std::vector<std::string> roles;
  access::Tri us_person = access::Tri::kUnknown;  // 28 CFR 202.256: `true`, `false` or empty
  bool active = false;                            // status is `active`; anything else is not
  absl::Time valid_from = absl::InfinitePast();   // inclusive
  absl::Time valid_to = absl::InfiniteFuture();   // exclusive
  std::vector<Location> locations;
};

class StaffDirectory {
 public:
  // `as_of` is when the facts were true: the time the file was written.
  static StaffDirectory Create(std::vector<StaffFacts> rows, absl::Time as_of);

  using Rows = absl::InlinedVector<const StaffFacts*, 1>;
  // Every row of this person that is valid at `now`, in file order. Several rows
  // are a conflict: all of them join. Empty when the person is not known.
  Rows Find(absl::string_view id, absl::Time now) const ABSL_ATTRIBUTE_LIFETIME_BOUND;

  absl::Time as_of() const { return as_of_; }
  size_t size() const { return rows_.size(); }

 private:
  std::vector<StaffFacts> rows_;
  absl::flat_hash_map<std::string, absl::InlinedVector<uint32_t, 1>> by_id_;
  absl::Time as_of_ = absl::InfinitePast();
};

}  // namespace domicile::identity

#endif  // DOMICILE_GATEWAY_IDENTITY_STAFF_H_
