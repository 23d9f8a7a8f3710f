#include "gateway/origin/home.h"

#include "gateway/base/check.h"

namespace domicile::origin {
namespace {

using access::Reason;
using access::RegionIndex;
using access::RegionSet;

Origins Incident(Reason reason) { return Origins{{}, reason, true}; }

// What a tag makes of the candidates; problem kRule when it makes some.
Origins FromTag(const OriginFacts& facts) {
  const Tag& tag = facts.tag->tag;
  switch (facts.tag->check) {
    case TagCheck::kVerified:
    case TagCheck::kOtherRegion:
      break;
    case TagCheck::kSubjectMismatch:
      return Incident(Reason::kTagSubjectMismatch);
    case TagCheck::kInvalid:
    case TagCheck::kUnknownKey:
    case TagCheck::kMalformed:
      return Incident(Reason::kTagInvalid);
  }
  const bool verified = facts.tag->check == TagCheck::kVerified;
  std::optional<RegionIndex> issuer = facts.regions->Find(tag.issuer);
  if (!issuer || !facts.holds.Has(*issuer)) return Incident(Reason::kTagForeign);
  // The two ways of knowing who made the tag must agree.
  if (verified != (*issuer == facts.own)) return Incident(Reason::kTagInvalid);

  Origins origins;
  origins.problem = Reason::kRule;
  for (const std::string& code : tag.regions) {
    std::optional<RegionIndex> region = facts.regions->Find(code);
    if (!region) return Incident(Reason::kTagForeign);
    origins.candidates.Add(*region);
  }
  if (!verified) {
    origins.candidates.Add(*issuer);
    // Who can forge a tag of another region must not make us an origin by it.
    origins.candidates.Remove(facts.own);
  }
  return origins;
}

// Adds what the directory says beside a verified tag, which dates the record.
void AddDatedHomes(const OriginFacts& facts, absl::Time created_at, RegionSet& candidates) {
  for (absl::Span<const Home> homes : facts.homes) {
    if (std::optional<RegionIndex> then = HomeAt(homes, created_at)) candidates.Add(*then);
    if (std::optional<RegionIndex> now = HomeAt(homes, facts.now)) candidates.Add(*now);
  }
}

// Adds every home to date. False when one of the people has none.
bool AddAllHomes(const OriginFacts& facts, RegionSet& candidates) {
  bool all_known = !facts.homes.empty();
  for (absl::Span<const Home> homes : facts.homes) {
    RegionSet known = HomesToDate(homes, facts.now);
    all_known = all_known && !known.empty();
    candidates = candidates | known;
  }
  return all_known;
}

}  // namespace

std::optional<RegionIndex> HomeAt(absl::Span<const Home> homes, absl::Time at) {
  std::optional<RegionIndex> home;
  for (const Home& entry : homes) {
    if (entry.since <= at) home = entry.region;
  }
  return home;
}

RegionSet HomesToDate(absl::Span<const Home> homes, absl::Time now) {
  RegionSet regions;
  for (const Home& entry : homes) {
    if (entry.since <= now) regions.Add(entry.region);
  }
  return regions;
}

Origins CandidateOrigins(const OriginFacts& facts) {
  DOMICILE_CHECK(facts.regions != nullptr);
  Origins origins;
  if (facts.tag != nullptr) {
    origins = FromTag(facts);
    if (!origins.ok()) return origins;
    if (facts.tag->check == TagCheck::kVerified) {
      AddDatedHomes(facts, facts.tag->tag.created_at, origins.candidates);
    } else {
      // Its date can't be believed either. A person without a home is no obstacle: there is a tag.
      AddAllHomes(facts, origins.candidates);
    }
  } else {
    if (facts.untagged == access::Untagged::kDeny || !AddAllHomes(facts, origins.candidates)) {
      origins.problem = Reason::kHomeUnknown;
      return origins;
    }
    origins.problem = Reason::kRule;
  }
  if (!facts.holds.HasAll(origins.candidates))
    origins.candidates = origins.candidates | facts.holds;
  if (!origins.candidates.Has(facts.own)) origins.problem = Reason::kOriginElsewhere;
  return origins;
}

}  // namespace domicile::origin
