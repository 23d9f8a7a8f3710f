// remote_channel.h — a channel to a gateway's control service, and what goes with each call.
//
// Private to cli/. Mutual TLS with the caller's certificate, and the caller's own token.
// Source: design 6.10; docs/commands.md. Errors: exit codes of cli.h, with the problem on stderr.
// Thread-compatible. Lifetime: the place outlives it.
#ifndef DOMICILE_GATEWAY_CLI_REMOTE_CHANNEL_H_
#define DOMICILE_GATEWAY_CLI_REMOTE_CHANNEL_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "domicile/v1/control.grpc.pb.h"
#include "domicile/v1/exceptions.grpc.pb.h"
#include "gateway/cli/remote.h"

namespace domicile::cli {

inline constexpr std::chrono::seconds kRemoteTimeout{30};

class Remote {
 public:
  explicit Remote(const RemotePlace& place) : place_(place) {}

  // kDone, or what is wrong with the place.
  int Open();
  domicile::v1::Control::Stub& control() { return *control_; }
  domicile::v1::Exceptions::Stub& exceptions() { return *exceptions_; }
  void Prepare(grpc::ClientContext& context, std::chrono::seconds timeout = kRemoteTimeout) const;
  // Says why on stderr.
  static int Fail(const grpc::Status& status);

 private:
  const RemotePlace& place_;
  std::string token_;
  std::unique_ptr<domicile::v1::Control::Stub> control_;
  std::unique_ptr<domicile::v1::Exceptions::Stub> exceptions_;
};

// NAMESPACE:ID into both; false with the problem on stderr.
bool SplitSubject(const std::string& text, std::string& name_space, std::string& id);

// A file named by an option, or what is wrong with it on stderr and false. `secret`: of mode 0600.
bool ReadOption(const std::string& path, const char* option, bool secret, std::string& out);

}  // namespace domicile::cli

#endif  // DOMICILE_GATEWAY_CLI_REMOTE_CHANNEL_H_
