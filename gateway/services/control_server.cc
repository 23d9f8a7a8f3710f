#include "gateway/services/control_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "domicile/v1/control.grpc.pb.h"
#include "gateway/access/reason.h"
#include "gateway/audit/entry.h"
#include "gateway/audit/reference.h"
#include "gateway/base/bytes.h"
#include "gateway/base/log.h"
#include "gateway/base/yaml.h"
#include "gateway/control/entry_report.h"
#include "gateway/control/officer_read.h"
#include "gateway/crypto/digest.h"
#include "gateway/enforce/errors.h"
#include "gateway/policy/explain.h"
#include "gateway/services/caller.h"

namespace domicile::services {
namespace {

using access::Reason;
namespace v1 = domicile::v1;

constexpr size_t kImportBytesMax = 64 << 20;
constexpr size_t kWhyEntriesMax = 64;
constexpr std::chrono::seconds kShutdownGrace{1};

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

// Names for entries: the current policy's, as long as an entry's CONTEXT is of that policy.
class Namer {
 public:
  Namer(const enforce::Snapshot& snapshot, const std::vector<std::string>& methods)
      : snapshot_(snapshot), methods_(methods) {}
  void Learn(uint64_t index, const audit::Entry& entry) {
    const auto* context = std::get_if<audit::ContextEntry>(&entry.body);
    if (context == nullptr) return;
    if (context->policy_digest == snapshot_.policy->digest()) current_.insert(index);
  }
  bool Knows(const audit::Entry& entry) const { return current_.count(entry.context) > 0; }
  control::EntryNames For(const audit::Entry& entry) const {
    if (!Knows(entry)) return {};
    return {snapshot_.policy.get(), methods_};
  }

 private:
  const enforce::Snapshot& snapshot_;
  const std::vector<std::string>& methods_;
  std::set<uint64_t> current_;
};

class ControlService final : public v1::Control::Service {
 public:
  explicit ControlService(const ControlPorts& ports) : ports_(ports) {}

  grpc::Status GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest*,
                          v1::GetVersionResponse* response) override {
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

  grpc::Status ImportSubjects(grpc::ServerContext* context,
                              grpc::ServerReader<v1::ImportSubjectsRequest>* reader,
                              v1::ImportSubjectsResponse* response) override {
    Asked asked(ports_, *context, "/domicile.v1.Control/ImportSubjects", "subject.import");
    if (!asked.caller.identified()) return asked.Denied();
    std::string csv;
    v1::ImportSubjectsRequest part;
    while (reader->Read(&part)) {
      if (csv.size() + part.csv().size() > kImportBytesMax) {
        return Error(absl::ResourceExhaustedError("import: more than 64 MiB; cut the file"));
      }
      csv += part.csv();
    }
    absl::StatusOr<ImportCounts> counts = ports_.import(csv);
    asked.LogChange(counts.status());
    if (!counts.ok()) return Error(counts.status());
    response->set_lines(counts->lines);
    response->set_added(counts->added);
    response->set_unchanged(counts->unchanged);
    return grpc::Status::OK;
  }

  grpc::Status SetHome(grpc::ServerContext* context, const v1::SetHomeRequest* request,
                       v1::SetHomeResponse*) override {
    Asked asked(ports_, *context, "/domicile.v1.Control/SetHome", "subject.set-home");
    if (!asked.caller.identified()) return asked.Denied();
    if (request->subject().namespace_().empty() || request->subject().id().empty()) {
      return Error(absl::InvalidArgumentError("subject needs a namespace and an id"));
    }
    if (!asked.snapshot->policy->vocabulary().regions.Find(request->region())) {
      return Error(absl::InvalidArgumentError(
          absl::StrCat("no region `", request->region(), "` in the policy")));
    }
    absl::Time since = absl::FromUnixSeconds(absl::ToUnixSeconds(ports_.clock->Now()));
    if (!request->since().empty()) {
      const std::optional<absl::Time> given = base::ParseTime(request->since());
      if (!given) return Error(absl::InvalidArgumentError("since must be RFC 3339 or a date"));
      since = *given;
    }
    const absl::Status done =
        ports_.set_home(FromProto(request->subject()), request->region(), since);
    asked.LogChange(done);
    return done.ok() ? grpc::Status::OK : Error(done);
  }

  grpc::Status ShowSubject(grpc::ServerContext* context, const v1::ShowSubjectRequest* request,
                           v1::ShowSubjectResponse* response) override {
    Asked asked(ports_, *context, "/domicile.v1.Control/ShowSubject", "subject.show");
    if (!asked.caller.identified()) return asked.Denied();
    const std::vector<access::DataSubject> subjects = {FromProto(request->subject())};
    absl::StatusOr<std::vector<enforce::SubjectFacts>> facts = Locate(subjects);
    if (!facts.ok()) return Error(facts.status());
    const enforce::SubjectFacts& found = facts->front();
    ReadFacts read;
    read.origins = RegionsOf(*asked.snapshot, found);
    read.protected_person = found.protected_person;
    read.minor = found.minor;
    std::string decision_id;
    const grpc::Status decided = Decide(asked, subjects, {found.reference_key}, read, decision_id);
    if (!decided.ok()) return decided;
    for (const enforce::DatedHome& home : found.homes) {
      v1::Home* shown = response->add_homes();
      shown->set_region(home.region);
      shown->set_since(Rfc3339(home.since));
    }
    response->set_decision_id(decision_id);
    return grpc::Status::OK;
  }

  grpc::Status ShowTag(grpc::ServerContext* context, const v1::ShowTagRequest* request,
                       v1::ShowTagResponse* response) override {
    Asked asked(ports_, *context, "/domicile.v1.Control/ShowTag", "tag.show");
    if (!asked.caller.identified()) return asked.Denied();
    const std::optional<origin::Tag> tag = origin::ParseTag(request->tag());
    if (!tag) return Error(absl::InvalidArgumentError("these bytes are no origin tag"));
    std::vector<access::DataSubject> subjects;
    for (const v1::Subject& subject : request->subjects()) subjects.push_back(FromProto(subject));
    absl::StatusOr<std::vector<enforce::SubjectFacts>> facts = Locate(subjects);
    if (!facts.ok()) return Error(facts.status());
    ReadFacts read;
    read.protected_person = read.minor =
        subjects.empty() ? access::Tri::kUnknown : access::Tri::kFalse;
    std::vector<std::string> keys;
    for (const enforce::SubjectFacts& found : *facts) {
      read.origins = read.origins | RegionsOf(*asked.snapshot, found);
      read.protected_person = Either(read.protected_person, found.protected_person);
      read.minor = Either(read.minor, found.minor);
      keys.push_back(found.reference_key);
    }
    for (const std::string& region : tag->regions) {
      if (auto index = asked.snapshot->policy->vocabulary().regions.Find(region)) {
        read.origins.Add(*index);
      }
    }
    std::string decision_id;
    const grpc::Status decided = Decide(asked, subjects, keys, read, decision_id);
    if (!decided.ok()) return decided;
    response->set_check(CheckTag(*asked.snapshot, *request, subjects));
    response->set_issuer(tag->issuer);
    for (const std::string& region : tag->regions) response->add_regions(region);
    response->set_created_at(Rfc3339(tag->created_at));
    response->set_key_id(absl::StrCat(absl::Hex(tag->key_id, absl::kZeroPad8)));
    response->set_decision_id(decision_id);
    return grpc::Status::OK;
  }

  grpc::Status TailLog(grpc::ServerContext* context, const v1::TailLogRequest* request,
                       grpc::ServerWriter<v1::TailLogResponse>* writer) override {
    Asked asked(ports_, *context, "/domicile.v1.Control/TailLog", "log.tail");
    if (!asked.caller.identified()) return asked.Denied();
    const std::vector<std::string> methods = ports_.methods();
    Namer namer(*asked.snapshot, methods);
    uint64_t left = request->limit() == 0 ? ~uint64_t{0} : request->limit();
    // A stream must not outlive what identified its caller.
    const auto stop = [&] {
      return context->IsCancelled() || ports_.clock->Now() >= asked.caller.principal.valid_until;
    };
    const absl::Status read = ports_.read_log(
        [&](uint64_t index, absl::string_view bytes) {
          absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
          if (!entry.ok()) return true;
          namer.Learn(index, *entry);
          if (index < request->from_index()) return !stop();
          v1::TailLogResponse shown;
          shown.set_index(index);
          shown.set_entry(std::string(bytes));
          shown.set_json(control::EntryJson(index, *entry, namer.For(*entry)));
          return writer->Write(shown) && --left > 0 && !stop();
        },
        request->follow(), stop);
    return read.ok() ? grpc::Status::OK : Error(read);
  }

  grpc::Status Why(grpc::ServerContext* context, const v1::WhyRequest* request,
                   v1::WhyResponse* response) override {
    Asked asked(ports_, *context, "/domicile.v1.Control/Why", "why");
    if (!asked.caller.identified()) return asked.Denied();
    const std::vector<std::string> methods = ports_.methods();
    Namer namer(*asked.snapshot, methods);
    ReadFacts read;
    read.protected_person = read.minor = access::Tri::kFalse;
    const absl::Status status = ports_.read_log(
        [&](uint64_t index, absl::string_view bytes) {
          absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
          if (!entry.ok()) return true;
          namer.Learn(index, *entry);
          const auto* decision = std::get_if<audit::DecisionEntry>(&entry->body);
          if (decision == nullptr || Hex(decision->decision_id) != request->decision_id() ||
              response->entries_size() >= static_cast<int>(kWhyEntriesMax)) {
            return true;
          }
          read.origins = read.origins | decision->origins;
          read.protected_person = Either(read.protected_person, decision->protected_person);
          read.minor = Either(read.minor, decision->minor);
          AddWhy(index, *entry, std::string(bytes), namer, *asked.snapshot, *response);
          return true;
        },
        /*wait=*/false, [context] { return context->IsCancelled(); });
    if (!status.ok()) return Error(status);
    // Judged whether or not it was found: an unknown id tells nothing to who may not know.
    if (read.origins.empty()) read.origins = access::RegionSet::Of(asked.snapshot->region);
    std::string decision_id;
    const grpc::Status decided = Decide(asked, {}, {}, read, decision_id);
    if (!decided.ok()) {
      response->Clear();
      return decided;
    }
    response->set_decision_id(decision_id);
    return grpc::Status::OK;
  }

 private:
  // One call: its snapshot and its caller.
  struct Asked {
    Asked(const ControlPorts& ports, const grpc::ServerContext& context, const char* method_path,
          const char* role)
        : snapshot(ports.snapshot()),
          path(method_path),
          role_method(role),
          caller(IdentifyCaller(ports, *snapshot, context, path, role)) {}
    grpc::Status Denied() const {
      base::Log(base::LogLevel::kWarning, "control.denied",
                {{"method", base::NotPersonal(role_method)},
                 {"reason", base::NotPersonal(Name(caller.problem))}});
      return Deny(caller.problem, "");
    }
    void LogChange(const absl::Status& status) const {
      base::Log(base::LogLevel::kInfo, "control.change",
                {{"method", base::NotPersonal(role_method)}, {"status", status}});
    }
    std::shared_ptr<const enforce::Snapshot> snapshot;
    absl::string_view path;
    absl::string_view role_method;
    identity::Identification caller;
  };

  struct ReadFacts {
    access::RegionSet origins;
    access::Tri protected_person = access::Tri::kUnknown;
    access::Tri minor = access::Tri::kUnknown;
  };

  // T if it is for one of them, else U if it is for one (S2).
  static access::Tri Either(access::Tri a, access::Tri b) {
    if (a == access::Tri::kTrue || b == access::Tri::kTrue) return access::Tri::kTrue;
    if (a == access::Tri::kUnknown || b == access::Tri::kUnknown) return access::Tri::kUnknown;
    return access::Tri::kFalse;
  }

  // Of every home to date; our own for somebody without one, so that who may not know learns
  // nothing and who may reads an empty list.
  static access::RegionSet RegionsOf(const enforce::Snapshot& snapshot,
                                     const enforce::SubjectFacts& facts) {
    access::RegionSet regions;
    for (const enforce::DatedHome& home : facts.homes) {
      if (auto index = snapshot.policy->vocabulary().regions.Find(home.region)) {
        regions.Add(*index);
      }
    }
    return regions.empty() ? access::RegionSet::Of(snapshot.region) : regions;
  }

  static std::string CheckTag(const enforce::Snapshot& snapshot, const v1::ShowTagRequest& request,
                              const std::vector<access::DataSubject>& subjects) {
    if (subjects.empty() || snapshot.tags == nullptr) return "not_checked";
    std::vector<const access::DataSubject*> pointers;
    for (const access::DataSubject& subject : subjects) pointers.push_back(&subject);
    const origin::TagResult result = snapshot.tags->Check(
        request.tag(), {pointers, request.message_name(), request.record_id()}, absl::Now());
    return std::string(Name(result.check));
  }

  static void AddWhy(uint64_t index, const audit::Entry& entry, std::string bytes,
                     const Namer& namer, const enforce::Snapshot& snapshot,
                     v1::WhyResponse& response) {
    v1::TailLogResponse* shown = response.add_entries();
    shown->set_index(index);
    shown->set_entry(std::move(bytes));
    shown->set_json(control::EntryJson(index, entry, namer.For(entry)));
    response.add_lines(control::EntryLine(index, entry, namer.For(entry)));
    const auto& decision = std::get<audit::DecisionEntry>(entry.body);
    if (!namer.Knows(entry) || decision.rules.empty()) return;
    const audit::RecordInput input(decision);
    access::RecordDecision answer;
    answer.effect = decision.effect;
    answer.existence = decision.existence;
    answer.reason = decision.reason;
    answer.rules = decision.rules;
    answer.legal = decision.legal;
    answer.legal_class = decision.legal_class;
    answer.company = decision.company;
    const policy::Explanation explanation =
        policy::Explain(*snapshot.policy, audit::ToCallFacts(decision), input.facts, answer);
    response.add_lines(explanation.sentence);
    for (const std::string& citation : explanation.citations) response.add_lines(citation);
  }

  absl::StatusOr<std::vector<enforce::SubjectFacts>> Locate(
      const std::vector<access::DataSubject>& subjects) {
    if (subjects.empty()) return std::vector<enforce::SubjectFacts>();
    enforce::LocateResult result;
    absl::Notification done;
    ports_.directory->Locate(subjects, [&](enforce::LocateResult found) {
      result = std::move(found);
      done.Notify();
    });
    done.WaitForNotification();
    if (!result.status.ok()) return result.status;
    return std::move(result.subjects);
  }

  // Decides, records, and only then lets the answer go. OK: allowed and durable.
  grpc::Status Decide(const Asked& asked, const std::vector<access::DataSubject>& subjects,
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
    enforce::AppendResult appended;
    absl::Notification done;
    // An officer may sit in another region: as strong as what crosses a border.
    ports_.log->Append({answer->entry}, enforce::Strength::kIntegrated,
                       [&](enforce::AppendResult result) {
                         appended = std::move(result);
                         done.Notify();
                       });
    done.WaitForNotification();
    if (!appended.status.ok()) return Deny(Reason::kAuditUnavailable, decision_id);
    if (!answer->allowed()) return Deny(answer->reason, decision_id);
    return grpc::Status::OK;
  }

  const ControlPorts& ports_;
};

class GrpcControlServer final : public ControlServer {
 public:
  explicit GrpcControlServer(ControlPorts ports) : ports_(std::move(ports)), service_(ports_) {}
  ~GrpcControlServer() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  }

  absl::Status Listen() {
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = ports_.roots_pem;
    tls.pem_key_cert_pairs.push_back({ports_.private_key_pem, ports_.certificate_pem});
    grpc::ResourceQuota quota("control");
    quota.SetMaxThreads(kControlThreadsMax);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(ports_.config->control->Address(), grpc::SslServerCredentials(tls),
                             &port);
    // Two gateways on one port would each get half of the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetResourceQuota(quota);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    base::Zeroise(&ports_.private_key_pem);
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", ports_.config->control->Address()));
    }
    port_ = static_cast<uint16_t>(port);
    return absl::OkStatus();
  }
  uint16_t port() const override { return port_; }

 private:
  ControlPorts ports_;
  ControlService service_;
  std::unique_ptr<grpc::Server> server_;
  uint16_t port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(ControlPorts ports) {
  auto server = std::make_unique<GrpcControlServer>(std::move(ports));
  const absl::Status listening = server->Listen();
  if (!listening.ok()) return listening;
  return server;
}

}  // namespace domicile::services
