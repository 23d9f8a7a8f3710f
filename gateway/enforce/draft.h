// draft.h — what an escalation opens, from the facts of the call that met it.
//
// Why: the official way has to begin by itself, and must tell nobody what the answer
// did not: whether there is such a person, where they are at home, what protects them.
// So a draft is made of what the caller knows: of their own call, and of a record only
// where they may know that there is one.
// Source: design 6.6; policy-semantics S14. Internal to enforce/.
// Pure. Errors: none.
#ifndef DOMICILE_GATEWAY_ENFORCE_DRAFT_H_
#define DOMICILE_GATEWAY_ENFORCE_DRAFT_H_

#include "absl/time/time.h"
#include "gateway/access/decision.h"
#include "gateway/access/method.h"
#include "gateway/enforce/ports.h"
#include "gateway/enforce/snapshot.h"
#include "gateway/identity/identify.h"

namespace domicile::enforce {

struct DraftFacts {
  const Snapshot& snapshot;
  const access::Method& method;
  const identity::Identification& caller;
  const access::CallFacts& call;
  // Rules that escalated; its other members are not read.
  const access::RecordDecision& decision;
  // Of the record, where the caller may know of it. Null: everything the method could show.
  const access::RecordFacts* record = nullptr;
};
DraftRequest MakeDraft(const DraftFacts& facts, uint64_t exception, absl::Time now);

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_DRAFT_H_
