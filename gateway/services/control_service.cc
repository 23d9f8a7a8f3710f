#include "gateway/services/control_service.h"

#include <utility>

#include "gateway/base/bytes.h"
#include "gateway/base/log.h"
#include "gateway/control/await.h"
#include "gateway/control/home_change.h"
#include "gateway/control/officer_read.h"
#include "gateway/crypto/digest.h"
#include "gateway/enforce/errors.h"
#include "gateway/services/append.h"
#include "gateway/services/caller.h"

namespace domicile::services {

using access::Reason;
namespace v1 = domicile::v1;

std::string Hex(const audit::DecisionId& id) {
  return base::HexEncode(absl::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
}

grpc::Status Error(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

grpc::Status Deny(Reason reason, absl::string_view decision_id) {
  const enforce::Denial denial = enforce::MakeDenial(reason, decision_id);
  return grpc::Status(static_cast<grpc::StatusCode>(denial.grpc_status), denial.message,
                      denial.details);
}

access::DataSubject FromProto(const v1::Subject& subject) {
  return {subject.namespace_(), subject.id()};
}

std::string Rfc3339(absl::Time time) {
  return time == absl::InfinitePast()
             ? ""
             : absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

access::Tri Either(access::Tri a, access::Tri b) {
  if (a == access::Tri::kTrue || b == access::Tri::kTrue) return access::Tri::kTrue;
  if (a == access::Tri::kUnknown || b == access::Tri::kUnknown) return access::Tri::kUnknown;
  return access::Tri::kFalse;
}

absl::StatusOr<std::vector<enforce::SubjectFacts>> Locate(
    enforce::Directory& directory, const std::vector<access::DataSubject>& subjects) {
  if (subjects.empty()) return std::vector<enforce::SubjectFacts>();
  using Found = std::vector<enforce::SubjectFacts>;
  return control::Await<Found>([&](auto done) {
    directory.Locate(subjects, [done = std::move(done)](enforce::LocateResult found) mutable {
      if (found.status.ok()) return done(std::move(found.subjects));
      done(std::move(found.status));
    });
  });
}

ControlService::Asked::Asked(const ControlPorts& ports, const grpc::ServerContext& context,
                             const char* method_path, const char* role)
    : snapshot(ports.snapshot()),
      path(method_path),
      role_method(role),
      caller(IdentifyCaller(ports, *snapshot, context, path, role)) {}

grpc::Status ControlService::Asked::Denied() const {
  base::Log(base::LogLevel::kWarning, "control.denied",
            {{"method", base::NotPersonal(role_method)},
             {"reason", base::NotPersonal(Name(caller.problem))}});
  return Deny(caller.problem, "");
}

void ControlService::Asked::LogChange(const absl::Status& status) const {
  base::Log(base::LogLevel::kInfo, "control.change",
            {{"method", base::NotPersonal(role_method)}, {"status", status}});
}

grpc::Status ControlService::GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest*,
                                        v1::GetVersionResponse* response) {
  Asked asked(ports_, *context, "/domicile.v1.Control/GetVersion", "version");
  if (!asked.caller.identified()) return asked.Denied();
  response->set_version(ports_.version);
  response->set_region(ports_.config->region);
  response->set_gateway(ports_.config->id);
  response->set_policy_digest(base::HexEncode(crypto::View(asked.snapshot->policy->digest())));
  response->set_schema_digest(ports_.schema_digest);
  response->set_build_digest(ports_.build_digest);
  response->set_development(ports_.config->dev);
  return grpc::Status::OK;
}

grpc::Status ControlService::Decide(const Asked& asked,
                                    const std::vector<access::DataSubject>& subjects,
                                    const std::vector<std::string>& keys, const ReadFacts& facts,
                                    std::string& decision_id) {
  const enforce::Snapshot& snapshot = *asked.snapshot;
  audit::DecisionId id{};
  audit::Nonce nonce{};
  crypto::RandomBytes(id.data(), id.size());
  crypto::RandomBytes(nonce.data(), nonce.size());
  decision_id = Hex(id);
  control::OfficerRead read{*snapshot.policy, asked.caller};
  read.method = asked.path;
  read.origins = facts.origins;
  read.protected_person = facts.protected_person;
  read.minor = facts.minor;
  read.subjects = subjects;
  read.subject_keys = keys;
  read.ring_key = snapshot.reference_key;
  read.decision_id = id;
  read.nonce = nonce;
  read.context = snapshot.context;
  read.now = ports_.clock->Now();
  absl::StatusOr<control::OfficerAnswer> answer = control::DecideOfficerRead(read);
  if (!answer.ok()) return Deny(Reason::kAuditUnavailable, decision_id);
  if (!AppendAndWait(*ports_.log, answer->entry).ok()) {
    return Deny(Reason::kAuditUnavailable, decision_id);
  }
  if (!answer->allowed()) return Deny(answer->reason, decision_id);
  return grpc::Status::OK;
}

grpc::Status ControlService::ChangeHomes(const Asked& asked, MakeHomeEntry entry,
                                         absl::FunctionRef<Changed()> change,
                                         std::string& decision_id) {
  control::HomeChange about{asked.caller};
  crypto::RandomBytes(about.decision_id.data(), about.decision_id.size());
  about.ring_key = asked.snapshot->reference_key;
  about.context = asked.snapshot->context;
  decision_id = Hex(about.decision_id);
  const auto nonce = [] {
    audit::Nonce fresh{};
    crypto::RandomBytes(fresh.data(), fresh.size());
    return fresh;
  };
  const RecordedChange done = ChangeBetweenEntries(
      *ports_.log, entry(about, nonce(), ports_.clock->Now()), change, [&](const Changed& changed) {
        return control::HomeOutcomeEntry(about, changed.status, changed.added, nonce(),
                                         ports_.clock->Now());
      });
  if (done.step == ChangeStep::kNotRecorded) {
    asked.LogChange(absl::UnavailableError("the log did not take the entry; nothing was changed"));
    return Deny(Reason::kAuditUnavailable, decision_id);
  }
  asked.LogChange(done.changed.status);
  if (!done.changed.status.ok()) return Error(done.changed.status);
  if (done.step == ChangeStep::kOutcomeNotRecorded) {
    return Error(absl::UnavailableError(
        "the homes were changed, but the log did not take the outcome; run the command again"));
  }
  return grpc::Status::OK;
}

}  // namespace domicile::services
