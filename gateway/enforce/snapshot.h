// snapshot.h — everything that one decision rests on, at one moment, never mixed.
//
// Policy, trust, staff facts, tickets and tag keys are swapped together as one
// immutable object; a call keeps the one that it began with, and an open stream
// is judged again when a new one arrives (design section 4 and step 9).
// Thread-safety: immutable; shared by all loops.
// Lifetime: held by shared_ptr; a Call keeps its own alive.
#ifndef DOMICILE_GATEWAY_ENFORCE_SNAPSHOT_H_
#define DOMICILE_GATEWAY_ENFORCE_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/access/index.h"
#include "gateway/access/method.h"
#include "gateway/identity/identify.h"
#include "gateway/origin/tag.h"
#include "gateway/policy/policy.h"

namespace domicile::enforce {

class GrantIndex;  // grants.h

struct Snapshot {
  uint64_t version = 0;                          // rises with every swap
  std::shared_ptr<const policy::Policy> policy;  // null: everything is denied
  std::shared_ptr<const identity::Trust> trust;  // never null
  std::shared_ptr<const origin::TagRing> tags;   // this region's tag keys; null: no tag verifies
  std::string gateway_id;                        // "us-1"
  std::string region_code;                       // "us"; what tags and homes call it
  access::RegionIndex region;                    // the same, in the policy's vocabulary
  std::string reference_key;                     // current key of the region's reference ring
  // Grants that stand, made for `policy`; with another one's they count as none. Null: none.
  std::shared_ptr<const GrantIndex> grants;
  uint64_t context = 0;  // log index of the CONTEXT that describes this
};

// What the configuration says of the upstream that serves a method here.
struct UpstreamFacts {
  access::RegionSet holds;  // regions whose records it may return
  access::Untagged untagged = access::Untagged::kDeny;
};

// What came with the call, for identification; kept to identify again when facts change.
struct CallEvidence {
  std::optional<identity::CertificateFacts>
      certificate;            // none: a dev gateway's plaintext listener
  std::string authorization;  // header value; "" when absent
  std::string purpose;        // the client's four; "" when absent
  std::string ticket;
  std::string exception;
  std::string region;
  std::string forward;  // decoded domicile-forward-bin; "" when absent
};

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_SNAPSHOT_H_
