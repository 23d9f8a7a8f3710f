// identify.h — who asks, and from which countries would the data be seen?
//
// Why: one wrong fact here opens every rule behind it. So every fact is joined,
// none chosen: countries are united, roles intersected, and what is missing,
// stale or beyond what its source may assert adds ZZ, which no allow rule names
// (P1, P4). Citizenship is not even read (scenarios 16 to 18).
// Source: policy-semantics S2 to S4; design steps 2 and 6, 6.4; 28 CFR 202.211.
// Pure: no I/O, no clock, `now` is the gateway's UTC wall clock; but for the token
// cache and the replay window that the caller hands in.
// Thread-safety: Trust is immutable; see TokenCache and ReplayWindow.
// Errors: never fails; what is not proven is a problem with its recorded reason.
// INVARIANT: an identified principal has a known kind and a non-empty V.
#ifndef DOMICILE_GATEWAY_IDENTITY_IDENTIFY_H_
#define DOMICILE_GATEWAY_IDENTITY_IDENTIFY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/principal.h"
#include "gateway/access/reason.h"
#include "gateway/access/vocabulary.h"
#include "gateway/identity/forward.h"
#include "gateway/identity/staff.h"
#include "gateway/identity/ticket.h"
#include "gateway/identity/token.h"
#include "gateway/identity/workload.h"

namespace domicile::identity {

// Locations older than this are stale (scenario 20).
inline constexpr absl::Duration kLocationMaxAge = absl::Minutes(15);

// Another region's gateway.
struct Peer {
  std::string region;
  access::CountryCode country;
  std::string spiffe;  // exact
  std::vector<ForwardKey> forward_keys;
};

// Everything that identification trusts, at one moment. Never half old, half new.
struct Trust {
  uint64_t version = 0;         // rises with every change; keys the token cache
  std::string region;           // our own, "us"
  access::CountryCode country;  // where this gateway runs
  WorkloadRegistry workloads;
  std::vector<Issuer> issuers;
  std::vector<Peer> peers;
  // Names of employers to the country whose law they are under; a name that is not here is ZZ.
  absl::flat_hash_map<std::string, access::CountryCode> employers;
  access::CountrySet countries_of_concern;      // 28 CFR 202.601
  bool staff_configured = false;                // false: tokens alone say who staff are
  std::shared_ptr<const StaffDirectory> staff;  // null while configured: staff is denied
  absl::Duration staff_max_age = absl::Hours(24);
  bool tickets_configured = false;
  std::shared_ptr<const TicketList> tickets;  // null while configured: a named ticket is denied
  absl::Duration tickets_max_age = absl::InfiniteDuration();
  std::string dev_workload;  // SPIFFE ID of callers on a plaintext listener; "" outside dev
};

// What the TLS layer proved about the calling process.
struct CertificateFacts {
  std::string spiffe;         // its one SPIFFE URI SAN; "" when it has none or several
  std::string trust_domain;   // whose roots verified the chain
  Sha256Bytes fingerprint{};  // SHA-256 of the leaf's DER
  absl::Time not_after = absl::InfinitePast();
};

// What came with the call. Borrowed for the time of Identify.
struct Credentials {
  const CertificateFacts* certificate = nullptr;  // null: plaintext listener of a dev gateway
  absl::string_view authorization;                // header value; "" when absent
  absl::string_view purpose;                      // `domicile-purpose`; "" when absent
  absl::string_view ticket;                       // `domicile-ticket`; "" when absent
  absl::string_view forward;                      // decoded `domicile-forward-bin`; "" when absent
  absl::string_view method;                       // path
  Sha256Bytes metadata_digest{};                  // ClientMetadataDigest of the call's own
  // An open call, identified once more: its forward statement was accepted when it began.
  bool again = false;
};

// Where one jurisdiction or fact came from; for `identity explain`, never for decisions.
struct Basis {
  access::Jurisdiction jurisdiction;
  std::string source;                    // "token", "staff", "workload", "configuration", "forward"
  std::string note;                      // "missing", "stale", "not asserted by its issuer", or ""
  absl::Time at = absl::InfinitePast();  // when it was true, if known
};

struct Identification {
  // kRule when identified; otherwise the recorded reason, and only what was proven is filled.
  access::Reason problem = access::Reason::kUndecidable;
  std::string detail;  // which check failed; safe to log
  access::Principal principal;
  // The principal's roles by name, also those that the policy does not know: `control.roles`
  // may name more of them than rules do.
  std::vector<std::string> role_names;
  std::optional<access::PurposeIndex> purpose;  // declared; whether it is permitted is the policy's
  // The ticket that the call names, when it is known; lives as long as `tickets`.
  const Ticket* ticket = nullptr;
  std::shared_ptr<const TicketList> tickets;
  bool ticket_valid = false;
  bool ticket_assigned = false;
  bool forwarded = false;
  std::string peer_region;  // of the forwarding gateway
  // What that gateway's statement says; zeros and false until it was verified.
  ForwardDecisionId peer_decision_id{};
  bool peer_answered = false;
  Sha256Bytes token_hash{};  // zeros: no token. Goes into our own forward statement
  bool identified() const { return problem == access::Reason::kRule; }
};

// `cache`, `replay` and `bases` may be null: nothing remembered, no forwarded call accepted,
// nothing explained.
Identification Identify(const Trust& trust, const access::Vocabulary& vocabulary,
                        const Credentials& credentials, absl::Time now, TokenCache* cache,
                        ReplayWindow* replay, std::vector<Basis>* bases = nullptr);

// 28 CFR 202.211(a)(3) and (4), for a natural person: a foreign person who resides in, or is
// employed by an entity of, a country of concern. Missing facts make it unknown, never false.
// Ownership (a)(1), (2) and designation (a)(5) are not computed here.
access::Tri CoveredPerson(access::Tri us_person, const access::Jurisdictions& jurisdictions,
                          const access::CountrySet& countries_of_concern);

}  // namespace domicile::identity

#endif  // DOMICILE_GATEWAY_IDENTITY_IDENTIFY_H_
