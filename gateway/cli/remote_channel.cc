#include "gateway/cli/remote_channel.h"

#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/output.h"

namespace domicile::cli {

namespace v1 = domicile::v1;

bool ReadOption(const std::string& path, const char* option, bool secret, std::string& out) {
  if (path.empty()) {
    Output::Say(absl::StrCat(option, " FILE is missing"));
    return false;
  }
  absl::StatusOr<std::string> content =
      secret ? base::ReadSecretFile(path) : base::ReadFile(path, base::limits::kSecretFileBytesMax);
  if (!content.ok()) {
    Output::Say(absl::StrCat(path, ": ", content.status().message()));
    return false;
  }
  out = *std::move(content);
  return true;
}

bool SplitSubject(const std::string& text, std::string& name_space, std::string& id) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    Output::Say("a subject is NAMESPACE:ID, such as acme.user:u-1");
    return false;
  }
  name_space = text.substr(0, colon);
  id = text.substr(colon + 1);
  return true;
}

int Remote::Open() {
  grpc::SslCredentialsOptions tls;
  if (place_.address.empty()) {
    Output::Say("say which gateway: --gateway HOST:PORT of its control listener");
    return kBadInput;
  }
  if (!ReadOption(place_.roots, "--roots", /*secret=*/false, tls.pem_root_certs) ||
      !ReadOption(place_.certificate, "--certificate", /*secret=*/false, tls.pem_cert_chain) ||
      !ReadOption(place_.key, "--key", /*secret=*/true, tls.pem_private_key)) {
    return kBadInput;
  }
  if (place_.token_file == "-") {
    token_.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else if (!ReadOption(place_.token_file, "--token-file", /*secret=*/true, token_)) {
    return kBadInput;
  }
  token_ = std::string(absl::StripAsciiWhitespace(token_));
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateChannel(place_.address, grpc::SslCredentials(tls));
  control_ = v1::Control::NewStub(channel);
  exceptions_ = v1::Exceptions::NewStub(channel);
  return kDone;
}

void Remote::Prepare(grpc::ClientContext& context, std::chrono::seconds timeout) const {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  context.AddMetadata("authorization", absl::StrCat("Bearer ", token_));
  if (!place_.purpose.empty()) context.AddMetadata("domicile-purpose", place_.purpose);
  if (!place_.ticket.empty()) context.AddMetadata("domicile-ticket", place_.ticket);
}

int Remote::Fail(const grpc::Status& status) {
  Output::Say(status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return kUnreachable;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::FAILED_PRECONDITION:
      return kDenied;
    case grpc::StatusCode::INVALID_ARGUMENT:
      return kBadInput;
    default:
      return kFailed;
  }
}

}  // namespace domicile::cli
