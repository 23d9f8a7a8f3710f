#include "gateway/services/control_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/services/control_service.h"
#include "gateway/services/exception_service.h"

namespace domicile::services {
namespace {

constexpr std::chrono::seconds kShutdownGrace{1};

class GrpcControlServer final : public ControlServer {
 public:
  explicit GrpcControlServer(ControlPorts ports)
      : ports_(std::move(ports)), service_(ports_), exceptions_(ports_) {}
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
    builder.RegisterService(&exceptions_);
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
  ExceptionService exceptions_;
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
