#include "gateway/cli/exception.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/exception_print.h"
#include "gateway/cli/remote_channel.h"

namespace domicile::cli {
namespace {

namespace v1 = domicile::v1;

// Longer than any grant: who watches ends it themselves.
constexpr std::chrono::hours kWatchTimeout{24 * 31};

// One unary call: opened, made, and its answer printed.
template <class Request, class Response, class Method, class Print>
int Ask(const RemotePlace& place, const Request& request, Method method, Print print) {
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context);
  Response response;
  const grpc::Status status = (remote.exceptions().*method)(&context, request, &response);
  if (!status.ok()) return Remote::Fail(status);
  print(response);
  return kDone;
}

bool IsDecided(const std::string& state) { return state != "draft" && state != "requested"; }

// What the gateway that was called opened by itself, to be asked for where the people are at home.
int FillFrom(const RemotePlace& place, const DraftOptions& options, v1::DraftRequest& request) {
  RemotePlace called = place;
  called.address = options.like_gateway;
  v1::ShowRequest ask;
  ask.set_exception(options.like);
  return Ask<v1::ShowRequest, v1::ShowResponse>(
      called, ask, &v1::Exceptions::Stub::Show, [&](const v1::ShowResponse& shown) {
        const v1::ExceptionTerms& terms = shown.terms();
        *request.mutable_categories() = terms.categories();
        *request.mutable_methods() = terms.methods();
        *request.mutable_actions() = terms.actions();
        request.set_purpose(terms.purpose());
        request.set_ticket(terms.ticket());
      });
}

}  // namespace

int ExceptionDraft(const Output& output, const RemotePlace& place, const DraftOptions& options) {
  v1::DraftRequest request;
  if (!options.like.empty()) {
    const int code = FillFrom(place, options, request);
    if (code != kDone) return code;
  } else if (options.methods.empty() || options.actions.empty() || options.categories.empty()) {
    Output::Say("say what: --like ID --called GATEWAY, or --method, --action and --category");
    return kBadInput;
  }
  for (const std::string& one : options.categories) request.add_categories(one);
  for (const std::string& one : options.methods) request.add_methods(one);
  for (const std::string& one : options.actions) request.add_actions(one);
  if (!options.purpose.empty()) request.set_purpose(options.purpose);
  if (!options.ticket.empty()) request.set_ticket(options.ticket);
  return Ask<v1::DraftRequest, v1::ExceptionResponse>(
      place, request, &v1::Exceptions::Stub::Draft,
      [&](const auto& response) { PrintResponse(output, response); });
}

int ExceptionSubmit(const Output& output, const RemotePlace& place, const SubmitOptions& options) {
  v1::SubmitRequest request;
  absl::Duration window;
  if (!absl::ParseDuration(options.window, &window) || window <= absl::ZeroDuration()) {
    Output::Say("--window is a duration such as 4h or 30m");
    return kBadInput;
  }
  for (const std::string& text : options.subjects) {
    v1::ExceptionSubject* subject = request.add_subjects();
    if (!SplitSubject(text, *subject->mutable_namespace_(), *subject->mutable_id())) {
      return kBadInput;
    }
  }
  for (const std::string& one : options.categories) request.add_categories(one);
  request.set_exception(options.exception);
  request.set_reason(options.reason);
  request.set_legal_basis(options.legal_basis);
  request.set_licence(options.licence);
  request.set_not_before(options.not_before);
  request.set_window_seconds(static_cast<uint64_t>(absl::ToInt64Seconds(window)));
  request.set_distinct_subjects_max(options.people);
  request.set_reads_max(options.reads);
  request.set_break_glass(options.break_glass);
  if (options.break_glass) {
    Output::Say(
        "break-glass: it holds at once, everybody is told, and without a quorum's "
        "signatures within 24 h it is suspended");
  }
  return Ask<v1::SubmitRequest, v1::ExceptionResponse>(
      place, request, &v1::Exceptions::Stub::Submit,
      [&](const auto& response) { PrintResponse(output, response); });
}

int ExceptionWithdraw(const Output& output, const RemotePlace& place,
                      const std::string& exception) {
  v1::WithdrawRequest request;
  request.set_exception(exception);
  return Ask<v1::WithdrawRequest, v1::ExceptionResponse>(
      place, request, &v1::Exceptions::Stub::Withdraw,
      [&](const auto& response) { PrintResponse(output, response); });
}

int ExceptionList(const Output& output, const RemotePlace& place,
                  const std::vector<std::string>& states, bool all) {
  v1::ListRequest request;
  for (const std::string& state : states) request.add_states(state);
  request.set_all(all);
  return Ask<v1::ListRequest, v1::ListResponse>(
      place, request, &v1::Exceptions::Stub::List,
      [&](const auto& response) { PrintRows(output, response.rows()); });
}

int ExceptionShow(const Output& output, const RemotePlace& place, const std::string& exception) {
  v1::ShowRequest request;
  request.set_exception(exception);
  return Ask<v1::ShowRequest, v1::ShowResponse>(
      place, request, &v1::Exceptions::Stub::Show,
      [&](const auto& response) { PrintShow(output, response); });
}

int ExceptionWatch(const Output& output, const RemotePlace& place, const std::string& exception,
                   uint64_t position) {
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context, std::chrono::duration_cast<std::chrono::seconds>(kWatchTimeout));
  v1::WatchRequest request;
  request.set_position(position);
  auto reader = remote.exceptions().Watch(&context, request);
  v1::WatchResponse change;
  while (reader->Read(&change)) {
    const v1::ExceptionRow& row = change.row();
    if (!exception.empty() && row.exception() != exception) continue;
    google::protobuf::RepeatedPtrField<v1::ExceptionRow> one;
    *one.Add() = row;
    if (output.json) {
      PrintRows(output, one);
    } else {
      std::printf("%llu  %s  %s  %s\n", static_cast<unsigned long long>(change.position()),
                  row.exception().c_str(), row.state().c_str(), row.summary().c_str());
    }
    std::fflush(stdout);
    if (!exception.empty() && IsDecided(row.state())) {
      context.TryCancel();
      return row.state() == "denied" || row.state() == "timed_out" ? kDenied : kDone;
    }
  }
  const grpc::Status status = reader->Finish();
  return status.ok() ? kDone : Remote::Fail(status);
}

int ExceptionReads(const Output& output, const RemotePlace& place, const std::string& exception) {
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context);
  v1::ReadsRequest request;
  request.set_exception(exception);
  auto reader = remote.exceptions().Reads(&context, request);
  control::Table table{{"time", "records", "people", "method", "decision", "index"}, {}};
  v1::ReadsResponse one;
  while (reader->Read(&one)) {
    table.rows.push_back({one.time(), absl::StrCat(one.records()), absl::StrCat(one.subjects()),
                          one.method(), one.decision_id(), absl::StrCat(one.index())});
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return Remote::Fail(status);
  output.Show(table);
  return kDone;
}

int OfficerList(const Output& output, const RemotePlace& place) {
  return Ask<v1::ListOfficersRequest, v1::ListOfficersResponse>(
      place, {}, &v1::Exceptions::Stub::ListOfficers, [&](const auto& response) {
        control::Table table{{"key", "officer", "issuer", "region", "from", "until", "enrolled"},
                             {}};
        for (const v1::Officer& officer : response.officers()) {
          table.rows.push_back({officer.key_id(), officer.subject(), officer.issuer(),
                                officer.region(), officer.from(), officer.until(),
                                officer.first_ceremony() ? "first ceremony" : "by officers"});
        }
        output.Show(table);
      });
}

}  // namespace domicile::cli
