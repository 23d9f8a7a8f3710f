// policy.h — everything under regions/ and the company's directory, checked and compiled.
//
// Why: a decision has to be fast, total and repeatable, so all text is turned into
// small numbers once, at load, and nothing of it changes after that. One Policy is
// part of one snapshot; a new version is a new object.
// Source: policy-semantics S1, S6, S17; docs/policy-reference.md.
// Thread-safety: immutable. Made only by load.h.
// Lifetime: what an accessor returns lives as long as the Policy.
// Limits: kRulesMax rules; access::kNamesMax names a dimension.
// INVARIANT: a Policy exists only if it had no error at all.
#ifndef DOMICILE_GATEWAY_POLICY_POLICY_H_
#define DOMICILE_GATEWAY_POLICY_POLICY_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/country.h"
#include "gateway/access/decision.h"
#include "gateway/access/effect.h"
#include "gateway/access/index.h"
#include "gateway/access/vocabulary.h"

namespace domicile::policy {

// Both layers together; a RuleIndex is two bytes wide and entries name rules by it.
inline constexpr size_t kRulesMax = 4096;
inline constexpr size_t kQuorumsMax = 1024;
inline constexpr size_t kClassesMax = 64;

// What `mask` makes of a value (design 6.3).
struct Mask {
  enum class Kind : uint8_t {
    kClear = 0,  // the field is emptied: strictest, and the default
    kLast,       // last(n): only the last n characters stay
    kPrefix,     // prefix(bits): only the leading bits of an address stay
    kRound,      // round(n): a number rounded to multiples of n
    kPseudonym,  // a keyed pseudonym in place of the value
  };
  Kind kind = Kind::kClear;
  uint32_t amount = 0;  // n or bits; 0 for kClear and kPseudonym
  friend bool operator==(const Mask&, const Mask&) = default;
};

// Row of the table in 28 CFR 202.205, with 202.222 in front. Rising threshold.
enum class BulkClass : uint8_t {
  kNone = 0,
  kGovernmentRelated,          // 202.222: any volume
  kHumanGenomic,               // more than 100 U.S. persons
  kHumanOmic,                  // 1,000 U.S. persons
  kBiometric,                  // 1,000 U.S. persons
  kPreciseGeolocation,         // 1,000 U.S. devices
  kPersonalHealth,             // 10,000 U.S. persons
  kPersonalFinancial,          // 10,000 U.S. persons
  kCoveredPersonalIdentifier,  // 100,000 U.S. persons
};
// Class of listed identifiers in 28 CFR 202.234.
enum class ListedIdentifier : uint8_t {
  kNone = 0,
  kGovernmentOrAccountNumber,
  kFinancialAccountNumber,
  kDeviceOrHardware,
  kDemographicOrContact,
  kAdvertising,
  kAccountAuthentication,
  kNetworkBased,
  kCallDetail,
};
absl::string_view Name(BulkClass);         // `human_genomic`, ...
absl::string_view Name(ListedIdentifier);  // `network_based`, ...
// The threshold of 28 CFR 202.205 ("more than"); 0 for government-related data, nullopt for none.
std::optional<uint32_t> BulkThreshold(BulkClass);

struct Category {
  std::string name;
  std::string title;
  Mask mask;
  BulkClass bulk = BulkClass::kNone;
  ListedIdentifier listed = ListedIdentifier::kNone;
};

// One seat of a quorum: `count` distinct signatures by holders of `role` of `region`.
struct Seat {
  std::string role;
  access::RegionIndex region;
  uint32_t count = 1;
};
struct Quorum {
  access::RegionIndex region;
  std::string name;  // `standard`
  std::vector<Seat> seats;
};

struct ExceptionLimits {
  absl::Duration max_window;  // zero: no exceptions at all
  uint32_t max_data_subjects = 0;
  absl::Duration break_glass_window;  // zero: no break-glass
  uint32_t break_glass_at_most = 0;   // uses
  absl::Duration break_glass_per;     // in this period
};

struct Region {
  std::string name;   // "eu"
  std::string title;  // "European Economic Area"
  access::CountrySet countries;
  std::string reviewed_by;  // "none": no lawyer has read it
  ExceptionLimits exceptions;
  std::string file;
};

struct Source {
  std::string id;  // "gdpr-44"
  std::string title;
  std::string section;
  std::string address;
  std::string checked;  // date on which somebody compared it, "2026-11-24"
};

// A company or authority that employs people; `country` joins their jurisdictions via employer.
struct Entity {
  std::string id;
  std::string title;
  access::CountryCode country;
};

// Which tickets a rule asks for.
enum class TicketCondition : uint8_t { kAny = 0, kValid, kAssigned, kAboutDataSubject };

// A rule as compiled. Open conditions hold for everything.
struct Rule {
  std::string id;
  access::RegionIndex region;
  access::Layer layer = access::Layer::kCompany;
  access::Effect effect = access::Effect::kDeny;
  access::CountrySet from;                              // with ZZ for deny and escalate rules
  uint8_t vias = 0x7f;                                  // bit of each Via
  uint8_t kinds = 0x1f;                                 // bit of each PrincipalKind
  uint16_t actions = 0x1ff;                             // bit of each Action
  std::optional<access::RoleSet> roles;                 // one of them
  std::optional<access::WorkloadPatternSet> workloads;  // one of them
  std::optional<access::CategorySet> categories;
  std::optional<access::PurposeSet> purposes;
  TicketCondition ticket = TicketCondition::kAny;
  std::optional<bool> covered_person;
  std::optional<bool> us_person;
  std::optional<bool> protected_person;
  std::optional<bool> minor;
  std::optional<bool> self;
  std::optional<access::QuorumIndex> quorum;  // every escalate rule has one
  access::Alert alert = access::Alert::kNone;
  uint8_t legal_class = 0;     // place in classes(), 0: none
  std::vector<uint16_t> cite;  // places in sources()
  std::string note;
  bool names_from = false;  // false: `from` was left open
  std::string file;
  int line = 0;
};

// Who may declare a purpose: humans of one of the kinds with one of the roles, or
// one workload in these methods. See purposes.h.
struct Declarers {
  uint8_t kinds = 0;  // bit of each PrincipalKind
  access::RoleSet roles;
};
struct Job {
  access::WorkloadPatternIndex workload;
  std::vector<std::string> methods;  // "/package.Service/Method" or "/package.Service/*"
};
struct Purpose {
  std::string name;
  std::string title;
  bool ticket_required = false;
  std::vector<std::string> ticket_types;  // empty: any type
  std::vector<Declarers> declarers;
  std::vector<Job> jobs;
};

struct Tables;      // tables.h: rules as bitsets
struct Invariant;   // invariants.h
struct Definition;  // definition.h: the same as text, with lines

class Policy {
 public:
  ~Policy();
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  const access::Vocabulary& vocabulary() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  // SHA-256 over the canonical bytes of all that the policy says; comments, layout, and the order
  // of files and rules don't change it.
  const std::array<uint8_t, 32>& digest() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

  // Rules by id; RuleIndex is the place in it.
  absl::Span<const Rule> rules() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  const Rule& rule(access::RuleIndex index) const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  std::optional<access::RuleIndex> FindRule(absl::string_view id) const;

  // By RegionIndex, CategoryIndex, PurposeIndex, QuorumIndex.
  absl::Span<const Region> regions() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  absl::Span<const Category> categories() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  absl::Span<const Purpose> purposes() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  absl::Span<const Quorum> quorums() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  // By name.
  absl::Span<const Source> sources() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  absl::Span<const Entity> entities() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  // Legal classes by name; classes()[0] is "" for none.
  absl::Span<const std::string> classes() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  absl::Span<const Invariant> invariants() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

  // The region that the country lies in; nullopt when in none.
  std::optional<access::RegionIndex> RegionOf(access::CountryCode country) const;
  // Country of an employer named by its id; nullopt when unknown.
  std::optional<access::CountryCode> EmployerCountry(absl::string_view entity) const;
  std::optional<access::QuorumIndex> FindQuorum(access::RegionIndex region,
                                                absl::string_view name) const;
  // The policy's workload patterns that this SPIFFE ID matches: an exact ID, or a pattern that
  // ends in `/*`, which stands for one or more further path characters.
  access::WorkloadPatternSet PatternsMatching(absl::string_view spiffe) const;

  // The compiled form, for decide.cc, and the text form, for explain.cc and proofs.
  const Tables& tables() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  const Definition& definition() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

 private:
  friend class Compiler;
  struct Parts;
  explicit Policy(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_POLICY_H_
