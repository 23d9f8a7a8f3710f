// exception_signing.cc — officers: who may sign, what they sign, and what follows from it.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/control/exception_internal.h"
#include "gateway/crypto/digest.h"

namespace domicile::control {
namespace {

using access::Reason;
using exceptions::Event;
using exceptions::State;
using exceptions::Statement;
using exceptions::Verb;
using internal::ActorText;
using internal::CheckTermsOf;
using internal::Move;
using internal::Refuse;

struct NamedSeat {
  const exceptions::Quorum* quorum;
  const exceptions::Seat* seat;
  std::string name() const { return absl::StrCat(seat->region, "/", seat->role); }
};

std::vector<NamedSeat> SeatsOf(const std::vector<exceptions::Quorum>& quorums) {
  std::vector<NamedSeat> seats;
  for (const exceptions::Quorum& quorum : quorums) {
    for (const exceptions::Seat& seat : quorum.seats) seats.push_back({&quorum, &seat});
  }
  return seats;
}

// The newest key that speaks for this officer of this region now.
const exceptions::OfficerKey* KeyOf(const Asking& asking, absl::string_view region) {
  const exceptions::OfficerKey* newest = nullptr;
  for (const exceptions::OfficerKey& key : asking.keys) {
    if (key.issuer != asking.caller.principal.issuer ||
        key.subject != asking.caller.principal.subject || key.region != region ||
        asking.now < key.from || asking.now >= key.until) {
      continue;
    }
    if (newest == nullptr || newest->from < key.from) newest = &key;
  }
  return newest;
}

const exceptions::OfficerKey* KeyOfAnyOrigin(const Asking& asking, const ExceptionRow& row) {
  for (const std::string& origin : row.terms.origins) {
    if (const exceptions::OfficerKey* key = KeyOf(asking, origin)) return key;
  }
  return nullptr;
}

bool NeedsWords(Verb verb) {
  return verb == Verb::kDeny || verb == Verb::kRevoke || verb == Verb::kReview;
}

// Ends something: any officer of an origin may, also one who could not approve it.
bool OnlyTightens(Verb verb) { return verb == Verb::kRevoke; }

// Which event the verb is in this state, before anybody counts signatures.
Event EventOf(Verb verb, const ExceptionRow& row) {
  switch (verb) {
    case Verb::kDeny:
      // Break-glass is open already: to deny it is to end it.
      return row.state == State::kActive ? Event::kRevoke : Event::kDeny;
    case Verb::kRevoke:
      return Event::kRevoke;
    case Verb::kReview:
      return Event::kReview;
    case Verb::kNarrow:
      return Event::kNarrow;
    case Verb::kApprove:
      break;
  }
  return Event::kQuorumMet;
}

Refused MayHappen(Verb verb, const ExceptionRow& row) {
  if (verb == Verb::kApprove && row.quorum_met) {
    return Refuse(Reason::kExceptionState, "its quorum is met; there is nothing left to sign");
  }
  if (exceptions::Next(row.state, EventOf(verb, row))) return {};
  return Refuse(Reason::kExceptionState, absl::StrCat("an exception that is ", Name(row.state),
                                                      " cannot be signed with `", Name(verb), "`"));
}

Refused Narrow(const Asking& asking, const PrepareAsk& ask, exceptions::Terms& terms) {
  const exceptions::Terms wider = terms;
  ++terms.revision;
  if (!ask.categories.empty()) {
    terms.categories = ask.categories;
    terms.categories.push_back("existence");
  }
  if (ask.window != absl::ZeroDuration()) terms.not_after = terms.not_before + ask.window;
  if (ask.reads_max != 0) terms.reads_max = ask.reads_max;
  if (ask.distinct_subjects_max != 0) terms.distinct_subjects_max = ask.distinct_subjects_max;
  Normalise(terms);
  const absl::Status narrower = CheckNarrower(wider, terms);
  if (!narrower.ok()) return Refuse(Reason::kTermsTooWide, narrower.message());
  return CheckTermsOf(asking, terms);
}

// Signatures that hold over exactly these terms, with the seats that each may fill.
std::vector<exceptions::Signature> SignaturesOf(const ExceptionDetail& detail,
                                                absl::Span<const exceptions::OfficerKey> keys,
                                                const std::vector<NamedSeat>& seats) {
  std::vector<exceptions::Signature> signatures;
  for (const StoredStatement& stored : detail.statements) {
    Statement statement;
    if (VerifySigned(stored.evidence, keys, statement) != Reason::kRule ||
        (statement.verb != Verb::kApprove && statement.verb != Verb::kNarrow) ||
        !(statement.terms == detail.row.terms)) {
      continue;
    }
    exceptions::Signature signature{statement.officer_issuer, statement.officer_subject, {}};
    for (size_t i = 0; i < seats.size(); ++i) {
      if (std::find(statement.seats.begin(), statement.seats.end(), seats[i].name()) !=
          statement.seats.end()) {
        signature.seats.push_back(i);
      }
    }
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

Refused CheckChallenge(const Asking& asking, const Challenge& challenge,
                       const exceptions::SignedStatement& evidence) {
  if (challenge.officer != ActorText(asking.caller.principal)) {
    return Refuse(Reason::kSignatureInvalid, "this statement was made for another officer");
  }
  if (asking.now >= challenge.expires_at) {
    return Refuse(Reason::kSignatureStale, "the statement is older than five minutes; ask again");
  }
  if (evidence.statement != challenge.statement) {
    return Refuse(Reason::kSignatureInvalid, "these are not the bytes that were given to sign");
  }
  return {};
}

// The terms that were signed have to be those that stand, or less by one step.
Refused CheckTermsStand(const Statement& statement, const ExceptionRow& row) {
  if (statement.verb == Verb::kNarrow ? CheckNarrower(row.terms, statement.terms).ok()
                                      : statement.terms == row.terms) {
    return {};
  }
  return Refuse(Reason::kTermsChanged,
                "the terms were changed after this statement was made; show them again");
}

// Counts what is there with the new signature. The row's state follows.
Refused CountSignatures(const Asking& asking, ExceptionDetail& detail, SignedChange& out) {
  ExceptionRow& row = detail.row;
  const std::vector<exceptions::Quorum> quorums = QuorumsOf(asking.policy, row.quorums);
  std::vector<exceptions::SignedStatement> evidence;
  for (const StoredStatement& stored : detail.statements) evidence.push_back(stored.evidence);
  const exceptions::VerifiedGrant grant = VerifyGrant(row.terms, evidence, asking.keys, quorums);
  if (row.quorums.empty() || grant.quorums_met.size() != row.quorums.size()) return {};
  row.quorum_met = true;
  out.event = Event::kQuorumMet;
  if (Refused refused = Move(row, Event::kQuorumMet)) return refused;
  PassTime(row, asking.now);
  return {};
}

}  // namespace

Standing StandingOf(const Asking& asking, const ExceptionRow& row, bool swap_pair) {
  Standing standing;
  std::optional<Reason> first;  // of the seats that are not theirs
  const exceptions::Approver approver = ApproverOf(asking.caller);
  exceptions::Relation relation =
      RelationOf(asking.staff, row.terms.principal.subject, approver.subject, asking.now);
  relation.swap_pair = swap_pair;
  const std::vector<exceptions::Quorum> quorums = QuorumsOf(asking.policy, row.quorums);
  const std::vector<NamedSeat> seats = SeatsOf(quorums);
  for (size_t i = 0; i < seats.size(); ++i) {
    const exceptions::Seat& seat = *seats[i].seat;
    Reason reason =
        MayApprove(row.terms, approver, relation, seat, CountriesOf(asking.policy, seat.region));
    if (reason == Reason::kRule && KeyOf(asking, seat.region) == nullptr) {
      reason = Reason::kOfficerKeyUnknown;
    }
    if (reason == Reason::kRule) {
      standing.seats.push_back(i);
      standing.seat_names.push_back(seats[i].name());
    } else if (!first || reason == Reason::kOfficerKeyUnknown) {
      first = reason;  // a key alone is lacking: the nearest they come
    }
  }
  standing.why_not =
      standing.seats.empty() ? first.value_or(Reason::kOfficerKeyUnknown) : Reason::kRule;
  return standing;
}

std::vector<std::string> MissingSeats(const policy::Policy& policy, const ExceptionDetail& detail,
                                      absl::Span<const exceptions::OfficerKey> keys) {
  const std::vector<exceptions::Quorum> quorums = QuorumsOf(policy, detail.row.quorums);
  const std::vector<NamedSeat> seats = SeatsOf(quorums);
  std::vector<std::string> missing;
  for (size_t place : Evaluate(quorums, SignaturesOf(detail, keys, seats)).missing) {
    missing.push_back(seats[place].name());
  }
  return missing;
}

Refused Prepare(const Asking& asking, const ExceptionRow& row, const PrepareAsk& ask,
                bool swap_pair, const std::array<uint8_t, 32>& nonce, Statement& statement) {
  const exceptions::OfficerKey* key = KeyOfAnyOrigin(asking, row);
  const Standing standing = StandingOf(asking, row, swap_pair);
  if (OnlyTightens(ask.verb)) {
    if (key == nullptr) {
      return Refuse(Reason::kOfficerKeyUnknown, "no officer's key of an origin is yours");
    }
  } else if (standing.why_not != Reason::kRule) {
    return Refuse(standing.why_not, "you may not sign this; `exception show` says more");
  }
  if (Refused refused = MayHappen(ask.verb, row)) return refused;
  if (ask.reason.size() > exceptions::kReasonBytesMax ||
      (NeedsWords(ask.verb) && ask.reason.empty())) {
    return Refuse(Reason::kTermsTooWide, "say why, in at most 1000 bytes");
  }
  statement = Statement();
  statement.terms = row.terms;
  if (ask.verb == Verb::kNarrow) {
    if (Refused refused = Narrow(asking, ask, statement.terms)) return refused;
  }
  if (!standing.seats.empty()) {
    const std::string& first = standing.seat_names.front();
    key = KeyOf(asking, first.substr(0, first.find('/')));
  }
  const exceptions::Approver officer = ApproverOf(asking.caller);
  statement.verb = ask.verb;
  statement.reason = ask.reason;
  statement.officer_issuer = officer.issuer;
  statement.officer_subject = officer.subject;
  statement.key_id = key->key_id;
  statement.officer_roles = officer.roles;
  for (const access::Jurisdiction& jurisdiction : asking.caller.principal.jurisdictions) {
    statement.officer_countries.push_back(jurisdiction.country);
  }
  auto sort_unique = [](auto& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  };
  statement.seats = standing.seat_names;
  sort_unique(statement.officer_roles);
  sort_unique(statement.officer_countries);
  sort_unique(statement.seats);
  statement.policy_digest = asking.policy.digest();
  statement.facts_digest = crypto::Sha256(row.facts);
  statement.nonce = nonce;
  statement.issued_at = absl::FromUnixSeconds(absl::ToUnixSeconds(asking.now));
  statement.expires_at = statement.issued_at + exceptions::kStatementLifetime;
  return {};
}

Refused Sign(const Asking& asking, const Challenge& challenge,
             const exceptions::SignedStatement& evidence, const ExceptionDetail& detail,
             bool swap_pair, SignedChange& out) {
  if (Refused refused = CheckChallenge(asking, challenge, evidence)) return refused;
  const Reason holds = VerifySigned(evidence, asking.keys, out.statement);
  if (holds != Reason::kRule) return Refuse(holds, "the signature does not hold");
  const Statement& statement = out.statement;
  const ExceptionRow& before = detail.row;
  if (statement.terms.exception != before.id) {
    return Refuse(Reason::kSignatureInvalid, "the statement is about another exception");
  }
  if (Refused refused = CheckTermsStand(statement, before)) return refused;
  // Facts may have changed since the statement was made: where the officer is, whom they report to.
  if (!OnlyTightens(statement.verb)) {
    const Standing standing = StandingOf(asking, before, swap_pair);
    if (standing.why_not != Reason::kRule) return Refuse(standing.why_not, "you may not sign this");
  }
  if (Refused refused = MayHappen(statement.verb, before)) return refused;
  ExceptionDetail after = detail;
  after.row.terms = statement.terms;
  after.row.last_actor = ActorText(asking.caller.principal);
  after.statements.push_back({evidence, statement.verb, statement.terms.revision, asking.now});
  const Event event = EventOf(statement.verb, before);
  out.event = event;
  if (statement.verb == Verb::kApprove || statement.verb == Verb::kNarrow) {
    out.event.reset();
    if (statement.verb == Verb::kNarrow) out.event = Event::kNarrow;
    if (Refused refused = CountSignatures(asking, after, out)) return refused;
  } else if (Refused refused = Move(after.row, event)) {
    return refused;
  }
  out.change.row = std::move(after.row);
  out.change.statement = after.statements.back();
  out.change.use_challenge = challenge.nonce;
  return {};
}

}  // namespace domicile::control
