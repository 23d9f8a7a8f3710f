// What officers do with exceptions: show, prepare, sign, and look at what was read.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/audit/entry.h"
#include "gateway/base/bytes.h"
#include "gateway/control/await.h"
#include "gateway/crypto/digest.h"
#include "gateway/services/control_service.h"
#include "gateway/services/exception_service.h"

namespace domicile::services {
namespace {

using access::Reason;
using control::ExceptionDetail;
using control::ExceptionRow;
using control::Refused;
using exceptions::Statement;
using exceptions::Verb;
namespace v1 = domicile::v1;

constexpr absl::Duration kSwapPeriod = absl::Hours(24 * exceptions::kSwapDays);

std::optional<Verb> ParseVerb(absl::string_view name) {
  for (Verb verb : {Verb::kApprove, Verb::kDeny, Verb::kNarrow, Verb::kRevoke, Verb::kReview}) {
    if (name == Name(verb)) return verb;
  }
  return std::nullopt;
}

bool SignedBy(const ExceptionDetail& detail, const exceptions::Who& who) {
  return std::any_of(
      detail.statements.begin(), detail.statements.end(),
      [&](const control::StoredStatement& stored) {
        const absl::StatusOr<Statement> statement =
            exceptions::ParseStatement(stored.evidence.statement);
        return statement.ok() && statement->officer_issuer == who.issuer &&
               statement->officer_subject == who.subject &&
               (statement->verb == Verb::kApprove || statement->verb == Verb::kNarrow);
      });
}

// The question of a read lets nothing out: its answers do.
bool LetOut(const audit::DecisionEntry& decision) {
  const bool asks =
      decision.action == access::Action::kRead || decision.action == access::Action::kSearch ||
      decision.action == access::Action::kExport || decision.action == access::Action::kAggregate;
  return decision.direction == audit::Direction::kResponse || !asks;
}

// "eu.cn.remote: gdpr-44, gdpr-46"
std::string RuleLine(const policy::Policy& policy, const std::string& id) {
  const std::optional<access::RuleIndex> index = policy.FindRule(id);
  if (!index) return absl::StrCat(id, ": no longer in the policy");
  std::vector<std::string> cited;
  for (uint16_t place : policy.rule(*index).cite) cited.push_back(policy.sources()[place].id);
  return cited.empty() ? id : absl::StrCat(id, ": ", absl::StrJoin(cited, ", "));
}

}  // namespace

// Whether the requester has signed for this officer lately: two people who let each other through
// are one. Looks through the rows of the period; there are as many as people ask for.
absl::StatusOr<bool> ExceptionService::IsSwapPair(const Asked& asked,
                                                  const ExceptionRow& row) const {
  const exceptions::Who officer = control::WhoIs(asked.caller.principal);
  bool signed_before = false;
  const absl::Status looked = ForEachRow(asked.now, [&](const ExceptionRow& other) {
    if (signed_before || !(other.terms.principal == officer) ||
        other.requested_at < asked.now - kSwapPeriod) {
      return absl::OkStatus();
    }
    const absl::StatusOr<ExceptionDetail> detail = Get(exceptions::ToText(other.id));
    if (detail.ok()) signed_before = SignedBy(*detail, row.terms.principal);
    return detail.status();
  });
  if (!looked.ok()) return looked;
  return signed_before;
}

grpc::Status ExceptionService::Show(grpc::ServerContext* context, const v1::ShowRequest* request,
                                    v1::ShowResponse* response) {
  Asked asked;
  grpc::Status begun = Begin(*context, "/domicile.v1.Exceptions/Show", "exception.show", asked);
  if (!begun.ok()) return begun;
  absl::StatusOr<ExceptionDetail> detail = Get(request->exception());
  if (!detail.ok() && !absl::IsNotFound(detail.status())) return Error(detail.status());
  if (!detail.ok() || !MaySee(asked, detail->row)) {
    return Refuse(asked, {Reason::kExceptionUnknown, "no exception of yours has this id"});
  }
  control::PassTime(detail->row, asked.now);
  const ExceptionRow& row = detail->row;
  const policy::Policy& policy = *asked.snapshot->policy;
  *response->mutable_row() = RowToProto(row, detail->usage);
  *response->mutable_terms() = TermsToProto(row.terms);
  response->set_reason(row.reason);
  response->set_facts(row.facts);
  for (const std::string& rule : row.rules) response->add_rules(RuleLine(policy, rule));
  for (const control::StoredStatement& stored : detail->statements) {
    Statement statement;
    if (VerifySigned(stored.evidence, asked.keys, statement) != Reason::kRule) continue;
    v1::SignatureLine* line = response->add_signatures();
    line->set_verb(std::string(Name(statement.verb)));
    line->set_officer(statement.officer_subject);
    line->set_key_id(stored.evidence.key_id);
    for (const std::string& seat : statement.seats) line->add_seats(seat);
    line->set_at(Rfc3339(stored.at));
    line->set_revision(stored.revision);
    line->set_statement(stored.evidence.statement);
    line->set_signature(stored.evidence.signature);
  }
  for (const std::string& seat : control::MissingSeats(policy, *detail, asked.keys)) {
    response->add_missing_seats(seat);
  }
  const absl::StatusOr<bool> swap_pair = IsSwapPair(asked, row);
  if (!swap_pair.ok()) return Error(swap_pair.status());
  const control::Standing standing = control::StandingOf(asked.asking(), row, *swap_pair);
  response->set_may_sign(standing.why_not == Reason::kRule);
  if (!response->may_sign()) {
    response->set_may_not_sign_because(std::string(Name(standing.why_not)));
  }
  response->set_reads(detail->usage.reads);
  response->set_distinct_subjects(detail->usage.distinct_subjects);
  return grpc::Status::OK;
}

grpc::Status ExceptionService::Prepare(grpc::ServerContext* context,
                                       const v1::PrepareRequest* request,
                                       v1::PrepareResponse* response) {
  Asked asked;
  grpc::Status begun = Begin(*context, "/domicile.v1.Exceptions/Prepare", "exception.sign", asked);
  if (!begun.ok()) return begun;
  const std::optional<Verb> verb = ParseVerb(request->verb());
  if (!verb) {
    return Error(
        absl::InvalidArgumentError("verb is one of approve, deny, narrow, revoke and review"));
  }
  absl::StatusOr<ExceptionDetail> detail = Get(request->exception());
  if (!detail.ok() && !absl::IsNotFound(detail.status())) return Error(detail.status());
  if (!detail.ok()) {
    return RefuseLoudly(asked, {Reason::kExceptionUnknown, "no exception has this id"});
  }
  control::PassTime(detail->row, asked.now);
  const absl::StatusOr<bool> swap_pair = IsSwapPair(asked, detail->row);
  if (!swap_pair.ok()) return Error(swap_pair.status());
  control::PrepareAsk ask;
  ask.verb = *verb;
  ask.reason = request->reason();
  ask.categories = {request->categories().begin(), request->categories().end()};
  ask.window = absl::Seconds(static_cast<int64_t>(
      std::min<uint64_t>(request->window_seconds(), absl::ToInt64Seconds(exceptions::kWindowMax))));
  ask.reads_max = request->reads_max();
  ask.distinct_subjects_max = request->distinct_subjects_max();
  std::array<uint8_t, 32> nonce;
  crypto::RandomBytes(nonce.data(), nonce.size());
  Statement statement;
  if (Refused refused =
          control::Prepare(asked.asking(), detail->row, ask, *swap_pair, nonce, statement)) {
    return RefuseLoudly(asked, refused);
  }
  control::Challenge challenge;
  challenge.nonce.assign(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  challenge.statement = exceptions::ToJson(statement);
  challenge.exception = detail->row.id;
  challenge.officer =
      absl::StrCat(asked.caller.principal.issuer, " ", asked.caller.principal.subject);
  challenge.expires_at = statement.expires_at;
  response->set_statement(challenge.statement);
  response->set_payload_type(std::string(exceptions::kPayloadType));
  response->set_fingerprint(exceptions::Fingerprint(challenge.statement));
  const absl::StatusOr<bool> added = control::Await<bool>(
      [&](auto done) { ports_.exceptions->AddChallenge(std::move(challenge), std::move(done)); });
  return added.ok() ? grpc::Status::OK : Error(added.status());
}

grpc::Status ExceptionService::Sign(grpc::ServerContext* context, const v1::SignRequest* request,
                                    v1::ExceptionResponse* response) {
  Asked asked;
  grpc::Status begun = Begin(*context, "/domicile.v1.Exceptions/Sign", "exception.sign", asked);
  if (!begun.ok()) return begun;
  const absl::StatusOr<Statement> statement = exceptions::ParseStatement(request->statement());
  if (!statement.ok()) {
    return RefuseLoudly(asked, {Reason::kSignatureInvalid, "this is no statement of ours"});
  }
  std::lock_guard<std::mutex> lock(changing_);
  const absl::StatusOr<control::Challenge> challenge =
      control::Await<control::Challenge>([&](auto done) {
        ports_.exceptions->GetChallenge(
            std::string(reinterpret_cast<const char*>(statement->nonce.data()),
                        statement->nonce.size()),
            std::move(done));
      });
  if (absl::IsAlreadyExists(challenge.status())) {
    return RefuseLoudly(asked, {Reason::kSignatureReplayed, "this statement was used already"});
  }
  if (absl::IsNotFound(challenge.status())) {
    return RefuseLoudly(asked, {Reason::kSignatureStale,
                                "this gateway gave no such statement, or "
                                "it is too old; ask again"});
  }
  if (!challenge.ok()) return Error(challenge.status());
  absl::StatusOr<ExceptionDetail> detail = Get(exceptions::ToText(challenge->exception));
  if (!detail.ok()) return Error(detail.status());
  control::PassTime(detail->row, asked.now);
  const absl::StatusOr<bool> swap_pair = IsSwapPair(asked, detail->row);
  if (!swap_pair.ok()) return Error(swap_pair.status());
  const exceptions::SignedStatement evidence{request->statement(), request->key_id(),
                                             request->signature()};
  control::SignedChange change;
  if (Refused refused =
          control::Sign(asked.asking(), *challenge, evidence, *detail, *swap_pair, change)) {
    return RefuseLoudly(asked, refused);
  }
  return Store(asked, std::move(change.change), change.event, request->statement(), *response);
}

grpc::Status ExceptionService::Reads(grpc::ServerContext* context, const v1::ReadsRequest* request,
                                     grpc::ServerWriter<v1::ReadsResponse>* writer) {
  Asked asked;
  grpc::Status begun = Begin(*context, "/domicile.v1.Exceptions/Reads", "exception.reads", asked);
  if (!begun.ok()) return begun;
  const absl::StatusOr<ExceptionDetail> detail = Get(request->exception());
  if (!detail.ok() && !absl::IsNotFound(detail.status())) return Error(detail.status());
  if (!detail.ok() || !MaySee(asked, detail->row)) {
    return Refuse(asked, {Reason::kExceptionUnknown, "no exception of yours has this id"});
  }
  const exceptions::ExceptionId id = detail->row.id;
  const std::vector<std::string> methods = ports_.methods();
  const absl::Status read = ports_.read_log(
      LogScope::kEverything,
      [&](uint64_t index, absl::string_view bytes) {
        const absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
        if (!entry.ok()) return true;
        const auto* decision = std::get_if<audit::DecisionEntry>(&entry->body);
        if (decision == nullptr || decision->grant != id || !LetOut(*decision)) return true;
        v1::ReadsResponse one;
        one.set_index(index);
        one.set_time(Rfc3339(entry->time));
        one.set_decision_id(Hex(decision->decision_id));
        one.set_records(decision->records - decision->records_withheld);
        one.set_subjects(decision->subjects_total);
        if (decision->method && *decision->method < methods.size()) {
          one.set_method(methods[*decision->method]);
        }
        return writer->Write(one);
      },
      [context] { return context->IsCancelled(); });
  return read.ok() ? grpc::Status::OK : Error(read);
}

}  // namespace domicile::services
