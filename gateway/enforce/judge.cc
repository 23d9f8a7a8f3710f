#include "gateway/enforce/judge.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "gateway/audit/entry.h"
#include "gateway/identity/ticket.h"
#include "gateway/origin/home.h"
#include "gateway/policy/decide.h"

namespace domicile::enforce {
namespace {

using access::Action;
using access::Reason;
using access::Tri;
using HomeList = absl::InlinedVector<origin::Home, 2>;
using HomeLists = absl::InlinedVector<HomeList, 1>;

// `unknown` is set when a row names no region of the policy: then nobody can say whose law applies.
HomeList ToHomes(const Snapshot& snapshot, const SubjectFacts& facts, bool* unknown) {
  HomeList homes;
  for (const DatedHome& row : facts.homes) {
    std::optional<access::RegionIndex> region =
        snapshot.policy->vocabulary().regions.Find(row.region);
    if (!region) {
      *unknown = true;
      continue;
    }
    homes.push_back({*region, row.since});
  }
  return homes;
}

// T if it is for one of them, else U if it is for one (S2).
Tri Joined(Tri a, Tri b) {
  if (a == Tri::kTrue || b == Tri::kTrue) return Tri::kTrue;
  if (a == Tri::kUnknown || b == Tri::kUnknown) return Tri::kUnknown;
  return Tri::kFalse;
}

class Judging {
 public:
  Judging(const JudgeInput& input, const SubjectBook& book, const access::Findings& findings)
      : input_(input), book_(book), findings_(findings), judged_(findings.records.size()) {}

  std::vector<JudgedRecord> Run() {
    problems_.assign(judged_.size(), Reason::kRule);
    for (size_t i = 0; i < judged_.size(); ++i) {
      const access::RecordFinding& record = findings_.records[i];
      judged_[i].facts.categories = record.categories;
      TakeSubjects(i, record);
      TakeOrigins(i, record);
    }
    absl::InlinedVector<access::RecordFacts, 2> facts;
    absl::InlinedVector<access::RecordDecision, 2> decisions(judged_.size());
    facts.reserve(judged_.size());
    for (const JudgedRecord& record : judged_) facts.push_back(record.facts);
    policy::Decide(*input_.snapshot.policy, input_.facts, facts, absl::MakeSpan(decisions));
    for (size_t i = 0; i < judged_.size(); ++i) {
      judged_[i].decision = std::move(decisions[i]);
      if (problems_[i] != Reason::kRule) {
        Withhold(i);
      } else if (Escalated(judged_[i].decision)) {
        ApplyGrants(input_, book_, findings_, &judged_[i]);
      }
    }
    return std::move(judged_);
  }

 private:
  bool request() const { return input_.facts.direction == access::Direction::kRequest; }

  // A nested record that names nobody is about whom its nearest enclosing record names.
  void TakeSubjects(size_t i, const access::RecordFinding& record) {
    JudgedRecord& judged = judged_[i];
    if (!record.subjects.empty()) {
      judged.subjects = record.subjects;
    } else if (record.parent >= 0) {
      judged.subjects = judged_[record.parent].subjects;
    }
    access::RecordFacts& facts = judged.facts;
    if (judged.subjects.empty()) {
      const bool aggregate = input_.method.action == Action::kAggregate;
      // S12: the records of an answer are judged one by one; an aggregate has none.
      facts.protected_person = facts.minor = aggregate || !request() ? Tri::kUnknown : Tri::kFalse;
      return;
    }
    facts.protected_person = facts.minor = Tri::kFalse;
    for (uint32_t place : judged.subjects) {
      const access::DataSubject& subject = findings_.subjects[place];
      const SubjectFacts* known = book_.Find(subject);
      facts.protected_person =
          Joined(facts.protected_person, known ? known->protected_person : Tri::kUnknown);
      facts.minor = Joined(facts.minor, known ? known->minor : Tri::kUnknown);
    }
    facts.self = IsSelf(input_.caller.principal, findings_.subjects, judged.subjects);
    facts.ticket_about = input_.caller.ticket != nullptr && TicketIsAbout(judged.subjects);
  }

  bool TicketIsAbout(absl::Span<const uint32_t> places) const {
    std::vector<access::DataSubject> named;
    named.reserve(places.size());
    for (uint32_t place : places) named.push_back(findings_.subjects[place]);
    return identity::TicketAbout(input_.caller.ticket, named, input_.now);
  }

  void TakeOrigins(size_t i, const access::RecordFinding& record) {
    JudgedRecord& judged = judged_[i];
    if (record.origin_tag.empty() && judged.subjects.empty()) return TakeOriginsOfNobody(i, record);
    if (record.origin_tag.empty() && record.subjects.empty()) {
      // About the same person as the enclosing record, and stored with it.
      judged.facts.origins = judged_[record.parent].facts.origins;
      judged.tag_verified = judged_[record.parent].tag_verified;
      problems_[i] = problems_[record.parent];
      return;
    }
    HomeLists homes;
    absl::InlinedVector<const access::DataSubject*, 2> subjects;
    bool unknown_region = false, newcomer = false;
    for (uint32_t place : judged.subjects) {
      const SubjectFacts* known = book_.Find(findings_.subjects[place]);
      subjects.push_back(&findings_.subjects[place]);
      homes.push_back(known ? ToHomes(input_.snapshot, *known, &unknown_region) : HomeList());
      newcomer = newcomer || homes.back().empty();
    }
    if (unknown_region) {
      problems_[i] = Reason::kHomeUnknown;
      return;
    }
    // The home of somebody new begins here, with this call (design step 8).
    if (newcomer && request() && input_.method.creates) {
      for (HomeList& list : homes) {
        if (list.empty()) list.push_back({input_.snapshot.region, absl::InfinitePast()});
      }
    }
    if (AsksByIdAlone(record) || MakesNew(record)) KeepTodaysHome(homes);
    origin::TagResult tag;
    origin::OriginFacts facts;
    if (!record.origin_tag.empty()) {
      const origin::TaggedRecord bound{subjects, record.message_name, record.record_id};
      if (input_.snapshot.tags != nullptr) {
        tag = input_.snapshot.tags->Check(record.origin_tag, bound, input_.now);
      }
      judged.tag_verified = tag.check == origin::TagCheck::kVerified;
      facts.tag = &tag;
    }
    absl::InlinedVector<absl::Span<const origin::Home>, 1> lists(homes.begin(), homes.end());
    facts.homes = lists;
    facts.holds = input_.upstream.holds;
    // What a request says of a person without a tag is looked up; only records that an upstream
    // returns may be asked to bring theirs.
    facts.untagged = request() ? access::Untagged::kDirectory : input_.upstream.untagged;
    facts.own = input_.snapshot.region;
    facts.regions = &input_.snapshot.policy->vocabulary().regions;
    facts.now = input_.now;
    const origin::Origins origins = origin::CandidateOrigins(facts);
    judged.facts.origins = origins.candidates;
    judged.origin_incident = origins.incident;
    problems_[i] = origins.problem;
  }

  // A read that names a person and no predicate reveals nothing but that they are here, which is
  // for the law of today's home to say; each record of the answer is then judged by its own
  // origins. So who moved can be read by where they live now, and their old rows by the rules of
  // both places.
  bool AsksByIdAlone(const access::RecordFinding& record) const {
    const Action action = input_.method.action;
    return request() && (action == Action::kRead || action == Action::kSearch) &&
           record.categories.empty() && record.origin_tag.empty();
  }
  // A record that is made today is of today's home (docs/adr/0006).
  bool MakesNew(const access::RecordFinding& record) const {
    return request() && input_.method.action == Action::kCreate && record.origin_tag.empty();
  }
  void KeepTodaysHome(HomeLists& homes) const {
    for (HomeList& list : homes) {
      const std::optional<access::RegionIndex> today = origin::HomeAt(list, input_.now);
      if (today) list = {{*today, absl::InfinitePast()}};
    }
  }

  // S12. A record of an answer that names nobody and has no tag comes from nowhere.
  void TakeOriginsOfNobody(size_t i, const access::RecordFinding& record) {
    access::RecordFacts& facts = judged_[i].facts;
    if (!request() && input_.method.action != Action::kAggregate) {
      problems_[i] = Reason::kHomeUnknown;
      return;
    }
    facts.origins = input_.upstream.holds;
    if (input_.method.action != Action::kCreate) return;
    facts.origins = access::RegionSet::Of(record.home ? *record.home : input_.snapshot.region);
  }

  void Withhold(size_t i) {
    access::RecordDecision& decision = judged_[i].decision;
    const access::LegalVerdict legal = decision.legal;
    const access::CompanyVerdict company = decision.company;
    decision = access::RecordDecision{};
    decision.reason = problems_[i];
    decision.legal = legal;
    decision.company = company;
  }

  const JudgeInput& input_;
  const SubjectBook& book_;
  const access::Findings& findings_;
  std::vector<JudgedRecord> judged_;
  absl::InlinedVector<Reason, 4> problems_;  // kRule: judged by policy
};

}  // namespace

const SubjectFacts* SubjectBook::Find(const access::DataSubject& subject) const {
  auto found = facts_.find(subject);
  return found == facts_.end() ? nullptr : &found->second;
}

std::optional<access::RegionIndex> CurrentHome(const Snapshot& snapshot, const SubjectFacts& facts,
                                               absl::Time now) {
  bool unknown = false;
  const HomeList homes = ToHomes(snapshot, facts, &unknown);
  if (unknown) return std::nullopt;
  return origin::HomeAt(homes, now);
}

std::vector<JudgedRecord> Judge(const JudgeInput& input, const SubjectBook& book,
                                const access::Findings& findings) {
  return Judging(input, book, findings).Run();
}

bool Escalated(const access::RecordDecision& decision) {
  return decision.effect == access::Effect::kEscalate ||
         decision.existence == access::Effect::kEscalate;
}

namespace {

// S8 without what `policy::Decide` asks of a grant. Of a record that names nobody, only a question
// can be about "any of so many people": what comes back is judged by itself, and an aggregate is
// about people whom nobody can count.
bool AppliesTo(const GrantEntry& grant, const JudgeInput& input, const SubjectBook& book,
               const access::Findings& findings, const JudgedRecord& judged) {
  if (!grant.LiveAt(input.now) || !grant.origins.HasAll(judged.facts.origins)) return false;
  if (judged.subjects.empty()) {
    return input.facts.direction == access::Direction::kRequest && !grant.ListsPeople() &&
           input.method.action != Action::kAggregate;
  }
  return std::all_of(judged.subjects.begin(), judged.subjects.end(), [&](uint32_t place) {
    const SubjectFacts* known = book.Find(findings.subjects[place]);
    return known != nullptr && grant.IsAbout(known->reference_key);
  });
}

}  // namespace

void ApplyGrants(const JudgeInput& input, const SubjectBook& book, const access::Findings& findings,
                 JudgedRecord* judged) {
  std::shared_ptr<const CallerGrants> all = input.grants();
  if (all == nullptr) return;
  auto applied = std::make_shared<AppliedGrants>();
  for (const GrantEntry& entry : all->entries()) {
    if (AppliesTo(entry, input, book, findings, *judged))
      applied->grants.push_back(entry.ToGrant());
  }
  if (applied->grants.empty()) return;
  applied->of = std::move(all);
  judged->facts.grants = applied->grants;
  judged->decision = policy::Decide(*input.snapshot.policy, input.facts, judged->facts);
  if (applied->grants.size() > audit::kGrantsMax) {
    // An entry holds so many: the one that decided, which is the lowest that can, and the lowest of
    // the rest. The same comes out.
    auto decided = std::find_if(
        applied->grants.begin(), applied->grants.end(),
        [&](const access::Grant& grant) { return grant.id == judged->decision.grant; });
    if (decided != applied->grants.end() &&
        decided - applied->grants.begin() >= static_cast<ptrdiff_t>(audit::kGrantsMax))
      applied->grants[audit::kGrantsMax - 1] = *decided;
    applied->grants.resize(audit::kGrantsMax);
    judged->facts.grants = applied->grants;
    judged->decision = policy::Decide(*input.snapshot.policy, input.facts, judged->facts);
  }
  judged->grants = std::move(applied);
}

absl::StatusOr<std::string> MakeStamp(const Snapshot& snapshot, const SubjectBook& book,
                                      const access::Findings& findings, size_t record,
                                      const JudgedRecord& judged, bool created, absl::Time now) {
  if (snapshot.tags == nullptr) return absl::FailedPreconditionError("no tag ring is loaded");
  std::vector<std::string> regions;
  std::vector<const access::DataSubject*> subjects;
  for (uint32_t place : judged.subjects) subjects.push_back(&findings.subjects[place]);
  if (created) {
    regions.push_back(snapshot.region_code);
  } else {
    for (const access::DataSubject* subject : subjects) {
      const SubjectFacts* known = book.Find(*subject);
      if (known == nullptr) continue;
      for (const DatedHome& home : known->homes) {
        if (home.since <= now) regions.push_back(home.region);
      }
    }
    std::sort(regions.begin(), regions.end());
    regions.erase(std::unique(regions.begin(), regions.end()), regions.end());
  }
  const access::RecordFinding& found = findings.records[record];
  return snapshot.tags->Stamp(regions, now, {subjects, found.message_name, found.record_id}, now);
}

bool IsSelf(const access::Principal& principal, absl::Span<const access::DataSubject> all,
            absl::Span<const uint32_t> named) {
  if (principal.kind != access::PrincipalKind::kUser || principal.data_subject_claim.empty() ||
      named.empty()) {
    return false;
  }
  return std::all_of(named.begin(), named.end(), [&](uint32_t place) {
    return all[place].id == principal.data_subject_claim &&
           (principal.data_subject_namespace.empty() ||
            all[place].name_space == principal.data_subject_namespace);
  });
}

}  // namespace domicile::enforce
