#include "gateway/services/control_server.h"

#include <grpc/grpc_security.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/services/control_service.h"
#include "gateway/services/exception_service.h"

namespace domicile::services {
namespace {

constexpr std::chrono::seconds kShutdownGrace{1};

// Asks for certificate, key and roots anew at each handshake, so that they may change while the
// listener stays. gRPC's own providers watch files; ours were verified, as a whole, already.
class FreshCredentials final : public grpc::ServerCredentials {
 public:
  explicit FreshCredentials(const ControlPorts& ports)
      : ports_(ports),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, Fetch, this))) {}
  ~FreshCredentials() override { grpc_server_credentials_release(credentials_); }
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // One at a time: gRPC holds a lock of the listener.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<FreshCredentials*>(self);
    const uint64_t version = credentials.ports_.tls_version();
    if (version == credentials.version_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    ControlTls tls = credentials.ports_.tls();
    const grpc_ssl_pem_key_cert_pair pair{tls.private_key_pem.c_str(), tls.certificate_pem.c_str()};
    *config = grpc_ssl_server_certificate_config_create(tls.roots_pem.c_str(), &pair, 1);
    base::Zeroise(&tls.private_key_pem);
    credentials.version_ = version;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const ControlPorts& ports_;
  std::optional<uint64_t> version_;  // that gRPC has
  grpc_server_credentials* const credentials_;
};

class GrpcControlServer final : public ControlServer {
 public:
  explicit GrpcControlServer(ControlPorts ports)
      : ports_(std::move(ports)),
        service_(ports_),
        exceptions_(ports_),
        credentials_(std::make_shared<FreshCredentials>(ports_)) {}
  ~GrpcControlServer() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  }

  absl::Status Listen() {
    grpc::ResourceQuota quota("control");
    quota.SetMaxThreads(kControlThreadsMax);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(ports_.config->control->Address(), credentials_, &port);
    // Two gateways on one port would each get half of the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetResourceQuota(quota);
    builder.RegisterService(&service_);
    builder.RegisterService(&exceptions_);
    server_ = builder.BuildAndStart();
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
  // Asked at each handshake, and kept by nobody else.
  const std::shared_ptr<FreshCredentials> credentials_;
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
