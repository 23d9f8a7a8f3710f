// exception_service.h — the methods about exceptions: read, ask control/, record, store, answer.
//
// For control_server.cc. The methods stand in files of their own: the requester's, and what all
// share (exception_service.cc), lists (exception_lists.cc), the officers' (exception_officers.cc).
// Source: design 6.6; proto/domicile/v1/exceptions.proto; docs/exceptions.md.
// Thread-safety: thread-safe; changes are made one at a time, another process's are noticed by
// the store. Lifetime: the ports outlive the service.
// Errors: as gRPC statuses with the reason's details; refused signatures are recorded as alerts,
// other refusals stand in the operators' log.
#ifndef DOMICILE_GATEWAY_SERVICES_EXCEPTION_SERVICE_H_
#define DOMICILE_GATEWAY_SERVICES_EXCEPTION_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "domicile/v1/exceptions.grpc.pb.h"
#include "gateway/control/exception_commands.h"
#include "gateway/control/exception_entry.h"
#include "gateway/control/exception_store.h"
#include "gateway/enforce/snapshot.h"
#include "gateway/identity/identify.h"
#include "gateway/services/control_server.h"

namespace domicile::services {

class ExceptionService final : public domicile::v1::Exceptions::Service {
 public:
  explicit ExceptionService(const ControlPorts& ports) : ports_(ports) {}

  grpc::Status Draft(grpc::ServerContext* context, const domicile::v1::DraftRequest* request,
                     domicile::v1::ExceptionResponse* response) override;
  grpc::Status Submit(grpc::ServerContext* context, const domicile::v1::SubmitRequest* request,
                      domicile::v1::ExceptionResponse* response) override;
  grpc::Status Withdraw(grpc::ServerContext* context, const domicile::v1::WithdrawRequest* request,
                        domicile::v1::ExceptionResponse* response) override;
  grpc::Status List(grpc::ServerContext* context, const domicile::v1::ListRequest* request,
                    domicile::v1::ListResponse* response) override;
  grpc::Status Show(grpc::ServerContext* context, const domicile::v1::ShowRequest* request,
                    domicile::v1::ShowResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context, const domicile::v1::WatchRequest* request,
                     grpc::ServerWriter<domicile::v1::WatchResponse>* writer) override;
  grpc::Status Prepare(grpc::ServerContext* context, const domicile::v1::PrepareRequest* request,
                       domicile::v1::PrepareResponse* response) override;
  grpc::Status Sign(grpc::ServerContext* context, const domicile::v1::SignRequest* request,
                    domicile::v1::ExceptionResponse* response) override;
  grpc::Status Reads(grpc::ServerContext* context, const domicile::v1::ReadsRequest* request,
                     grpc::ServerWriter<domicile::v1::ReadsResponse>* writer) override;
  grpc::Status ListOfficers(grpc::ServerContext* context,
                            const domicile::v1::ListOfficersRequest* request,
                            domicile::v1::ListOfficersResponse* response) override;

 private:
  // One call: its snapshot, its caller, and what holds now.
  struct Asked {
    std::shared_ptr<const enforce::Snapshot> snapshot;
    identity::Identification caller;
    std::vector<exceptions::OfficerKey> keys;
    absl::Time now;
    audit::DecisionId decision_id{};
    control::Asking asking() const {
      return {*snapshot->policy, caller, snapshot->trust->staff.get(), keys, now};
    }
  };
  // OK: identified, with one of the roles that `role_method` asks for.
  grpc::Status Begin(const grpc::ServerContext& context, absl::string_view path,
                     absl::string_view role_method, Asked& asked) const;
  control::ExceptionNote NoteOf(const Asked& asked) const;
  grpc::Status Refuse(const Asked& asked, const control::Refused& refused) const;
  // The same, and an ALERT in the log says so first.
  grpc::Status RefuseLoudly(const Asked& asked, const control::Refused& refused) const;

  absl::StatusOr<control::ExceptionDetail> Get(absl::string_view id_text) const;
  // Every row after `position`, as time has made it.
  absl::StatusOr<control::ExceptionFeed> Changes(uint64_t position, absl::Time now) const;
  // All of them, in the order of their last change, until `each` gives an error, which is the
  // answer.
  absl::Status ForEachRow(absl::Time now,
                          absl::FunctionRef<absl::Status(const control::ExceptionRow&)> each) const;
  // Own, or of this region and the caller is one of its officers.
  bool MaySee(const Asked& asked, const control::ExceptionRow& row) const;
  absl::StatusOr<bool> IsSwapPair(const Asked& asked, const control::ExceptionRow& row) const;
  absl::StatusOr<uint32_t> BreakGlassUses(const Asked& asked,
                                          const control::ExceptionRow& row) const;
  // Entry, change, outcome; then this process's data path hears of it.
  grpc::Status Store(const Asked& asked, control::ExceptionChange change,
                     std::optional<exceptions::Event> event, absl::string_view statement,
                     domicile::v1::ExceptionResponse& response);
  void Fill(const Asked& asked, const control::ExceptionDetail& detail,
            domicile::v1::ExceptionResponse& response) const;

  const ControlPorts& ports_;
  std::mutex changing_;  // held while a row is read, judged and changed
};

domicile::v1::ExceptionRow RowToProto(const control::ExceptionRow& row,
                                      const control::Usage& usage);
domicile::v1::ExceptionTerms TermsToProto(const exceptions::Terms& terms);

}  // namespace domicile::services

#endif  // DOMICILE_GATEWAY_SERVICES_EXCEPTION_SERVICE_H_
