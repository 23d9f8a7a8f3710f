// Lists and watches of exceptions and officers, and rows and terms as messages.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/services/control_service.h"
#include "gateway/services/exception_service.h"

namespace domicile::services {
namespace {

using access::Reason;
using control::ExceptionFeed;
using control::ExceptionRow;
using exceptions::State;
namespace v1 = domicile::v1;

// How often a watcher looks for more: people watch, not programs.
constexpr absl::Duration kWatchInterval = absl::Milliseconds(200);

bool IsFinal(State state) {
  return state == State::kDenied || state == State::kTimedOut || state == State::kReviewed;
}

std::string RequesterOf(const ExceptionRow& row) {
  const exceptions::Who& who = row.terms.principal;
  return who.subject.empty() ? who.workload : who.subject;
}

}  // namespace

v1::ExceptionRow RowToProto(const ExceptionRow& row, const control::Usage& usage) {
  v1::ExceptionRow out;
  out.set_exception(exceptions::ToText(row.id));
  out.set_state(std::string(Name(row.state)));
  out.set_revision(row.terms.revision);
  out.set_summary(exceptions::Summary(row.terms));
  out.set_requester(RequesterOf(row));
  if (row.state != State::kDraft) {
    out.set_not_before(Rfc3339(row.terms.not_before));
    out.set_not_after(Rfc3339(row.terms.not_after));
  }
  out.set_reads(usage.reads);
  out.set_reads_max(row.terms.reads_max);
  out.set_break_glass(row.terms.break_glass);
  return out;
}

v1::ExceptionTerms TermsToProto(const exceptions::Terms& terms) {
  v1::ExceptionTerms out;
  out.set_exception(exceptions::ToText(terms.exception));
  out.set_revision(terms.revision);
  out.set_kind(std::string(Name(terms.principal.kind)));
  out.set_issuer(terms.principal.issuer);
  out.set_subject(terms.principal.subject);
  out.set_workload(terms.principal.workload);
  for (const std::string& origin : terms.origins) out.add_origins(origin);
  for (const exceptions::SubjectReference& subject : terms.subjects) {
    out.add_subjects(subject.data(), subject.size());
  }
  for (const std::string& category : terms.categories) out.add_categories(category);
  for (const std::string& method : terms.methods) out.add_methods(method);
  for (access::Action action : terms.actions) out.add_actions(std::string(Name(action)));
  out.set_purpose(terms.purpose);
  out.set_ticket(terms.ticket);
  for (access::CountryCode country : terms.jurisdictions) {
    out.add_jurisdictions(country.ToString());
  }
  out.set_legal_basis(terms.legal_basis);
  out.set_licence(terms.licence);
  out.set_not_before(Rfc3339(terms.not_before));
  out.set_not_after(Rfc3339(terms.not_after));
  out.set_reads_max(terms.reads_max);
  out.set_distinct_subjects_max(terms.distinct_subjects_max);
  out.set_break_glass(terms.break_glass);
  return out;
}

grpc::Status ExceptionService::List(grpc::ServerContext* context, const v1::ListRequest* request,
                                    v1::ListResponse* response) {
  Asked asked;
  grpc::Status begun = Begin(*context, "/domicile.v1.Exceptions/List", "exception.list", asked);
  if (!begun.ok()) return begun;
  std::vector<State> states;
  for (const std::string& name : request->states()) {
    const std::optional<State> state = exceptions::ParseState(name);
    if (!state) return Error(absl::InvalidArgumentError(absl::StrCat("no state `", name, "`")));
    states.push_back(*state);
  }
  const absl::Status looked = ForEachRow(asked.now, [&](const ExceptionRow& row) {
    const bool wanted = states.empty()
                            ? request->all() || !IsFinal(row.state)
                            : std::find(states.begin(), states.end(), row.state) != states.end();
    if (wanted && MaySee(asked, row)) *response->add_rows() = RowToProto(row, {});
    return absl::OkStatus();
  });
  return looked.ok() ? grpc::Status::OK : Error(looked);
}

grpc::Status ExceptionService::Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                                     grpc::ServerWriter<v1::WatchResponse>* writer) {
  Asked asked;
  grpc::Status begun = Begin(*context, "/domicile.v1.Exceptions/Watch", "exception.watch", asked);
  if (!begun.ok()) return begun;
  uint64_t position = request->position();
  while (!context->IsCancelled()) {
    const absl::StatusOr<ExceptionFeed> feed = Changes(position, ports_.clock->Now());
    if (!feed.ok()) return Error(feed.status());
    for (const ExceptionRow& row : feed->rows) {
      if (!MaySee(asked, row)) continue;
      v1::WatchResponse change;
      *change.mutable_row() = RowToProto(row, {});
      change.set_position(row.version);
      if (!writer->Write(change)) return grpc::Status::OK;
    }
    position = feed->position;
    // Who watches is looked at again, as a call's caller is: a token that ran out sees no more.
    if (ports_.clock->Now() >= asked.caller.principal.valid_until) {
      return Deny(Reason::kPrincipalExpired, Hex(asked.decision_id));
    }
    if (feed->rows.empty()) absl::SleepFor(kWatchInterval);  // another replica may write the file
  }
  return grpc::Status::OK;
}

grpc::Status ExceptionService::ListOfficers(grpc::ServerContext* context,
                                            const v1::ListOfficersRequest*,
                                            v1::ListOfficersResponse* response) {
  Asked asked;
  grpc::Status begun =
      Begin(*context, "/domicile.v1.Exceptions/ListOfficers", "officer.list", asked);
  if (!begun.ok()) return begun;
  const std::vector<exceptions::OfficerKey> first = ports_.first_officers();
  for (const exceptions::OfficerKey& key : asked.keys) {
    v1::Officer* officer = response->add_officers();
    officer->set_key_id(key.key_id);
    officer->set_issuer(key.issuer);
    officer->set_subject(key.subject);
    officer->set_region(key.region);
    officer->set_from(Rfc3339(key.from));
    if (key.until != absl::InfiniteFuture()) officer->set_until(Rfc3339(key.until));
    officer->set_first_ceremony(
        std::any_of(first.begin(), first.end(),
                    [&](const exceptions::OfficerKey& one) { return one.key_id == key.key_id; }));
  }
  return grpc::Status::OK;
}

}  // namespace domicile::services
