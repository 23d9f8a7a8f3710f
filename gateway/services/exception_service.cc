#include "gateway/services/exception_service.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/audit/reference.h"
#include "gateway/base/log.h"
#include "gateway/base/yaml.h"
#include "gateway/control/await.h"
#include "gateway/crypto/digest.h"
#include "gateway/services/append.h"
#include "gateway/services/caller.h"
#include "gateway/services/control_service.h"

namespace domicile::services {
namespace {

using access::Reason;
using control::ExceptionDetail;
using control::ExceptionFeed;
using control::ExceptionRow;
using control::Refused;
using exceptions::State;
namespace v1 = domicile::v1;

constexpr uint32_t kPageRows = 500;

audit::Nonce FreshNonce() {
  audit::Nonce nonce{};
  crypto::RandomBytes(nonce.data(), nonce.size());
  return nonce;
}

template <class List>
std::vector<std::string> Texts(const List& list) {
  return {list.begin(), list.end()};
}

absl::StatusOr<control::DraftAsk> ReadDraft(const v1::DraftRequest& request,
                                            const std::string& region) {
  control::DraftAsk ask;
  ask.categories = Texts(request.categories());
  ask.methods = Texts(request.methods());
  ask.purpose = request.purpose();
  ask.ticket = request.ticket();
  ask.origin = region;
  for (const std::string& name : request.actions()) {
    access::Action action;
    if (!access::Parse(name, &action)) {
      return absl::InvalidArgumentError(absl::StrCat("no action is called `", name, "`"));
    }
    ask.actions.push_back(action);
  }
  return ask;
}

}  // namespace

// ---- What every method does ------------------------------------------------------------------

grpc::Status ExceptionService::Begin(const grpc::ServerContext& context, absl::string_view path,
                                     absl::string_view role_method, Asked& asked) const {
  asked.snapshot = ports_.snapshot();
  asked.now = ports_.clock->Now();
  asked.caller = IdentifyCaller(ports_, *asked.snapshot, context, path, role_method);
  if (!asked.caller.identified()) {
    base::Log(base::LogLevel::kWarning, "control.denied",
              {{"method", base::NotPersonal(role_method)},
               {"reason", base::NotPersonal(Name(asked.caller.problem))}});
    return Deny(asked.caller.problem, "");
  }
  if (ports_.exceptions == nullptr) {
    return Error(absl::UnimplementedError(
        "this gateway keeps no exceptions: its configuration names no `control.officers`"));
  }
  crypto::RandomBytes(asked.decision_id.data(), asked.decision_id.size());
  absl::StatusOr<std::vector<exceptions::OfficerKey>> keys =
      control::Await<std::vector<exceptions::OfficerKey>>(
          [this](auto done) { ports_.exceptions->OfficerKeys(std::move(done)); });
  if (!keys.ok()) return Error(keys.status());
  asked.keys = *std::move(keys);
  for (exceptions::OfficerKey& key : ports_.first_officers()) asked.keys.push_back(std::move(key));
  return grpc::Status::OK;
}

control::ExceptionNote ExceptionService::NoteOf(const Asked& asked) const {
  control::ExceptionNote note{*asked.snapshot->policy, &asked.caller};
  note.ring_key = asked.snapshot->reference_key;
  note.decision_id = asked.decision_id;
  note.nonce = FreshNonce();
  note.context = asked.snapshot->context;
  note.now = ports_.clock->Now();
  return note;
}

grpc::Status ExceptionService::Refuse(const Asked& asked, const Refused& refused) const {
  base::Log(base::LogLevel::kWarning, "exception.refused",
            {{"reason", base::NotPersonal(Name(refused.reason))}});
  const grpc::Status denied = Deny(refused.reason, Hex(asked.decision_id));
  return grpc::Status(denied.error_code(), absl::StrCat(Name(refused.reason), ": ", refused.detail),
                      denied.error_details());
}

grpc::Status ExceptionService::RefuseLoudly(const Asked& asked, const Refused& refused) const {
  const absl::StatusOr<std::string> entry =
      control::ExceptionRefusedEntry(NoteOf(asked), refused.reason);
  // Refused either way; a log that takes nothing denies everything anyhow.
  if (!entry.ok() || !AppendAndWait(*ports_.log, *entry).ok()) {
    base::Log(base::LogLevel::kError, "exception.refusal_not_recorded");
  }
  return Refuse(asked, refused);
}

absl::StatusOr<ExceptionDetail> ExceptionService::Get(absl::string_view id_text) const {
  const absl::StatusOr<exceptions::ExceptionId> id = exceptions::ParseExceptionId(id_text);
  if (!id.ok()) return id.status();
  return control::Await<ExceptionDetail>(
      [&](auto done) { ports_.exceptions->Get(*id, std::move(done)); });
}

absl::StatusOr<ExceptionFeed> ExceptionService::Changes(uint64_t position, absl::Time now) const {
  absl::StatusOr<ExceptionFeed> feed = control::Await<ExceptionFeed>(
      [&](auto done) { ports_.exceptions->Changes(position, kPageRows, std::move(done)); });
  if (!feed.ok()) return feed;
  for (ExceptionRow& row : feed->rows) control::PassTime(row, now);
  return feed;
}

absl::Status ExceptionService::ForEachRow(
    absl::Time now, absl::FunctionRef<absl::Status(const ExceptionRow&)> each) const {
  for (uint64_t position = 0;;) {
    const absl::StatusOr<ExceptionFeed> feed = Changes(position, now);
    if (!feed.ok()) return feed.status();
    if (feed->rows.empty()) return absl::OkStatus();
    for (const ExceptionRow& row : feed->rows) {
      const absl::Status status = each(row);
      if (!status.ok()) return status;
    }
    position = feed->position;
  }
}

bool ExceptionService::MaySee(const Asked& asked, const ExceptionRow& row) const {
  if (control::IsRequester(asked.asking(), row)) return true;
  return std::any_of(asked.keys.begin(), asked.keys.end(), [&](const exceptions::OfficerKey& key) {
    return key.issuer == asked.caller.principal.issuer &&
           key.subject == asked.caller.principal.subject && asked.now >= key.from &&
           asked.now < key.until &&
           std::find(row.terms.origins.begin(), row.terms.origins.end(), key.region) !=
               row.terms.origins.end();
  });
}

void ExceptionService::Fill(const Asked& asked, const ExceptionDetail& detail,
                            v1::ExceptionResponse& response) const {
  const ExceptionRow& row = detail.row;
  response.set_exception(exceptions::ToText(row.id));
  response.set_state(std::string(Name(row.state)));
  response.set_revision(row.terms.revision);
  response.set_summary(exceptions::Summary(row.terms));
  response.set_quorum_met(row.quorum_met);
  for (const std::string& seat : control::MissingSeats(*asked.snapshot->policy, detail, asked.keys))
    response.add_missing_seats(seat);
  response.set_decision_id(Hex(asked.decision_id));
}

grpc::Status ExceptionService::Store(const Asked& asked, control::ExceptionChange change,
                                     std::optional<exceptions::Event> event,
                                     absl::string_view statement, v1::ExceptionResponse& response) {
  const exceptions::ExceptionId id = change.row.id;
  const RecordedChange done = ChangeBetweenEntries(
      *ports_.log, control::ExceptionEntry(NoteOf(asked), change.row, event, statement),
      [&] {
        Changed changed;
        changed.status = control::Await<uint64_t>([&](auto answer) {
                           ports_.exceptions->Change(std::move(change), std::move(answer));
                         }).status();
        changed.added = changed.status.ok() ? 1 : 0;
        return changed;
      },
      [&](const Changed& changed) {
        return control::ExceptionOutcomeEntry(NoteOf(asked), changed.status);
      });
  if (done.step == ChangeStep::kNotRecorded) {
    return Deny(Reason::kAuditUnavailable, Hex(asked.decision_id));
  }
  if (absl::IsAlreadyExists(done.changed.status)) {
    return RefuseLoudly(asked, {Reason::kSignatureReplayed, "this statement was used already"});
  }
  if (!done.changed.status.ok()) return Error(done.changed.status);
  ports_.exceptions_changed();
  base::Log(base::LogLevel::kInfo, "exception.changed",
            {{"exception", base::NotPersonal(exceptions::ToText(id))},
             {"event", base::NotPersonal(event ? Name(*event) : "signature")}});
  const absl::StatusOr<ExceptionDetail> after = Get(exceptions::ToText(id));
  if (!after.ok()) return Error(after.status());
  Fill(asked, *after, response);
  return grpc::Status::OK;
}

// ---- The requester ---------------------------------------------------------------------------

grpc::Status ExceptionService::Draft(grpc::ServerContext* context, const v1::DraftRequest* request,
                                     v1::ExceptionResponse* response) {
  Asked asked;
  grpc::Status begun = Begin(*context, "/domicile.v1.Exceptions/Draft", "exception.draft", asked);
  if (!begun.ok()) return begun;
  const absl::StatusOr<control::DraftAsk> ask = ReadDraft(*request, ports_.config->region);
  if (!ask.ok()) return Error(ask.status());
  exceptions::ExceptionId id = 0;
  crypto::RandomBytes(&id, sizeof id);
  control::ExceptionChange change;
  if (Refused refused = control::MakeDraft(asked.asking(), *ask, id | 1, change.row)) {
    return Refuse(asked, refused);
  }
  std::lock_guard<std::mutex> lock(changing_);
  return Store(asked, std::move(change), std::nullopt, "", *response);
}

absl::StatusOr<uint32_t> ExceptionService::BreakGlassUses(const Asked& asked,
                                                          const ExceptionRow& row) const {
  absl::Duration period;
  for (const std::string& origin : row.terms.origins) {
    const auto index = asked.snapshot->policy->vocabulary().regions.Find(origin);
    if (!index) continue;
    period = std::max(period,
                      asked.snapshot->policy->regions()[index->value].exceptions.break_glass_per);
  }
  uint32_t uses = 0;
  const absl::Status looked = ForEachRow(asked.now, [&](const ExceptionRow& other) {
    const bool counts = other.terms.break_glass && other.terms.principal == row.terms.principal &&
                        other.break_glass_at > asked.now - period;
    uses += counts ? 1 : 0;
    return absl::OkStatus();
  });
  if (!looked.ok()) return looked;
  return uses;
}

grpc::Status ExceptionService::Submit(grpc::ServerContext* context,
                                      const v1::SubmitRequest* request,
                                      v1::ExceptionResponse* response) {
  Asked asked;
  grpc::Status begun = Begin(*context, "/domicile.v1.Exceptions/Submit", "exception.submit", asked);
  if (!begun.ok()) return begun;
  std::lock_guard<std::mutex> lock(changing_);
  absl::StatusOr<ExceptionDetail> detail = Get(request->exception());
  if (absl::IsNotFound(detail.status()) ||
      (detail.ok() && !control::IsRequester(asked.asking(), detail->row))) {
    return Refuse(asked, {Reason::kExceptionUnknown, "no exception of yours has this id"});
  }
  if (!detail.ok()) return Error(detail.status());
  control::PassTime(detail->row, asked.now);
  control::SubmitAsk ask;
  ask.reason = request->reason();
  std::vector<access::DataSubject> subjects;
  for (const v1::ExceptionSubject& subject : request->subjects()) {
    subjects.push_back({subject.namespace_(), subject.id()});
  }
  const absl::StatusOr<std::vector<enforce::SubjectFacts>> located =
      Locate(*ports_.directory, subjects);
  if (!located.ok()) return Error(located.status());
  for (const enforce::SubjectFacts& facts : *located) {
    ask.subjects.push_back(exceptions::MakeSubjectReference(facts.reference_key, detail->row.id));
  }
  ask.distinct_subjects_max = request->distinct_subjects_max();
  ask.reads_max = request->reads_max();
  ask.legal_basis = request->legal_basis();
  ask.licence = request->licence();
  ask.window = absl::Seconds(static_cast<int64_t>(
      std::min<uint64_t>(request->window_seconds(), absl::ToInt64Seconds(exceptions::kWindowMax))));
  if (!request->not_before().empty()) {
    ask.not_before = base::ParseTime(request->not_before());
    if (!ask.not_before) return Error(absl::InvalidArgumentError("not_before must be RFC 3339"));
  }
  ask.categories = Texts(request->categories());
  ask.break_glass = request->break_glass();
  uint32_t uses = 0;
  if (ask.break_glass) {
    const absl::StatusOr<uint32_t> counted = BreakGlassUses(asked, detail->row);
    if (!counted.ok()) return Error(counted.status());
    uses = *counted;
  }
  control::ExceptionChange change;
  change.row = detail->row;
  if (Refused refused = control::Submit(asked.asking(), ask, uses, change.row)) {
    return Refuse(asked, refused);
  }
  return Store(asked, std::move(change),
               ask.break_glass ? exceptions::Event::kBreakGlass : exceptions::Event::kSubmit, "",
               *response);
}

grpc::Status ExceptionService::Withdraw(grpc::ServerContext* context,
                                        const v1::WithdrawRequest* request,
                                        v1::ExceptionResponse* response) {
  Asked asked;
  grpc::Status begun =
      Begin(*context, "/domicile.v1.Exceptions/Withdraw", "exception.withdraw", asked);
  if (!begun.ok()) return begun;
  std::lock_guard<std::mutex> lock(changing_);
  absl::StatusOr<ExceptionDetail> detail = Get(request->exception());
  if (!detail.ok() && !absl::IsNotFound(detail.status())) return Error(detail.status());
  control::ExceptionChange change;
  if (detail.ok()) change.row = detail->row;
  control::PassTime(change.row, asked.now);
  if (Refused refused = control::Withdraw(asked.asking(), change.row)) {
    return Refuse(asked, refused);
  }
  return Store(asked, std::move(change), exceptions::Event::kRevoke, "", *response);
}

}  // namespace domicile::services
