#include "gateway/cli/remote.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "domicile/v1/control.grpc.pb.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/remote_channel.h"

namespace domicile::cli {
namespace {

namespace v1 = domicile::v1;

constexpr std::chrono::minutes kImportTimeout{10};
constexpr size_t kImportPartBytes = 1 << 20;
constexpr size_t kImportFileBytesMax = 64 << 20;

bool ParseSubject(const std::string& text, v1::Subject* subject) {
  return SplitSubject(text, *subject->mutable_namespace_(), *subject->mutable_id());
}

}  // namespace

int RemoteVersion(const Output& output, const RemotePlace& place) {
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context);
  v1::GetVersionResponse answer;
  const grpc::Status status = remote.control().GetVersion(&context, {}, &answer);
  if (!status.ok()) return Remote::Fail(status);
  output.Show(
      {{"gateway", "region", "version", "policy", "schema", "build", "development"},
       {{answer.gateway(), answer.region(), answer.version(), answer.policy_digest(),
         answer.schema_digest(), answer.build_digest(), answer.development() ? "true" : "false"}}});
  return kDone;
}

int SubjectImport(const Output& output, const RemotePlace& place, const std::string& file) {
  absl::StatusOr<std::string> csv = base::ReadFile(file, kImportFileBytesMax);
  if (!csv.ok()) {
    Output::Say(absl::StrCat(file, ": ", csv.status().message()));
    return kBadInput;
  }
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context, kImportTimeout);
  v1::ImportSubjectsResponse answer;
  auto writer = remote.control().ImportSubjects(&context, &answer);
  for (size_t at = 0; at < csv->size(); at += kImportPartBytes) {
    v1::ImportSubjectsRequest part;
    part.set_csv(csv->substr(at, kImportPartBytes));
    if (!writer->Write(part)) break;  // the reason comes with Finish
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return Remote::Fail(status);
  output.Show({{"lines", "added", "unchanged"},
               {{absl::StrCat(answer.lines()), absl::StrCat(answer.added()),
                 absl::StrCat(answer.unchanged())}}});
  Output::Say(absl::StrCat("in the log as ", answer.decision_id()));
  return kDone;
}

int SubjectSetHome(const Output& output, const RemotePlace& place, const std::string& subject,
                   const std::string& region, const std::string& since) {
  v1::SetHomeRequest request;
  if (!ParseSubject(subject, request.mutable_subject())) return kBadInput;
  request.set_region(region);
  request.set_since(since);
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context);
  v1::SetHomeResponse answer;
  const grpc::Status status = remote.control().SetHome(&context, request, &answer);
  if (!status.ok()) return Remote::Fail(status);
  output.Show({{"home", "since"}, {{region, since.empty() ? "now" : since}}});
  Output::Say(absl::StrCat("in the log as ", answer.decision_id()));
  return kDone;
}

int SubjectShow(const Output& output, const RemotePlace& place, const std::string& subject) {
  v1::ShowSubjectRequest request;
  if (!ParseSubject(subject, request.mutable_subject())) return kBadInput;
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context);
  v1::ShowSubjectResponse answer;
  const grpc::Status status = remote.control().ShowSubject(&context, request, &answer);
  if (!status.ok()) return Remote::Fail(status);
  control::Table table{{"home", "since"}, {}};
  for (const v1::Home& home : answer.homes()) table.rows.push_back({home.region(), home.since()});
  output.Show(table);
  Output::Say(absl::StrCat("recorded as decision ", answer.decision_id()));
  return kDone;
}

int TagShow(const Output& output, const RemotePlace& place, const TagQuestion& question) {
  v1::ShowTagRequest request;
  const std::optional<std::string> tag = base::Base64DecodeAnyPadding(question.tag);
  if (!tag) {
    Output::Say("the tag must be base64");
    return kBadInput;
  }
  request.set_tag(*tag);
  if (!question.subject.empty() && !ParseSubject(question.subject, request.add_subjects())) {
    return kBadInput;
  }
  request.set_message_name(question.message_name);
  request.set_record_id(question.record_id);
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context);
  v1::ShowTagResponse answer;
  const grpc::Status status = remote.control().ShowTag(&context, request, &answer);
  if (!status.ok()) return Remote::Fail(status);
  std::string regions;
  for (const std::string& region : answer.regions()) {
    absl::StrAppend(&regions, regions.empty() ? "" : ",", region);
  }
  output.Show({{"check", "issuer", "regions", "created_at", "key"},
               {{answer.check(), answer.issuer(), regions, answer.created_at(), answer.key_id()}}});
  Output::Say(absl::StrCat("recorded as decision ", answer.decision_id()));
  return kDone;
}

int LogTail(const Output& output, const RemotePlace& place, const LogRange& range) {
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context, range.follow ? std::chrono::hours(24) : std::chrono::hours(1));
  v1::TailLogRequest request;
  request.set_from_index(range.from);
  request.set_limit(range.limit);
  request.set_follow(range.follow);
  auto reader = remote.control().TailLog(&context, request);
  v1::TailLogResponse entry;
  // One JSON object a line in both forms: entries of different kinds have no common columns.
  while (reader->Read(&entry)) {
    std::fprintf(stdout, "%s\n", entry.json().c_str());
    std::fflush(stdout);
  }
  const grpc::Status status = reader->Finish();
  return status.ok() ? kDone : Remote::Fail(status);
}

int Why(const Output& output, const RemotePlace& place, const std::string& decision_id) {
  Remote remote(place);
  if (const int code = remote.Open(); code != kDone) return code;
  grpc::ClientContext context;
  remote.Prepare(context);
  v1::WhyRequest request;
  request.set_decision_id(decision_id);
  v1::WhyResponse answer;
  const grpc::Status status = remote.control().Why(&context, request, &answer);
  if (!status.ok()) return Remote::Fail(status);
  if (output.json) {
    for (const v1::TailLogResponse& entry : answer.entries()) {
      std::fprintf(stdout, "%s\n", entry.json().c_str());
    }
  } else {
    for (const std::string& line : answer.lines()) std::fprintf(stdout, "%s\n", line.c_str());
  }
  if (answer.entries().empty()) Output::Say("no entry of this log has that decision id");
  Output::Say(absl::StrCat("recorded as decision ", answer.decision_id()));
  return answer.entries().empty() ? kFailed : kDone;
}

}  // namespace domicile::cli
