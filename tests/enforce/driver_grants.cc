// The driver's grants: an index made of terms, and a ledger that counts.

#include <algorithm>

#include "gateway/base/check.h"
#include "tests/enforce/driver.h"

namespace domicile::enforce {

exceptions::VerifiedGrant Driver::MakeGrant(const GrantOptions& options) const {
  exceptions::VerifiedGrant grant;
  exceptions::Terms& terms = grant.terms;
  terms.exception = options.id;
  terms.principal.kind = access::PrincipalKind::kStaff;
  terms.principal.issuer = "https://staff.example";
  terms.principal.subject = options.subject;
  terms.origins = options.origins;
  for (const std::string& id : options.people) {
    terms.subjects.push_back(
        exceptions::MakeSubjectReference(directory_.at(id).reference_key, options.id));
  }
  terms.categories = options.categories;
  terms.categories.push_back("existence");
  terms.methods = {"/acme.profiles.v1.Profiles/Get"};
  terms.actions = options.actions;
  terms.purpose = options.purpose;
  for (const std::string& country : options.countries) {
    terms.jurisdictions.push_back(*access::CountryCode::Parse(country));
  }
  terms.not_before = now + options.begins;
  terms.not_after = now + options.ends;
  terms.reads_max = options.reads_max;
  grant.quorums_met = {{"eu", "standard"}};
  return grant;
}

void Driver::SetGrants(const std::vector<GrantOptions>& grants) {
  GrantIndex::Builder builder(*snapshot_->policy);
  for (auto& [id, taken] : ledger) taken.revoked = true;
  for (const GrantOptions& options : grants) {
    builder.Add(MakeGrant(options));
    Taken& taken = ledger[options.id];
    taken.reads_max = options.reads_max;
    taken.people_max = options.people_max;
    taken.revoked = false;
  }
  std::shared_ptr<const GrantIndex> index = builder.Build();
  DOMICILE_CHECK(index->size() == grants.size());
  Swap([&](Snapshot& snapshot) { snapshot.grants = std::move(index); });
}

void Driver::Reset() {
  call_.reset();
  trace_.clear();
  all_.clear();
  held_.clear();
  drafts.clear();
  end_.reset();
  next_request_ = next_response_ = 1;
}

void Driver::Answer(const Reserve& reserve) {
  absl::Status status;
  if (ledger_fails || !ledger_alive) status = absl::UnavailableError("no lease");
  for (const GrantUse& use : reserve.uses) {
    const Taken& taken = ledger[use.grant];
    std::set<exceptions::SubjectReference> people = taken.people;
    people.insert(use.subjects.begin(), use.subjects.end());
    if (taken.revoked) status.Update(absl::FailedPreconditionError("revoked"));
    if (taken.reads + use.reads > taken.reads_max || people.size() > taken.people_max)
      status.Update(absl::ResourceExhaustedError("limit"));
  }
  for (const GrantUse& use : reserve.uses) {
    if (!status.ok()) break;
    Taken& taken = ledger[use.grant];
    taken.reads += use.reads;
    taken.people.insert(use.subjects.begin(), use.subjects.end());
  }
  Send(Reserved{reserve.question, status, now});
}

void Driver::Answer(const ReleaseMessage& release) {
  if (!release.under_grant) return;
  // At an end of ours what has not left is dropped.
  if (ledger_alive && !end_ && left) left(release.handle);
  Send(LetGo{release.handle, false,
             ledger_alive ? access::Reason::kRule : access::Reason::kGrantUnknown, now});
}

void Driver::Answer(const ForwardRequest& forward) {
  if (!forward.under_grant || ledger_alive) return;
  Send(LetGo{forward.handle, true, access::Reason::kGrantUnknown, now});
}

}  // namespace domicile::enforce
