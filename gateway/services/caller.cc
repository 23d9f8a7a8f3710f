#include "gateway/services/caller.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/control/officer_read.h"

namespace domicile::services {
namespace {

using access::Reason;

std::string View(grpc::string_ref text) { return std::string(text.data(), text.size()); }

// The value; nullopt when it is sent more than once, since nobody can say which one counts.
std::optional<std::string> OneValue(const grpc::ServerContext& context, const char* name) {
  auto [first, last] = context.client_metadata().equal_range(name);
  if (first == last) return "";
  std::string value = View(first->second);
  return ++first == last ? std::optional<std::string>(std::move(value)) : std::nullopt;
}

// gRPC has checked the chain against all roots; that the roots of the workload's own trust domain
// signed it is ours to check.
std::optional<identity::CertificateFacts> CertificateOf(const ControlPorts& ports,
                                                        const grpc::ServerContext& context) {
  // On a server the chain comes without its leaf, which is a property of its own.
  std::vector<std::string> der;
  for (const char* property : {"x509_pem_cert", "x509_pem_cert_chain"}) {
    const std::vector<grpc::string_ref> values =
        context.auth_context()->FindPropertyValues(property);
    if (values.size() > 1 || (values.empty() && der.empty())) return std::nullopt;
    if (values.empty()) continue;
    absl::StatusOr<std::vector<crypto::Certificate>> certificates =
        crypto::ParseCertificatesPem(View(values[0]));
    if (!certificates.ok()) return std::nullopt;
    for (const crypto::Certificate& certificate : *certificates) {
      if (std::find(der.begin(), der.end(), certificate.der) == der.end()) {
        der.push_back(certificate.der);
      }
    }
  }
  absl::StatusOr<crypto::PeerIdentity> peer =
      ports.trust_domains()->VerifyPeer(der, crypto::PeerRole::kClient, ports.clock->Now());
  if (!peer.ok()) return std::nullopt;
  return identity::CertificateFacts{peer->spiffe.text, peer->spiffe.trust_domain, peer->fingerprint,
                                    peer->not_after};
}

identity::Identification Denied(Reason reason, absl::string_view detail) {
  identity::Identification denied;
  denied.problem = reason;
  denied.detail = std::string(detail);
  return denied;
}

}  // namespace

identity::Identification IdentifyCaller(const ControlPorts& ports,
                                        const enforce::Snapshot& snapshot,
                                        const grpc::ServerContext& context, absl::string_view path,
                                        absl::string_view role_method) {
  const std::optional<identity::CertificateFacts> certificate = CertificateOf(ports, context);
  if (!certificate) return Denied(Reason::kWorkloadUnknown, "client certificate does not verify");
  const std::optional<std::string> authorization = OneValue(context, "authorization"),
                                   purpose = OneValue(context, "domicile-purpose"),
                                   ticket = OneValue(context, "domicile-ticket");
  if (!authorization || !purpose || !ticket) {
    return Denied(Reason::kRequestMalformed, "metadata that may come once came twice");
  }
  identity::Credentials credentials;
  credentials.certificate = &*certificate;
  credentials.authorization = *authorization;
  credentials.purpose = *purpose;
  credentials.ticket = *ticket;
  credentials.method = path;
  identity::Identification caller =
      identity::Identify(*snapshot.trust, snapshot.policy->vocabulary(), credentials,
                         ports.clock->Now(), nullptr, nullptr);
  if (!caller.identified()) return caller;
  // Officers and operators are people: a workload alone holds no role.
  if (caller.principal.kind != access::PrincipalKind::kStaff) {
    return Denied(Reason::kTokenMissing, "the control service needs the token of staff");
  }
  if (!control::RoleCovers(caller.role_names, ports.config->control_roles, role_method)) {
    return Denied(Reason::kNotPermitted, "no role of the caller may call this control method");
  }
  return caller;
}

}  // namespace domicile::services
