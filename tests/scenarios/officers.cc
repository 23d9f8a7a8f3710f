#include "tests/scenarios/officers.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "acme/profiles/v1/profiles.grpc.pb.h"
#include "gateway/main/demo/people.h"

namespace domicile::scenarios {
namespace {

demo::StaffMember Member(const std::string& id, const std::string& region,
                         const std::string& employer, const std::string& residence,
                         std::vector<std::string> roles, const std::string& manager) {
  demo::StaffMember member;
  member.id = id;
  member.issuer_region = region;
  member.employer = employer;
  member.residence = residence;
  member.roles = std::move(roles);
  member.us_person = false;
  member.manager = manager;
  return member;
}

}  // namespace

std::vector<demo::StaffMember> Company() {
  return {
      Member(kEngineer, "cn", "acme-cn", "CN", {"engineer"}, kLead),
      Member(kLead, "cn", "acme-cn", "CN", {"engineer", "compliance_officer"}, "s-chief"),
      Member("s-chief", "cn", "acme-cn", "CN", {}, ""),
      Member(kCompliance, "eu", "acme-ie", "IE", {"compliance_officer"}, "s-board"),
      Member(kPrivacy, "eu", "acme-ie", "IE", {"privacy_officer"}, "s-board"),
      Member(kAbroad, "eu", "acme-ie", "CN", {"compliance_officer"}, "s-board"),
      Member(kInLine, "eu", "acme-ie", "IE", {"compliance_officer"}, kEngineer),
      Member("s-board", "eu", "acme-ie", "IE", {}, ""),
  };
}

void UseCompany(demo::WorldOptions& options) {
  options.gateway_command = {DOMICILE_PROGRAM, "gateway"};
  options.regions = {"eu", "cn"};
  options.staff = Company();
  options.officers = {kCompliance, kPrivacy, kAbroad, kInLine};
}

const demo::StaffMember& Officers::member(const std::string& who) const {
  for (const demo::StaffMember& member : regions_.world().options().staff) {
    if (member.id == who) return member;
  }
  std::abort();  // a test that names nobody would prove nothing
}

cli::Said Officers::Run(const std::string& who, std::vector<std::string> words,
                        const std::string& region) {
  support::TempDir own;
  demo::World& world = regions_.world();
  const std::string& home = member(who).issuer_region;
  const auto credentials =
      world.CredentialsFor(home, absl::StrCat("spiffe://", home, ".acme.example/svc/console"))
          .value();
  return cli::RunDomicile(cli::WithConnection(own, world.control_address(region), credentials,
                                              world.StaffToken(member(who)).value(),
                                              std::move(words)));
}

nlohmann::json Officers::Json(const std::string& who, std::vector<std::string> words,
                              cli::Said* said) {
  words.push_back("--output");
  words.push_back("json");
  *said = Run(who, std::move(words));
  return said->code == 0 ? nlohmann::json::parse(said->out, nullptr, false) : nlohmann::json();
}

cli::Said Officers::Sign(const std::string& who, const std::string& verb,
                         const std::string& exception, std::vector<std::string> more) {
  demo::World& world = regions_.world();
  std::vector<std::string> words = {
      "exception",         verb,
      exception,           "--yes",
      "--officer-key",     world.path(absl::StrCat("officers/", who, ".pem")),
      "--passphrase-file", world.path(absl::StrCat("officers/", who, ".passphrase"))};
  words.insert(words.end(), more.begin(), more.end());
  return Run(who, std::move(words));
}

cli::Said Officers::Submit(const std::string& exception, const std::vector<std::string>& people,
                           std::vector<std::string> more) {
  std::vector<std::string> words = {
      "exception", "submit", exception, "--reason", "sessions fail since noon",
      "--basis",   "gdpr-46"};
  if (std::find(more.begin(), more.end(), "--window") == more.end()) {
    words.insert(words.end(), {"--window", "1h"});
  }
  for (const std::string& person : people) {
    words.push_back("--subject");
    words.push_back(absl::StrCat(demo::kUserNamespace, ":", person));
  }
  words.insert(words.end(), more.begin(), more.end());
  return Run(kEngineer, std::move(words));
}

Call Officers::ReadCall() {
  Call call;
  call.gateway = "cn";
  call.workload = "spiffe://cn.acme.example/svc/tools";
  call.method = "/acme.profiles.v1.Profiles/Get";
  call.token = regions_.world().StaffToken(member(kEngineer)).value();
  call.purpose = "incident";
  return call;
}

namespace {

class EngineersWatch final : public WatchStream {
 public:
  EngineersWatch(demo::World& world, const Call& call, const std::string& user_id) {
    const auto credentials = world.CredentialsFor("cn", call.workload).value();
    stub_ = acme::profiles::v1::Profiles::NewStub(
        grpc::CreateChannel(world.gateway_address(call.gateway),
                            grpc::SslCredentials({credentials.roots, credentials.private_key,
                                                  credentials.certificate_chain})));
    context_.set_deadline(std::chrono::system_clock::now() + kStreamTimeout);
    context_.AddMetadata("authorization", "Bearer " + call.token);
    context_.AddMetadata("domicile-purpose", call.purpose);
    acme::profiles::v1::WatchRequest request;
    request.set_user_id(user_id);
    reader_ = stub_->Watch(&context_, request);
  }
  bool Next() override {
    acme::profiles::v1::Profile profile;
    if (reader_->Read(&profile)) return true;
    status_ = reader_->Finish();
    return false;
  }
  grpc::Status status() const override { return status_; }

 private:
  static constexpr std::chrono::seconds kStreamTimeout{60};
  std::unique_ptr<acme::profiles::v1::Profiles::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<acme::profiles::v1::Profile>> reader_;
  grpc::Status status_;
};

}  // namespace

std::unique_ptr<WatchStream> Officers::Watch(const std::string& user_id) {
  return std::make_unique<EngineersWatch>(regions_.world(), ReadCall(), user_id);
}

Answer Officers::Read(const std::string& user_id) {
  acme::profiles::v1::GetRequest request;
  request.set_user_id(user_id);
  return regions_.Send(ReadCall(), request);
}

}  // namespace domicile::scenarios
