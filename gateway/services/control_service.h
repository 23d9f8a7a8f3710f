// control_service.h — the methods of the control listener: ask, decide, record, answer.
//
// For control_server.cc. The methods stand in files of their own, by what they are about:
// people (subject_commands.cc), the log (log_commands.cc), and what they share
// (control_service.cc). Source: design 6.10; proto/domicile/v1/control.proto.
// Thread-safety: thread-safe. Lifetime: the ports outlive the service.
// Errors: as gRPC statuses; a denial carries the reason's details as on the data plane.
#ifndef DOMICILE_GATEWAY_SERVICES_CONTROL_SERVICE_H_
#define DOMICILE_GATEWAY_SERVICES_CONTROL_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "domicile/v1/control.grpc.pb.h"
#include "gateway/access/finding.h"
#include "gateway/access/reason.h"
#include "gateway/audit/entry.h"
#include "gateway/control/home_change.h"
#include "gateway/enforce/ports.h"
#include "gateway/enforce/snapshot.h"
#include "gateway/identity/identify.h"
#include "gateway/services/append.h"
#include "gateway/services/control_server.h"

namespace domicile::services {

std::string Hex(const audit::DecisionId& id);
grpc::Status Error(const absl::Status& status);
grpc::Status Deny(access::Reason reason, absl::string_view decision_id);
access::DataSubject FromProto(const domicile::v1::Subject& subject);
// Empty for InfinitePast.
std::string Rfc3339(absl::Time time);
// T if it is for one of them, else U if it is for one (S2).
access::Tri Either(access::Tri a, access::Tri b);

// Blocking; errors are the directory's.
absl::StatusOr<std::vector<enforce::SubjectFacts>> Locate(
    enforce::Directory& directory, const std::vector<access::DataSubject>& subjects);

class ControlService final : public domicile::v1::Control::Service {
 public:
  explicit ControlService(const ControlPorts& ports) : ports_(ports) {}

  grpc::Status GetVersion(grpc::ServerContext* context, const domicile::v1::GetVersionRequest*,
                          domicile::v1::GetVersionResponse* response) override;
  grpc::Status ImportSubjects(grpc::ServerContext* context,
                              grpc::ServerReader<domicile::v1::ImportSubjectsRequest>* reader,
                              domicile::v1::ImportSubjectsResponse* response) override;
  grpc::Status SetHome(grpc::ServerContext* context, const domicile::v1::SetHomeRequest* request,
                       domicile::v1::SetHomeResponse* response) override;
  grpc::Status ShowSubject(grpc::ServerContext* context,
                           const domicile::v1::ShowSubjectRequest* request,
                           domicile::v1::ShowSubjectResponse* response) override;
  grpc::Status ShowTag(grpc::ServerContext* context, const domicile::v1::ShowTagRequest* request,
                       domicile::v1::ShowTagResponse* response) override;
  grpc::Status TailLog(grpc::ServerContext* context, const domicile::v1::TailLogRequest* request,
                       grpc::ServerWriter<domicile::v1::TailLogResponse>* writer) override;
  grpc::Status Why(grpc::ServerContext* context, const domicile::v1::WhyRequest* request,
                   domicile::v1::WhyResponse* response) override;

 private:
  // One call: its snapshot and its caller.
  struct Asked {
    Asked(const ControlPorts& ports, const grpc::ServerContext& context, const char* method_path,
          const char* role);
    grpc::Status Denied() const;
    void LogChange(const absl::Status& status) const;
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

  // Decides, records, and only then lets the answer go. OK: allowed and durable.
  grpc::Status Decide(const Asked& asked, const std::vector<access::DataSubject>& subjects,
                      const std::vector<std::string>& keys, const ReadFacts& facts,
                      std::string& decision_id);

  // Makes the entry that stands before a change of homes.
  using MakeHomeEntry = absl::FunctionRef<absl::StatusOr<std::string>(
      const control::HomeChange&, const audit::Nonce&, absl::Time)>;
  // Records, changes, records what came of it. OK: changed, and both entries are durable.
  grpc::Status ChangeHomes(const Asked& asked, MakeHomeEntry entry,
                           absl::FunctionRef<Changed()> change, std::string& decision_id);

  const ControlPorts& ports_;
};

}  // namespace domicile::services

#endif  // DOMICILE_GATEWAY_SERVICES_CONTROL_SERVICE_H_
