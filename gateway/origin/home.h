// home.h — from tag, directory and upstream to a record's candidate origins.
//
// Why: three sources say where a record was created, and any of them may be wrong
// or lie. The law of each place that might be the origin then applies (S16: one
// more origin never loosens), and a source that contradicts what it may say is an
// incident, not a guess.
// Source: design 6.5 and step 8, policy-semantics S2; scenarios 26, 40 to 43.
//
// What each source says:
//   tag        verified: its regions. Of another region that the upstream holds: that
//              region and those it names, but never ours, as nobody here can check it.
//              Anything else (broken, unknown key, other person, a region that the
//              upstream doesn't hold): an incident; the record is denied.
//   directory  with a verified tag: the home when the record was created and the home now, so
//              that an old record of somebody who moved stays where it was made and the rules
//              of both places apply. Otherwise: every home to date.
//   upstream   the regions that it declares in `holds`: where tag and directory name one
//              outside of them they disagree, and all of `holds` are candidates too.
// A record without a tag gets the directory's homes if the upstream says `untagged:
// directory`, else a denial. A person without a home and a record without a tag: denied.
//
// Pure: no I/O, no clock. Thread-safe. Errors: never fails; `problem` says why not.
// INVARIANT: with problem kRule, `candidates` is not empty and holds our region.
#ifndef DOMICILE_GATEWAY_ORIGIN_HOME_H_
#define DOMICILE_GATEWAY_ORIGIN_HOME_H_

#include <optional>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/index.h"
#include "gateway/access/method.h"
#include "gateway/access/reason.h"
#include "gateway/access/vocabulary.h"
#include "gateway/origin/tag.h"

namespace domicile::origin {

// One dated home of a person. Lists of them are in rising `since`; homes are only ever added.
struct Home {
  access::RegionIndex region;
  absl::Time since = absl::InfinitePast();  // InfinitePast: no date is known (home index)
};

// The home at an instant: the last one that began by then. nullopt: none had begun.
std::optional<access::RegionIndex> HomeAt(absl::Span<const Home> homes, absl::Time at);
// Every home that had begun by `now`: what a stamp carries on a record that came back without one.
access::RegionSet HomesToDate(absl::Span<const Home> homes, absl::Time now);

struct OriginFacts {
  const TagResult* tag = nullptr;  // null: the record has none
  // One for each data subject of the record, empty where no home is known.
  absl::Span<const absl::Span<const Home>> homes;
  access::RegionSet holds;  // what the upstream declares
  access::Untagged untagged = access::Untagged::kDeny;
  access::RegionIndex own;                                         // this gateway's region
  const access::NameList<access::RegionIndex>* regions = nullptr;  // of the policy; required
  absl::Time now;
};

struct Origins {
  access::RegionSet candidates;  // O; may be filled even where `problem` denies
  // kRule: judge the record by `candidates`. Else the reason why it is withheld: kTagInvalid,
  // kTagForeign, kTagSubjectMismatch, kHomeUnknown, kOriginElsewhere.
  access::Reason problem = access::Reason::kUndecidable;
  bool incident = false;  // recorded and alerted, besides being denied
  bool ok() const { return problem == access::Reason::kRule; }
};

Origins CandidateOrigins(const OriginFacts& facts);

}  // namespace domicile::origin

#endif  // DOMICILE_GATEWAY_ORIGIN_HOME_H_
