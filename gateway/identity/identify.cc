#include "gateway/identity/identify.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/check.h"
#include "gateway/crypto/digest.h"

namespace domicile::identity {
namespace {

using access::CountryCode;
using access::kUnknownCountry;
using access::PrincipalKind;
using access::Reason;
using access::Tri;
using access::Via;

// Two sources of one boolean: equal or alone they hold, at odds they are unknown (S2).
Tri Joined(Tri a, Tri b) {
  if (a == Tri::kUnknown) return b;
  if (b == Tri::kUnknown || a == b) return a;
  return Tri::kUnknown;
}

Reason ReasonOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return Reason::kKeysUnavailable;
    case absl::StatusCode::kResourceExhausted:
      return Reason::kOverloaded;
    default:
      return Reason::kTokenInvalid;
  }
}

// One call's identification, step by step. A step that returns false has set the problem.
class Identifier {
 public:
  Identifier(const Trust& trust, const access::Vocabulary& vocabulary, const Credentials& call,
             absl::Time now, TokenCache* cache, ReplayWindow* replay, std::vector<Basis>* bases)
      : trust_(trust),
        vocabulary_(vocabulary),
        call_(call),
        now_(now),
        cache_(cache),
        replay_(replay),
        bases_(bases) {}

  Identification Run() {
    result_.principal.valid_until = absl::InfiniteFuture();
    const bool ok = FindCaller() && FindToken() && AcceptForward() && FindPurpose() &&
                    JoinFacts() && FindTicket() && Finish();
    if (!ok) {
      DOMICILE_CHECK(result_.problem != Reason::kRule);
      result_.principal.valid_until = absl::InfinitePast();
    }
    return std::move(result_);
  }

 private:
  bool Deny(Reason reason, absl::string_view detail) {
    result_.problem = reason;
    result_.detail = std::string(detail);
    return false;
  }

  void Join(CountryCode country, Via via, absl::string_view source, absl::string_view note = "",
            absl::Time at = absl::InfinitePast()) {
    access::AddJurisdiction(result_.principal.jurisdictions, {country, via});
    if (bases_ != nullptr) {
      bases_->push_back({{country, via}, std::string(source), std::string(note), at});
    }
  }

  void HoldsUntil(absl::Time end) {
    result_.principal.valid_until = std::min(result_.principal.valid_until, end);
  }

  bool FindCaller() {
    if (call_.certificate == nullptr) {
      if (!call_.forward.empty()) {
        return Deny(Reason::kForwardInvalid, "forwarded over a connection without a certificate");
      }
      if (trust_.dev_workload.empty()) {
        return Deny(Reason::kWorkloadUnknown, "no client certificate");
      }
      return UseWorkload(trust_.dev_workload);
    }
    const CertificateFacts& certificate = *call_.certificate;
    if (!ValidSpiffe(certificate.spiffe, /*allow_pattern=*/false) ||
        certificate.trust_domain != TrustDomainOf(certificate.spiffe)) {
      return Deny(Reason::kWorkloadUnknown,
                  "certificate has no SPIFFE ID of the trust domain that issued it");
    }
    if (now_ >= certificate.not_after) {
      return Deny(Reason::kWorkloadUnknown, "client certificate has expired");
    }
    HoldsUntil(certificate.not_after);
    auto peer = std::find_if(trust_.peers.begin(), trust_.peers.end(),
                             [&](const Peer& known) { return known.spiffe == certificate.spiffe; });
    if (peer != trust_.peers.end()) {
      peer_ = &*peer;
      result_.forwarded = true;
      result_.peer_region = peer->region;
      if (call_.forward.empty()) {
        return Deny(Reason::kForwardInvalid, "a peer gateway called without a forward statement");
      }
      return OpenStatement();
    }
    if (!call_.forward.empty()) {
      return Deny(Reason::kForwardInvalid, "a forward statement from what is no peer gateway");
    }
    return UseWorkload(certificate.spiffe);
  }

  bool UseWorkload(absl::string_view spiffe) {
    result_.principal.workload = std::string(spiffe);
    workload_ = trust_.workloads.Find(spiffe);
    if (workload_ == nullptr) {
      return Deny(Reason::kWorkloadUnknown, "workload is not registered in identity.workloads");
    }
    const access::WorkloadPatternSet patterns =
        MatchingPatterns(vocabulary_.workload_patterns, spiffe);
    result_.principal.workloads_opening = patterns;
    result_.principal.workloads_restricting = patterns;
    return true;
  }

  bool OpenStatement() {
    absl::StatusOr<ForwardStatement> opened =
        OpenForward(call_.forward, peer_->forward_keys, peer_->region);
    if (!opened.ok()) return Deny(Reason::kForwardInvalid, opened.status().message());
    statement_ = *std::move(opened);
    if (statement_->target != trust_.region || statement_->method != call_.method ||
        statement_->metadata_digest != call_.metadata_digest) {
      return Deny(Reason::kForwardInvalid,
                  "forward statement is for another region, method or metadata");
    }
    result_.peer_decision_id = statement_->decision_id;
    result_.peer_answered = statement_->answered;
    // A claim of the peer: it adds its country and meets rules that restrict, never more.
    result_.principal.workload = statement_->workload;
    workload_ = trust_.workloads.Find(statement_->workload);
    result_.principal.workloads_restricting =
        MatchingPatterns(vocabulary_.workload_patterns, statement_->workload);
    return true;
  }

  bool FindToken() {
    if (call_.authorization.empty()) {
      // A service that a peer denied already: recorded on the peer's word, which opens nothing.
      if (result_.peer_answered) return true;
      if (result_.forwarded || workload_->speaks != Speaks::kForItself) {
        return Deny(Reason::kTokenMissing, "this caller needs the token of a human");
      }
      return true;
    }
    absl::string_view token = call_.authorization;
    if (!absl::StartsWithIgnoreCase(token, "bearer ")) {
      return Deny(Reason::kTokenInvalid, "authorization must be `Bearer` and one token");
    }
    token.remove_prefix(7);
    result_.token_hash = crypto::Sha256(token);
    if (cache_ != nullptr) claims_ = cache_->Find(result_.token_hash, trust_.version);
    if (claims_ == nullptr) {
      absl::StatusOr<Claims> verified = VerifyToken(token, trust_.issuers);
      if (!verified.ok()) return Deny(ReasonOf(verified.status()), verified.status().message());
      claims_ = std::make_shared<const Claims>(*std::move(verified));
      if (cache_ != nullptr) cache_->Add(result_.token_hash, trust_.version, claims_);
    }
    issuer_ = &trust_.issuers[claims_->issuer];
    return CheckToken();
  }

  bool CheckToken() {
    const std::string audience =
        result_.forwarded ? absl::StrCat(issuer_->audience, ":", trust_.region) : issuer_->audience;
    const absl::Status alive = CheckAlive(*claims_, *issuer_, audience, now_);
    if (!alive.ok()) return Deny(Reason::kTokenInvalid, alive.message());
    if (claims_->certificate) {
      Sha256Bytes caller{};
      if (statement_) {
        caller = statement_->certificate_hash;
      } else if (call_.certificate != nullptr) {
        caller = call_.certificate->fingerprint;
      }
      if (caller != *claims_->certificate || caller == Sha256Bytes{}) {
        return Deny(Reason::kTokenBindingMismatch, "token is bound to another certificate");
      }
    }
    HoldsUntil(claims_->expires);
    HoldsUntil(claims_->issued_at + issuer_->max_age);
    return true;
  }

  // Last of what proves the call, so that a statement is used up only by a call that is genuine.
  bool AcceptForward() {
    if (!statement_) return true;
    if (statement_->token_hash != result_.token_hash) {
      return Deny(Reason::kForwardInvalid, "forward statement was made for another token");
    }
    if (call_.again) return true;
    if (replay_ == nullptr) {
      return Deny(Reason::kForwardInvalid, "this gateway takes no forwarded calls");
    }
    const absl::Status fresh = replay_->Accept(statement_->nonce, statement_->time, now_);
    if (absl::IsResourceExhausted(fresh)) return Deny(Reason::kOverloaded, fresh.message());
    if (!fresh.ok()) return Deny(Reason::kForwardInvalid, fresh.message());
    return true;
  }

  bool FindPurpose() {
    if (call_.purpose.empty()) return true;
    result_.purpose = vocabulary_.purposes.Find(call_.purpose);
    if (!result_.purpose) {
      return Deny(Reason::kPurposeNotPermitted, "domicile-purpose is not in purposes.yaml");
    }
    return true;
  }

  bool JoinFacts() {
    Join(trust_.country, Via::kGateway, "configuration");
    if (peer_ != nullptr) Join(peer_->country, Via::kPeer, "configuration");
    JoinWorkload(workload_, peer_ == nullptr ? "workload" : "forward");
    if (claims_ == nullptr) return JoinService();
    Join(issuer_->country, Via::kIssuer, "configuration");
    JoinActors();
    result_.principal.kind = issuer_->kind;
    result_.principal.issuer = issuer_->issuer;
    result_.principal.subject = claims_->subject;
    if (issuer_->kind == PrincipalKind::kUser) {
      result_.principal.data_subject_claim = claims_->subject;
      result_.principal.data_subject_namespace = issuer_->name_space;
    }
    if (!FindStaff()) return false;
    JoinResidence();
    JoinLocations();
    if (issuer_->kind != PrincipalKind::kUser) JoinEmployer();
    JoinRoles();
    JoinPersonFacts();
    return true;
  }

  void JoinWorkload(const WorkloadRule* rule, absl::string_view source) {
    if (rule == nullptr) {
      Join(kUnknownCountry, Via::kWorkload, source, "missing");
    } else {
      Join(rule->country, Via::kWorkload, source);
    }
  }

  // A service acts for the company that runs it: its own country stands for the employer's.
  bool JoinService() {
    result_.principal.kind = PrincipalKind::kService;
    const CountryCode country = workload_ == nullptr ? kUnknownCountry : workload_->country;
    result_.principal.covered_person = country.unknown()                          ? Tri::kUnknown
                                       : trust_.countries_of_concern.Has(country) ? Tri::kTrue
                                                                                  : Tri::kFalse;
    return true;
  }

  void JoinActors() {
    for (const std::string& actor : claims_->actors) {
      JoinWorkload(trust_.workloads.Find(actor), "token");
      result_.principal.workloads_restricting =
          result_.principal.workloads_restricting |
          MatchingPatterns(vocabulary_.workload_patterns, actor);
    }
  }

  bool FindStaff() {
    staff_expected_ = issuer_->kind == PrincipalKind::kStaff && trust_.staff_configured;
    if (!staff_expected_) return true;
    if (trust_.staff == nullptr) {
      return Deny(Reason::kStaffUnavailable, "the staff file could not be read");
    }
    rows_ = trust_.staff->Find(claims_->subject, now_);
    for (const StaffFacts* row : rows_) {
      if (!row->active) {
        return Deny(Reason::kPrincipalExpired,
                    "the staff file says that this person is not active");
      }
      HoldsUntil(row->valid_to);
    }
    const absl::Time stale_at = trust_.staff->as_of() + trust_.staff_max_age;
    staff_stale_ = now_ >= stale_at;
    if (!staff_stale_) HoldsUntil(stale_at);
    return true;
  }

  // What the staff file should say and does not, or says no more.
  void JoinStaffDoubt(Via via) {
    if (!staff_expected_) return;
    if (rows_.empty()) Join(kUnknownCountry, via, "staff", "missing");
    if (!rows_.empty() && staff_stale_) {
      Join(kUnknownCountry, via, "staff", "stale", trust_.staff->as_of());
    }
  }

  void JoinClaimed(CountryCode country, Via via, absl::string_view source, absl::Time at) {
    Join(country, via, source, "", at);
    if (!country.unknown() && !issuer_->asserted_countries.Has(country)) {
      Join(kUnknownCountry, via, source, "not asserted by its issuer", at);
    }
  }

  void JoinResidence() {
    bool known = false;
    for (CountryCode country : claims_->residences) {
      JoinClaimed(country, Via::kResidence, "token", claims_->issued_at);
      known = true;
    }
    for (const StaffFacts* row : rows_) {
      for (CountryCode country : row->residences) {
        Join(country, Via::kResidence, "staff", "", trust_.staff->as_of());
        known = true;
      }
    }
    if (!known) Join(kUnknownCountry, Via::kResidence, "token", "missing");
    JoinStaffDoubt(Via::kResidence);
  }

  void JoinLocation(const Location& location) {
    const bool stale = now_ - location.at > kLocationMaxAge || location.at - now_ > kTokenSkew;
    if (stale) {
      Join(kUnknownCountry, Via::kLocation, location.source, "stale", location.at);
    } else {
      HoldsUntil(location.at + kLocationMaxAge);
    }
  }

  void JoinLocations() {
    for (const Location& location : claims_->locations) {
      JoinClaimed(location.country, Via::kLocation, location.source, location.at);
      JoinLocation(location);
    }
    bool known = !claims_->locations.empty();
    for (const StaffFacts* row : rows_) {
      for (const Location& location : row->locations) {
        Join(location.country, Via::kLocation, location.source, "", location.at);
        JoinLocation(location);
        known = true;
      }
    }
    if (!known) Join(kUnknownCountry, Via::kLocation, "token", "missing");
  }

  CountryCode CountryOfEmployer(const std::string& name) const {
    if (name.size() == 2) {
      if (std::optional<CountryCode> country = CountryCode::Parse(name)) return *country;
    }
    auto it = trust_.employers.find(name);
    return it == trust_.employers.end() ? kUnknownCountry : it->second;
  }

  void JoinEmployer() {
    bool known = false;
    for (const std::string& name : claims_->employers) {
      JoinClaimed(CountryOfEmployer(name), Via::kEmployer, "token", claims_->issued_at);
      known = true;
    }
    for (const StaffFacts* row : rows_) {
      if (row->employer.empty()) continue;
      Join(CountryOfEmployer(row->employer), Via::kEmployer, "staff", "", trust_.staff->as_of());
      known = true;
    }
    if (!known) Join(kUnknownCountry, Via::kEmployer, "token", "missing");
    JoinStaffDoubt(Via::kEmployer);
  }

  // Every source that speaks of roles must name one; who is not in the staff file has none.
  void JoinRoles() {
    absl::InlinedVector<const std::vector<std::string>*, 4> sources;
    if (!issuer_->claims.roles.empty()) {
      sources.push_back(&claims_->roles);
      sources.push_back(&issuer_->asserted_roles);
    }
    for (const StaffFacts* row : rows_) sources.push_back(&row->roles);
    if (sources.empty() || (staff_expected_ && rows_.empty())) return;
    for (const std::string& role : *sources[0]) {
      const bool everywhere =
          std::all_of(sources.begin(), sources.end(), [&](const std::vector<std::string>* names) {
            return std::find(names->begin(), names->end(), role) != names->end();
          });
      if (!everywhere) continue;
      result_.role_names.push_back(role);
      if (std::optional<access::RoleIndex> known = vocabulary_.roles.Find(role)) {
        result_.principal.roles.Add(*known);
      }
    }
  }

  void JoinPersonFacts() {
    Tri us_person = claims_->us_person;
    for (const StaffFacts* row : rows_) us_person = Joined(us_person, row->us_person);
    // Rows at odds with each other stay so, whatever a third source says.
    for (const StaffFacts* row : rows_) {
      if (row->us_person != Tri::kUnknown && row->us_person != us_person) us_person = Tri::kUnknown;
    }
    if (claims_->us_person != Tri::kUnknown && claims_->us_person != us_person) {
      us_person = Tri::kUnknown;
    }
    if (staff_stale_) us_person = Tri::kUnknown;
    result_.principal.us_person = us_person;
    result_.principal.covered_person =
        CoveredPerson(us_person, result_.principal.jurisdictions, trust_.countries_of_concern);
  }

  bool FindTicket() {
    if (call_.ticket.empty() || !trust_.tickets_configured) return true;
    if (trust_.tickets == nullptr) {
      return Deny(Reason::kTicketsUnavailable, "the ticket file could not be read");
    }
    const absl::Time stale_at = trust_.tickets->as_of() + trust_.tickets_max_age;
    if (now_ >= stale_at) return true;  // a stale list proves no ticket
    result_.tickets = trust_.tickets;
    result_.ticket = trust_.tickets->Find(call_.ticket);
    result_.ticket_valid = TicketValid(result_.ticket, now_);
    result_.ticket_assigned = TicketAssigned(result_.ticket, result_.principal.subject, now_);
    if (result_.ticket_valid) {
      HoldsUntil(stale_at);
      HoldsUntil(result_.ticket->expires);
    }
    return true;
  }

  bool Finish() {
    if (result_.principal.jurisdictions.size() > access::kJurisdictionsMax) {
      return Deny(Reason::kTokenInvalid, "facts name more countries than one person can have");
    }
    if (result_.principal.kind == PrincipalKind::kUnknown) {
      return Deny(Reason::kTokenInvalid, "its issuer is configured without a kind");
    }
    DOMICILE_CHECK(!result_.principal.jurisdictions.empty());
    result_.problem = Reason::kRule;
    return true;
  }

  const Trust& trust_;
  const access::Vocabulary& vocabulary_;
  const Credentials& call_;
  const absl::Time now_;
  TokenCache* const cache_;
  ReplayWindow* const replay_;
  std::vector<Basis>* const bases_;

  Identification result_;
  const Peer* peer_ = nullptr;
  const WorkloadRule* workload_ = nullptr;  // null only for a forwarded call
  std::optional<ForwardStatement> statement_;
  std::shared_ptr<const Claims> claims_;
  const Issuer* issuer_ = nullptr;
  StaffDirectory::Rows rows_;
  bool staff_expected_ = false;
  bool staff_stale_ = false;
};

}  // namespace

Identification Identify(const Trust& trust, const access::Vocabulary& vocabulary,
                        const Credentials& credentials, absl::Time now, TokenCache* cache,
                        ReplayWindow* replay, std::vector<Basis>* bases) {
  return Identifier(trust, vocabulary, credentials, now, cache, replay, bases).Run();
}

access::Tri CoveredPerson(access::Tri us_person, const access::Jurisdictions& jurisdictions,
                          const access::CountrySet& countries_of_concern) {
  if (us_person == Tri::kTrue) return Tri::kFalse;  // limbs 1 to 4 need a foreign person
  bool concern = false, unknown = false;
  for (const access::Jurisdiction& jurisdiction : jurisdictions) {
    if (jurisdiction.via != Via::kResidence && jurisdiction.via != Via::kEmployer) continue;
    concern = concern || countries_of_concern.Has(jurisdiction.country);
    unknown = unknown || jurisdiction.country.unknown();
  }
  if (concern) return us_person == Tri::kFalse ? Tri::kTrue : Tri::kUnknown;
  return unknown ? Tri::kUnknown : Tri::kFalse;
}

}  // namespace domicile::identity
